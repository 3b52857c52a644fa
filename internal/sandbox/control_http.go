package sandbox

import (
	"cmp"
	"encoding/json"
	"net/http"

	"github.com/careflow/careflow/internal/domain"
)

// controlRoutes is the JSON API for scripts and for tests that run the Sandbox as a
// process of its own. It is open to whoever reaches the port.
func (s *Sandbox) controlRoutes() {
	handle := func(pattern string, h func(*http.Request) (any, error)) {
		s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
			out, err := h(r)
			answer(w, out, err)
		})
	}
	intents := func(verb string, do func(id string, body control) error) {
		handle("POST /_sandbox/payment_intents/{id}/"+verb, func(r *http.Request) (any, error) {
			var body control
			if err := decode(r, &body); err != nil {
				return nil, err
			}
			if err := do(r.PathValue("id"), body); err != nil {
				return nil, err
			}
			e, _ := s.Payment(r.PathValue("id"))
			return e, nil
		})
	}
	intents("pay", func(id string, _ control) error { return s.Pay(id) })
	intents("fail", func(id string, b control) error { return s.Decline(id, b.DeclineCode) })
	intents("lapse", func(id string, _ control) error { return s.Lapse(id) })
	intents("refund", func(id string, b control) error { return s.RefundByHand(id, b.Amount) })
	intents("fail_refunds", func(id string, _ control) error { return s.FailRefunds(id) })
	intents("arrive_refunds", func(id string, _ control) error { return s.ArriveRefunds(id) })
	intents("answer_dispute", func(id string, _ control) error { return s.AnswerDispute(id) })
	intents("decide_dispute", func(id string, b control) error { return s.DecideDispute(id, b.Won) })
	intents("dispute", func(id string, _ control) error { return s.Dispute(id) })

	handle("GET /_sandbox/payment_intents/{id}", func(r *http.Request) (any, error) {
		e, ok := s.Payment(r.PathValue("id"))
		if !ok {
			return nil, domain.Errorf(domain.CodeNotFound, "no such payment intent")
		}
		return e, nil
	})
	handle("GET /_sandbox/ledger", func(*http.Request) (any, error) { return s.Ledger(), nil })
	handle("GET /_sandbox/mails", func(r *http.Request) (any, error) {
		out := []Mail{}
		for _, m := range s.Mailbox() {
			if wanted(r, "message_id", m.MessageID) && (!r.URL.Query().Has("to") || m.isTo(r.URL.Query().Get("to"))) {
				out = append(out, m)
			}
		}
		return out, nil
	})
	handle("GET /_sandbox/faults", func(*http.Request) (any, error) { return s.Faults(), nil })
	handle("PUT /_sandbox/faults", func(r *http.Request) (any, error) {
		var faults []Fault
		if err := decode(r, &faults); err != nil {
			return nil, err
		}
		for _, f := range faults {
			if err := f.validate(); err != nil {
				return nil, err
			}
		}
		s.ClearFaults()
		for _, f := range faults {
			s.faults.add(f)
		}
		return s.Faults(), nil
	})
	handle("POST /_sandbox/faults", func(r *http.Request) (any, error) {
		var f Fault
		if err := decode(r, &f); err != nil {
			return nil, err
		}
		if err := f.validate(); err != nil {
			return nil, err
		}
		return s.faults.add(f).fault, nil
	})
	handle("DELETE /_sandbox/faults", func(*http.Request) (any, error) {
		s.ClearFaults()
		return s.Faults(), nil
	})
	handle("POST /_sandbox/faults/{id}/release", func(r *http.Request) (any, error) {
		i := s.faults.find(r.PathValue("id"))
		if i == nil {
			return nil, domain.Errorf(domain.CodeNotFound, "no such fault")
		}
		i.Release()
		return s.Faults(), nil
	})
	handle("POST /_sandbox/keys/forget", func(*http.Request) (any, error) {
		s.ForgetKeys()
		return map[string]bool{"forgotten": true}, nil
	})
	handle("PUT /_sandbox/refunds/hold", func(r *http.Request) (any, error) {
		var body control
		if err := decode(r, &body); err != nil {
			return nil, err
		}
		s.HoldRefunds(body.On)
		return map[string]bool{"on": body.On}, nil
	})
	handle("POST /_sandbox/webhooks/resend", func(*http.Request) (any, error) {
		s.ResendWebhooks()
		return map[string]int{"pending_webhooks": s.Ledger().PendingWebhooks}, nil
	})
	handle("PUT /_sandbox/webhook", func(r *http.Request) (any, error) {
		var body control
		if err := decode(r, &body); err != nil {
			return nil, err
		}
		s.SetWebhook(body.URL, "")
		return map[string]string{"url": body.URL}, nil
	})
	handle("PUT /_sandbox/mail_webhook", func(r *http.Request) (any, error) {
		var body control
		if err := decode(r, &body); err != nil {
			return nil, err
		}
		s.SetMailWebhook(body.URL)
		return map[string]string{"url": body.URL}, nil
	})
	handle("PUT /_sandbox/fates/{recipient}", func(r *http.Request) (any, error) {
		var fate Fate
		if err := decode(r, &fate); err != nil {
			return nil, err
		}
		if err := fate.validate(); err != nil {
			return nil, err
		}
		s.SetFate(r.PathValue("recipient"), fate)
		return fate, nil
	})
	handle("GET /_sandbox/healthz", func(*http.Request) (any, error) { return map[string]string{"status": "ok"}, nil })
}

// control is the body of the control requests; each uses what it needs.
type control struct {
	DeclineCode string `json:"decline_code"`
	Amount      int64  `json:"amount"` // minor units
	URL         string `json:"url"`
	Won         bool   `json:"won"`
	On          bool   `json:"on"`
}

func (m Mail) isTo(address string) bool {
	for _, a := range m.To {
		if a.Email == address {
			return true
		}
	}
	return false
}

func wanted(r *http.Request, name, value string) bool {
	return !r.URL.Query().Has(name) || r.URL.Query().Get(name) == value
}

func decode(r *http.Request, into any) error {
	if r.ContentLength == 0 {
		return nil
	}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return domain.Errorf(domain.CodeInvalid, "the body is not the JSON expected here: %v", err)
	}
	return nil
}

// controlStatus maps the codes of the control methods' errors.
var controlStatus = map[domain.Code]int{
	domain.CodeInvalid:     http.StatusBadRequest,
	domain.CodeNotFound:    http.StatusNotFound,
	domain.CodeWrongStatus: http.StatusConflict,
}

func answer(w http.ResponseWriter, out any, err error) {
	status := http.StatusOK
	if err != nil {
		status = cmp.Or(controlStatus[domain.CodeOf(err)], http.StatusInternalServerError)
		out = map[string]string{"error": err.Error()}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(out) // a caller that has gone cannot be told
}
