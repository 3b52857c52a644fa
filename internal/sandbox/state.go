package sandbox

import (
	"crypto/rand"
	"maps"
	"slices"
	"time"
)

// state is everything both vendors remember.
type state struct {
	Seq        int64
	Intents    map[string]*intent
	Refunds    map[string]*refund
	Disputes   map[string]*dispute
	Keys       map[string]*storedReply
	Mails      map[string]*Mail
	Fates      map[string]*Fate // by recipient
	Deliveries map[string]*delivery
}

func newState() state {
	return state{
		Intents:    map[string]*intent{},
		Refunds:    map[string]*refund{},
		Disputes:   map[string]*dispute{},
		Keys:       map[string]*storedReply{},
		Mails:      map[string]*Mail{},
		Fates:      map[string]*Fate{},
		Deliveries: map[string]*delivery{},
	}
}

// tx is one change of the state: what it touched is stored together.
type tx struct {
	s      *Sandbox
	now    time.Time
	dirty  []record
	events int
	// cause is the request that the change answers, for the events' request field.
	cause eventRequest
}

func (t *tx) next() int64 {
	t.s.state.Seq++
	return t.s.state.Seq
}

func (t *tx) putIntent(i *intent) {
	t.s.state.Intents[i.ID] = i
	t.dirty = append(t.dirty, record{bucketIntents, i.ID, i})
}

func (t *tx) putRefund(r *refund) {
	t.s.state.Refunds[r.ID] = r
	t.dirty = append(t.dirty, record{bucketRefunds, r.ID, r})
}

func (t *tx) putDispute(d *dispute) {
	t.s.state.Disputes[d.ID] = d
	t.dirty = append(t.dirty, record{bucketDisputes, d.ID, d})
}

func (t *tx) putKey(k *storedReply) {
	t.s.state.Keys[k.Key] = k
	t.dirty = append(t.dirty, record{bucketKeys, k.Key, k})
}

func (t *tx) dropKey(key string) {
	delete(t.s.state.Keys, key)
	t.dirty = append(t.dirty, record{bucketKeys, key, nil})
}

func (t *tx) putMail(m *Mail) {
	t.s.state.Mails[m.ID] = m
	t.dirty = append(t.dirty, record{bucketMails, m.ID, m})
}

func (t *tx) putFate(recipient string, f *Fate) {
	t.s.state.Fates[recipient] = f
	t.dirty = append(t.dirty, record{bucketFates, recipient, f})
}

func (t *tx) putDelivery(d *delivery) {
	t.s.state.Deliveries[d.ID] = d
	t.dirty = append(t.dirty, record{bucketDeliveries, d.ID, d})
	t.events++
}

func (t *tx) dropDelivery(id string) {
	delete(t.s.state.Deliveries, id)
	t.dirty = append(t.dirty, record{bucketDeliveries, id, nil})
}

// newestIntents lists intents, newest first, as Stripe does.
func (s *state) newestIntents() []*intent {
	return slices.SortedFunc(maps.Values(s.Intents), func(a, b *intent) int { return int(b.Seq - a.Seq) })
}

func (s *state) newestRefunds() []*refund {
	return slices.SortedFunc(maps.Values(s.Refunds), func(a, b *refund) int { return int(b.Seq - a.Seq) })
}

func (s *state) newestDisputes() []*dispute {
	return slices.SortedFunc(maps.Values(s.Disputes), func(a, b *dispute) int { return int(b.Seq - a.Seq) })
}

const idAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// newID returns an ID in the vendors' form: a prefix and 24 letters and digits.
func newID(prefix string) string {
	b := make([]byte, 24)
	_, _ = rand.Read(b) // never fails: crypto/rand aborts the program instead
	for i := range b {
		b[i] = idAlphabet[int(b[i])%len(idAlphabet)]
	}
	return prefix + string(b)
}
