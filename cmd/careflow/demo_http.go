package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/seed"
)

// demoHTTP speaks JSON with one server.
type demoHTTP struct {
	base, what, advice string
	client             *http.Client
}

func newDemoHTTP(base, what, advice string) demoHTTP {
	return demoHTTP{base: strings.TrimRight(base, "/"), what: what, advice: advice, client: &http.Client{Timeout: time.Minute}}
}

// refusal is an answer that is no success.
type refusal struct {
	status  int
	problem openapi.Problem
	asked   string
}

func (r *refusal) Error() string {
	said := r.problem.Detail
	if said == "" {
		said = http.StatusText(r.status)
	}
	for _, e := range r.problem.Errors {
		said += fmt.Sprintf("\n  %s %s", e.Field, e.Message)
	}
	return fmt.Sprintf("%s was answered %d %s: %s", r.asked, r.status, r.problem.Code, said)
}

// noAnswer is the status where nobody answered.
const noAnswer = 0

// do sends a request and reads the answer into into, unless that is nil. Answers from
// 400 on are a *refusal. headers are pairs of name and value.
func (h demoHTTP) do(ctx context.Context, method, path string, body, into any, headers ...string) (status int, err error) {
	var reader io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return noAnswer, err
		}
		reader = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, h.base+path, reader)
	if err != nil {
		return noAnswer, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for pair := range slices.Chunk(headers, 2) {
		req.Header.Set(pair[0], pair[1])
	}
	resp, err := h.client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return noAnswer, ctx.Err()
		}
		return noAnswer, fmt.Errorf("%s does not answer at %s (%s): %w", h.what, h.base, h.advice, err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return resp.StatusCode, fmt.Errorf("%s broke off its answer: %w", h.what, err)
	}
	if resp.StatusCode >= http.StatusBadRequest {
		refused := &refusal{status: resp.StatusCode, asked: method + " " + path}
		_ = json.Unmarshal(raw, &refused.problem) // the sandbox answers in another form
		return resp.StatusCode, refused
	}
	if into == nil {
		return resp.StatusCode, nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return resp.StatusCode, fmt.Errorf("%s %s was answered with something else than expected: %w", method, path, err)
	}
	return resp.StatusCode, nil
}

// demoPerson is someone with a seeded account.
type demoPerson struct {
	name, email string
	http        demoHTTP
	token       string
	answered    bool // the API was there
}

func (p *demoPerson) login(ctx context.Context) error {
	var session openapi.Session
	_, err := p.http.do(ctx, http.MethodPost, "/v1/sessions", map[string]string{"email": p.email, "password": seed.Password}, &session)
	if err != nil {
		return fmt.Errorf("%s cannot log in, the demonstration needs the seeded clinic: %w", p.email, err)
	}
	p.token = session.AccessToken
	return nil
}

// outage is how long an API that has answered may be away, so that parts of a stack may be
// switched off, or the API be replaced, while somebody waits for something.
const outage = time.Minute

// do is a request of this person. It is sent again while the answer is 503: reading
// changes nothing, and whatever changes something has an Idempotency-Key. Reading is also
// tried again where an API that was there does not answer.
func (p *demoPerson) do(ctx context.Context, method, path string, body, into any, headers ...string) (int, error) {
	headers = append([]string{"Authorization", "Bearer " + p.token}, headers...)
	for patience := time.Now().Add(outage); ; {
		status, err := p.http.do(ctx, method, path, body, into, headers...)
		again := status == http.StatusServiceUnavailable
		switch status {
		case noAnswer, http.StatusBadGateway, http.StatusGatewayTimeout:
			again = p.answered && method == http.MethodGet
		default:
			p.answered = true
		}
		if !again || ctx.Err() != nil || time.Now().After(patience) {
			return status, err
		}
		select {
		case <-ctx.Done():
			return status, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

func (p *demoPerson) get(ctx context.Context, path string, into any) error {
	_, err := p.do(ctx, http.MethodGet, path, nil, into)
	return err
}

// order sends a command. accepted is true when its outcome is still to come.
func (p *demoPerson) order(ctx context.Context, visitID, command string, body any) (accepted bool, err error) {
	status, err := p.do(ctx, http.MethodPost, "/v1/appointments/"+visitID+"/"+command, body, nil,
		"Idempotency-Key", domain.NewID(), "Prefer", "wait=10")
	return status == http.StatusAccepted, err
}
