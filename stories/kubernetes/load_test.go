//go:build kubernetes

package kubernetes_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/stories/clinic"
)

// load asks the front door for the same things again and again, as many times a second as
// it is told or as the machine carries: readings and bookings in turn, on connections that
// are kept, and beside them always one request that takes a second.
type load struct {
	front, host, token string
	visit              string
	rate               int // requests a second
	booking            []byte
	key                string
	client             *http.Client

	mu     sync.Mutex
	counts map[string]int // by release
	slow   int
	failed []string
	began  time.Time
}

// loadClients are how many there are at most at a time.
const loadClients = 24

// newLoad books the visit that is asked for: the same booking with the same key gets the
// first answer, from any instance.
func newLoad(t *testing.T, c *clinic.Clinic, front, host string) *load {
	t.Helper()
	patient := c.Login("patient")
	l := &load{front: front, host: host, token: patient.Token(), rate: 300, key: domain.NewID(), counts: map[string]int{}}
	var err error
	wish := clinic.Booking(clinic.InMinutes(24 * 60))
	l.booking, err = json.Marshal(wish)
	require.NoError(t, err)
	a := patient.Do(http.MethodPost, "/v1/appointments", wish, "Idempotency-Key", l.key)
	require.Equal(t, http.StatusCreated, a.Status, a)
	var visit struct{ ID string }
	require.NoError(t, json.Unmarshal(a.Body, &visit))
	l.visit = visit.ID
	l.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: loadClients + 1}, Timeout: 20 * time.Second}
	return l
}

// run loads the front door until the function it returns is called.
func (l *load) run(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	due := make(chan int)
	var all sync.WaitGroup
	l.began = time.Now()
	all.Go(func() {
		defer close(due)
		tick := time.NewTicker(time.Second / time.Duration(l.rate))
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				select {
				case due <- i:
				default: // nobody is free: the machine carries no more
				}
			}
		}
	})
	for range loadClients {
		all.Go(func() {
			for i := range due {
				if i%2 == 0 {
					l.ask(http.MethodGet, "/v1/appointments/"+l.visit, nil, http.StatusOK, false)
				} else {
					l.ask(http.MethodPost, "/v1/appointments", l.booking, http.StatusCreated, false)
				}
			}
		})
	}
	all.Go(func() {
		for ctx.Err() == nil {
			l.ask(http.MethodGet, "/v1/appointments/"+l.visit+"?after_version=99", nil, http.StatusOK, true)
		}
	})
	return func() {
		cancel()
		all.Wait()
		l.client.CloseIdleConnections()
	}
}

// ask sends one request and counts how it went. A POST is not tried again by anybody on
// the way: its body cannot be read twice.
func (l *load) ask(method, path string, body []byte, want int, slow bool) {
	request, err := http.NewRequest(method, l.front+path, nil)
	if err != nil {
		l.count("", err.Error(), slow)
		return
	}
	if body != nil {
		request.Body, request.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Idempotency-Key", l.key)
	}
	if slow {
		request.Header.Set("Prefer", "wait=1")
	}
	request.Host = l.host
	request.Header.Set("Authorization", "Bearer "+l.token)
	response, err := l.client.Do(request)
	if err != nil {
		l.count("", err.Error(), slow)
		return
	}
	text, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	switch {
	case err != nil:
		l.count("", err.Error(), slow)
	case response.StatusCode != want:
		l.count("", fmt.Sprintf("%s %s: %s %.200s", method, path, response.Status, text), slow)
	default:
		l.count(response.Header.Get(headerRelease), "", slow)
	}
}

func (l *load) count(release, failure string, slow bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case failure != "":
		l.failed = append(l.failed, time.Since(l.began).Round(time.Millisecond).String()+" "+failure)
	case slow:
		l.slow++
	default:
		l.counts[release]++
	}
}

// failures is how many requests failed, and what the first of them said.
func (l *load) failures() (int, string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.failed), strings.Join(l.failed[:min(5, len(l.failed))], "\n")
}

// figures are what the load came to.
func (l *load) figures() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	total := 0
	for _, n := range l.counts {
		total += n
	}
	took := time.Since(l.began)
	return fmt.Sprintf("%d requests in %s (%.0f/s of %d wanted), %d slow ones, %d failed", total, took.Round(time.Second), float64(total)/took.Seconds(), l.rate, l.slow, len(l.failed))
}
