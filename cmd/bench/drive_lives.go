package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/careflow/careflow/internal/bench"
	"github.com/careflow/careflow/internal/domain"
)

// livesPlan has visits book, pay, be confirmed, checked in and completed by the people
// that do so, through the API.
type livesPlan struct {
	API, Sandbox, URL string
	Loop              bench.Loop
	Lives             []lifePlan
}

type lifePlan struct {
	Booking         bench.Request
	Patient, Doctor string // tokens
}

func driveLives(ctx context.Context, p livesPlan) (any, error) {
	for _, url := range []string{p.API, p.Sandbox} {
		if err := bench.OnLoopback(url); err != nil {
			return nil, err
		}
	}
	pool, err := barePool(ctx, p.URL, 1)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: p.Loop.Clients, DisableCompression: true}}
	defer client.CloseIdleConnections()
	began := time.Now()
	r := bench.Drive(ctx, p.Loop, func(ctx context.Context, i int) error { return p.live(ctx, client, p.Lives[i]) })
	return r, awaitAll(ctx, pool, &r, began, `SELECT count(*) FROM appointments WHERE status <> 'archived'`)
}

// seen is what a driver reads of an appointment.
type seen struct {
	ID      string `json:"id"`
	Status  string `json:"status"`
	Version int    `json:"version"`
	Payment struct {
		ClientSecret string `json:"client_secret"`
	} `json:"payment"`
}

func (p livesPlan) live(ctx context.Context, client *http.Client, l lifePlan) error {
	id, err := p.confirmed(ctx, client, l)
	if err != nil {
		return err
	}
	return errors.Join(p.command(ctx, client, l.Doctor, id, "check-in"), p.command(ctx, client, l.Doctor, id, "complete"))
}

// confirmed books and pays a visit and has its doctor confirm it.
func (p livesPlan) confirmed(ctx context.Context, client *http.Client, l lifePlan) (string, error) {
	l.Booking.Header["Prefer"] = "wait=25"
	var a seen
	if err := ask(ctx, client, l.Booking, &a); err != nil {
		return "", err
	}
	if a.Payment.ClientSecret == "" {
		if err := p.await(ctx, client, l.Patient, &a, "", func() bool { return a.Payment.ClientSecret != "" }); err != nil {
			return "", err
		}
	}
	intent, _, _ := strings.Cut(a.Payment.ClientSecret, "_secret")
	if err := ask(ctx, client, bench.Request{Method: http.MethodPost, URL: p.Sandbox + "/_sandbox/payment_intents/" + intent + "/pay"}, nil); err != nil {
		return "", err
	}
	if err := p.await(ctx, client, l.Patient, &a, "?after_version="+strconv.Itoa(a.Version), func() bool { return a.Status == "pending" }); err != nil {
		return "", err
	}
	if err := p.command(ctx, client, l.Doctor, a.ID, "confirm"); err != nil {
		return "", err
	}
	return a.ID, p.await(ctx, client, l.Patient, &a, "", func() bool { return a.Status == "confirmed" })
}

func (p livesPlan) command(ctx context.Context, client *http.Client, token, id, command string) error {
	return ask(ctx, client, bench.Request{
		Method: http.MethodPost, URL: p.API + "/v1/appointments/" + id + "/" + command,
		Header: map[string]string{"Authorization": token, "Idempotency-Key": domain.NewID(), "Prefer": "wait=25"},
	}, nil)
}

// await reads an appointment, letting the API wait for news, until the condition holds.
func (p livesPlan) await(ctx context.Context, client *http.Client, token string, a *seen, query string, condition func() bool) error {
	for range 10 {
		err := ask(ctx, client, bench.Request{
			Method: http.MethodGet, URL: p.API + "/v1/appointments/" + a.ID + query,
			Header: map[string]string{"Authorization": token, "Prefer": "wait=25"},
		}, a)
		if err != nil || condition() {
			return err
		}
	}
	return fmt.Errorf("an appointment stays %s", a.Status)
}

// ask sends a request that must succeed at once: a deferred command (202) does not.
func ask(ctx context.Context, client *http.Client, r bench.Request, into any) error {
	req, err := http.NewRequestWithContext(ctx, r.Method, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return err
	}
	for name, value := range r.Header {
		req.Header.Set(name, value)
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusCreated {
		return &bench.Unwanted{Answer: strconv.Itoa(resp.StatusCode), Text: r.Method + " " + r.URL + ": " + string(raw)}
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(raw, into)
}
