package chaos

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/careflow/careflow/internal/chaos/oracle"
)

var (
	visitLink = regexp.MustCompile(`https?://[^/\s]+(/visit/\S+)`)
	formKey   = regexp.MustCompile(`name="key" value="([^"]+)"`)
)

// letter is a letter about the visit with a link to its page.
type letter struct {
	message string // its ID
	page    string // path of the page that it leads to
}

// letter waits until the patient has got a letter of a kind with a link in it.
func (v *visit) letter(ctx context.Context, kind string) (letter, bool) {
	for ctx.Err() == nil {
		for _, m := range v.staff.messages(ctx, v.id) {
			if m.Kind != kind || m.Recipient != "patient" {
				continue
			}
			if link := visitLink.FindStringSubmatch(v.vendors.letter(ctx, m.ID)); link != nil {
				return letter{m.ID, link[1]}, true
			}
		}
		if status := v.await(ctx, "confirmed", "pending"); status != "confirmed" && status != "pending" {
			return letter{}, false
		}
		pause(ctx, time.Second)
	}
	return letter{}, false
}

// cancelByLink presses the button of the page behind a letter.
func (v *visit) cancelByLink(ctx context.Context, kind string) {
	if l, got := v.letter(ctx, kind); got {
		v.press(ctx, l, &oracle.Command{Name: "cancel"})
	}
}

// moveByLink moves the visit by the letter of its confirmation, in two windows at once
// where the life says so, and then tries that letter once more: it speaks of a time that
// is no more.
func (v *visit) moveByLink(ctx context.Context) {
	l, got := v.letter(ctx, "confirmed")
	if !got {
		return
	}
	windows := 1
	if v.l.Kind == LinkTwice {
		windows = 2
	}
	moves := make([]*oracle.Command, windows)
	var all sync.WaitGroup
	for n := range moves {
		moves[n] = &oracle.Command{Name: "reschedule", StartsAt: v.start.Add(time.Duration(n+1) * time.Minute).UTC()}
		all.Go(func() { v.press(ctx, l, moves[n]) })
	}
	all.Wait()
	for _, c := range moves {
		if c.Status == http.StatusOK {
			v.start = c.StartsAt
			v.press(ctx, l, &oracle.Command{Name: "cancel", Outdated: true})
			return
		}
	}
}

// press opens the page behind a letter's link and sends its form, again and again under
// the form's key, until the page says what came of it.
func (v *visit) press(ctx context.Context, l letter, c *oracle.Command) {
	c.AppointmentID, c.By, c.Letter = v.id, "patient", l.message
	page := l.page + "/" + map[string]string{"cancel": "cancel", "reschedule": "move"}[c.Name]
	shown, err := v.patient.insistPage(ctx, http.MethodGet, page, nil)
	key := formKey.FindSubmatch(shown.body)
	c.Key = newKey()
	if err == nil && shown.status == http.StatusOK && key != nil {
		c.Key = string(key[1])
	} else if !c.Outdated {
		return // the page says that it cannot be done any more
	}
	v.journal.AddCommand(c)
	form := url.Values{"token": {strings.TrimPrefix(l.page, "/visit/")}, "key": {c.Key}}
	if c.Name == "reschedule" {
		form.Set("starts_at", c.StartsAt.Format(time.RFC3339))
	}
	said, err := v.patient.insistPage(ctx, http.MethodPost, page, form)
	if err != nil {
		return
	}
	v.journal.Answer(func() {
		if c.Status = said.status; said.status != http.StatusOK {
			c.Code = "page " + strconv.Itoa(said.status)
		}
	})
	if v.l.Again && said.status == http.StatusOK {
		if again, err := v.patient.insistPage(ctx, http.MethodPost, page, form); err == nil && again.status != http.StatusOK {
			v.journal.Surprise(oracle.Finding{Rule: "replay_differs", Subject: v.id,
				Detail: fmt.Sprintf("%s by a link was done, and answered %d the second time", c.Name, again.status)})
		}
	}
}

// insistPage asks for a page, as somebody without a log-in, until there is a definite
// answer. A page that says that it is not known yet is asked for again.
func (u *user) insistPage(ctx context.Context, method, path string, form url.Values) (answer, error) {
	for ctx.Err() == nil {
		req, err := http.NewRequestWithContext(ctx, method, u.base+path, strings.NewReader(form.Encode()))
		if err != nil {
			return answer{}, err
		}
		if method == http.MethodPost {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		a, err := u.exchange(ctx, req)
		unknown := []int{http.StatusAccepted, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}
		if err == nil && a.status == http.StatusInternalServerError {
			u.broken(method+" /visit/{token}"+path[strings.LastIndex(path, "/"):], a)
		}
		if err == nil && !slices.Contains(unknown, a.status) {
			return a, nil
		}
		pause(ctx, 700*time.Millisecond)
	}
	return answer{}, errNoAnswer
}
