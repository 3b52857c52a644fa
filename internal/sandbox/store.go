package sandbox

import (
	"encoding/json"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Buckets of the state file.
const (
	bucketIntents    = "payment_intents"
	bucketRefunds    = "refunds"
	bucketDisputes   = "disputes"
	bucketKeys       = "idempotency_keys"
	bucketMails      = "mails"
	bucketFates      = "fates"
	bucketDeliveries = "webhook_deliveries"
)

// record is one changed object; a nil value deletes it.
type record struct {
	bucket, key string
	value       any
}

type store interface {
	load() (state, error)
	write([]record) error
	close() error
}

func openStore(path string) (store, error) {
	if path == "" {
		return memory{}, nil
	}
	// NoSync leaves flushing to the kernel: the state survives the death of the
	// process, not that of the machine, which is all a stand-in owes.
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: 2 * time.Second, NoSync: true, NoFreelistSync: true})
	if err != nil {
		return nil, fmt.Errorf("sandbox: open the state file %s (is another sandbox using it?): %w", path, err)
	}
	return &file{db: db}, nil
}

type memory struct{}

func (memory) load() (state, error) { return newState(), nil }
func (memory) write([]record) error { return nil }
func (memory) close() error         { return nil }

type file struct{ db *bolt.DB }

func (f *file) close() error { return f.db.Close() }

func (f *file) write(records []record) error {
	if len(records) == 0 {
		return nil
	}
	return f.db.Update(func(btx *bolt.Tx) error {
		for _, r := range records {
			b, err := btx.CreateBucketIfNotExists([]byte(r.bucket))
			if err != nil {
				return err
			}
			if r.value == nil {
				if err := b.Delete([]byte(r.key)); err != nil {
					return err
				}
				continue
			}
			raw, err := json.Marshal(r.value)
			if err != nil {
				return err
			}
			if err := b.Put([]byte(r.key), raw); err != nil {
				return err
			}
		}
		return nil
	})
}

func (f *file) load() (state, error) {
	st := newState()
	err := f.db.View(func(btx *bolt.Tx) error {
		return firstError(
			read(btx, bucketIntents, st.Intents),
			read(btx, bucketRefunds, st.Refunds),
			read(btx, bucketDisputes, st.Disputes),
			read(btx, bucketKeys, st.Keys),
			read(btx, bucketMails, st.Mails),
			read(btx, bucketFates, st.Fates),
			read(btx, bucketDeliveries, st.Deliveries),
		)
	})
	if err != nil {
		return st, fmt.Errorf("sandbox: read the state file: %w", err)
	}
	for _, i := range st.Intents {
		st.Seq = max(st.Seq, i.Seq)
	}
	for _, r := range st.Refunds {
		st.Seq = max(st.Seq, r.Seq)
	}
	for _, d := range st.Disputes {
		st.Seq = max(st.Seq, d.Seq)
	}
	for _, m := range st.Mails {
		st.Seq = max(st.Seq, m.Seq)
	}
	for _, d := range st.Deliveries {
		st.Seq = max(st.Seq, d.Seq)
	}
	return st, nil
}

func read[T any](btx *bolt.Tx, bucket string, into map[string]*T) error {
	b := btx.Bucket([]byte(bucket))
	if b == nil {
		return nil
	}
	return b.ForEach(func(k, v []byte) error {
		into[string(k)] = new(T)
		return json.Unmarshal(v, into[string(k)])
	})
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
