package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/careflow/careflow/internal/chaos/oracle"
)

// password is that of every seeded account, and so of ours.
const password = "careflow-local"

// user is somebody who uses the API honestly: a request without an answer is sent again
// with the same key.
type user struct {
	base    string
	email   string
	address string // as a proxy would tell it
	http    *http.Client
	journal *oracle.Journal
	answers *tally

	mu    sync.Mutex
	token string
}

// answer is what the API said.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) code() string {
	var problem struct {
		Code string `json:"code"`
	}
	_ = json.Unmarshal(a.body, &problem)
	return problem.Code
}

// appointment is the part of the API's view that users look at.
type appointment struct {
	ID       string    `json:"id"`
	Status   string    `json:"status"`
	DoctorID string    `json:"doctor_id"`
	StartsAt time.Time `json:"starts_at"`
	Payment  struct {
		ClientSecret string `json:"client_secret"`
	} `json:"payment"`
}

func newKey() string { return uuid.NewString() }

// once sends one request, for a version of what it changes where there is a match. Its
// error is the network's.
func (u *user) once(ctx context.Context, method, path string, body any, key string, match ...string) (answer, error) {
	u.mu.Lock()
	token := u.token
	u.mu.Unlock()
	var reader io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return answer{}, err
		}
		reader = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, u.base+path, reader)
	if err != nil {
		return answer{}, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	for _, version := range match {
		req.Header.Set("If-Match", version)
	}
	return u.exchange(ctx, req)
}

// People wait this long for an answer, and for a log-in, which costs a machine without a
// free processor many seconds: to give up on it is another attempt, and those are counted.
const (
	patience      = 15 * time.Second
	logInPatience = time.Minute
)

// exchange sends a request and counts what came of it.
func (u *user) exchange(ctx context.Context, req *http.Request) (answer, error) {
	wait := patience
	if req.URL.Path == "/v1/sessions" {
		wait = logInPatience
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	req.Header.Set("X-Forwarded-For", u.address)
	resp, err := u.http.Do(req.WithContext(ctx))
	if err != nil {
		u.answers.count("no answer")
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		u.answers.count("half an answer")
		return answer{}, err
	}
	u.answers.count(strconv.Itoa(resp.StatusCode))
	return answer{resp.StatusCode, resp.Header, raw}, nil
}

// errNoAnswer says that nothing definite came until the time was over.
var errNoAnswer = errors.New("no definite answer")

// insist sends a request until there is a definite answer. A command that was accepted
// and has no outcome yet is asked for again.
func (u *user) insist(ctx context.Context, method, path string, body any, key string, match ...string) (answer, error) {
	for ctx.Err() == nil {
		a, err := u.once(ctx, method, path, body, key, match...)
		if err == nil {
			switch {
			case a.status == http.StatusUnauthorized:
				if err := u.logIn(ctx); err != nil {
					return answer{}, err
				}
				continue
			case a.status == http.StatusInternalServerError:
				u.broken(method+" "+pattern(path), a)
			case a.code() == "process_superseded": // it says to send it again
			case a.status < 500 && a.status != http.StatusTooManyRequests && a.status != http.StatusAccepted:
				return a, nil
			}
		}
		pause(ctx, 700*time.Millisecond)
	}
	return answer{}, errNoAnswer
}

// broken notes an answer that says that we do not know what happened.
func (u *user) broken(operation string, a answer) {
	u.journal.Surprise(oracle.Finding{Rule: "internal_error", Subject: operation, Detail: "request " + a.header.Get("X-Request-Id")})
}

// pattern leaves the IDs out of a path.
func pattern(path string) string {
	parts := bytes.Split([]byte(path), []byte("/"))
	for i, part := range parts {
		if _, err := uuid.ParseBytes(part); err == nil {
			parts[i] = []byte("{id}")
		}
	}
	return string(bytes.Join(parts, []byte("/")))
}

func (u *user) logIn(ctx context.Context) error {
	u.mu.Lock()
	u.token = ""
	u.mu.Unlock()
	a, err := u.insist(ctx, http.MethodPost, "/v1/sessions", map[string]string{"email": u.email, "password": password}, "")
	if err != nil {
		return err
	}
	var session struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(a.body, &session); err != nil || session.AccessToken == "" {
		return fmt.Errorf("%s cannot log in: %d %s", u.email, a.status, a.body)
	}
	u.mu.Lock()
	u.token = session.AccessToken
	u.mu.Unlock()
	return nil
}

// read looks at an appointment.
func (u *user) read(ctx context.Context, id string) (appointment, error) {
	a, err := u.insist(ctx, http.MethodGet, "/v1/appointments/"+id, nil, "")
	if err != nil {
		return appointment{}, err
	}
	var v appointment
	if err := json.Unmarshal(a.body, &v); err != nil || a.status != http.StatusOK {
		u.journal.Surprise(oracle.Finding{Rule: "accepted_booking_not_readable", Subject: id, Detail: fmt.Sprintf("%d %s", a.status, a.code())})
		return v, fmt.Errorf("reading %s: %d", id, a.status)
	}
	return v, nil
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// tally counts by name.
type tally struct {
	mu sync.Mutex
	n  map[string]int
}

func newTally() *tally { return &tally{n: map[string]int{}} }

func (t *tally) count(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n[name]++
}

func (t *tally) counts() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make(map[string]int, len(t.n))
	for k, v := range t.n {
		out[k] = v
	}
	return out
}

func decode(a answer) (v appointment) {
	_ = json.Unmarshal(a.body, &v) // a problem has none of it
	return v
}
