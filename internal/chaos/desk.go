package chaos

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/careflow/careflow/internal/chaos/oracle"
)

// message is the part of a message that staff look at.
type message struct {
	ID            string `json:"id"`
	AppointmentID string `json:"appointment_id"`
	Kind          string `json:"kind"`
	Recipient     string `json:"recipient"`
}

// messages are those of one visit, as staff see them.
func (u *user) messages(ctx context.Context, id string) []message {
	return u.list(ctx, "/v1/appointments/"+id+"/messages")
}

func (u *user) list(ctx context.Context, path string) []message {
	said, err := u.insist(ctx, http.MethodGet, path, nil, "")
	if err != nil {
		return nil
	}
	var page struct {
		Items []message `json:"items"`
	}
	_ = json.Unmarshal(said.body, &page) // a problem has none of it
	return page.Items
}

// desk looks for letters that were lost and has each sent once more, until ctx ends. What
// is lost again comes up again.
func (a *actors) desk(ctx context.Context) {
	tried := map[string]bool{}
	for ctx.Err() == nil {
		for _, m := range a.staff.list(ctx, "/v1/messages?open=true&limit=100") {
			if !tried[m.ID] {
				tried[m.ID] = true
				a.resend(ctx, m)
			}
		}
		pause(ctx, 2*time.Second)
	}
}

// resend has a letter sent once more, and insists on an answer.
func (a *actors) resend(ctx context.Context, m message) {
	r := &oracle.Resend{AppointmentID: m.AppointmentID, MessageID: m.ID, Key: newKey()}
	a.journal.AddResend(r)
	said, err := a.staff.insist(ctx, http.MethodPost, "/v1/appointments/"+m.AppointmentID+"/messages/"+m.ID+"/resend", nil, r.Key)
	if err != nil {
		return
	}
	var owed message
	_ = json.Unmarshal(said.body, &owed) // a problem has no ID
	a.journal.Answer(func() { r.Status, r.Code, r.NewID = said.status, said.code(), owed.ID })
}

// loseLetters lets the letters to a patient come back until the function that it returns
// is called, once or more.
func (a *actors) loseLetters(ctx context.Context, l Life) (found func()) {
	address := patientMail(l.Patient)
	if err := a.vendors.bounce(ctx, address, true); err != nil {
		return func() {}
	}
	return sync.OnceFunc(func() {
		_ = a.vendors.bounce(context.WithoutCancel(ctx), address, false) // the sandbox is never killed
	})
}
