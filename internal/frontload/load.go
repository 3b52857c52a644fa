// Package frontload is requests to a front door while releases change behind it: it counts
// each that fails, and who answered the others.
package frontload

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// clients is how many connections the load keeps open.
const clients = 16

// Plan says what is asked.
type Plan struct {
	Front string // base URL
	// PerSecond is how many requests begin a second, where the machine carries them.
	PerSecond int
	Token     string // an access token of somebody who may read Slow
	// Slow is a path that is answered after a while; one such request is always under way.
	// Defaults to none.
	Slow string
}

// Load is requests on connections that are kept: half of them reads, half of them POSTs that
// nobody sends again.
type Load struct {
	cancel context.CancelFunc
	ended  sync.WaitGroup
	began  time.Time

	mu       sync.Mutex
	answered map[string]int // by release
	failed   map[string]int // by what happened
	times    []time.Duration
}

// Start sends requests until Stop.
func Start(p Plan) *Load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &Load{cancel: cancel, began: time.Now(), answered: map[string]int{}, failed: map[string]int{}}
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 2 * clients}}
	pause := time.Duration(clients) * time.Second / time.Duration(p.PerSecond)
	for n := range clients {
		l.ended.Go(func() {
			for turn := n; ctx.Err() == nil; turn++ {
				next := time.Now().Add(pause)
				if turn%2 == 0 {
					l.ask(client, get(p.Front+"/v1/doctors?limit=1", p.Token), http.StatusOK)
				} else {
					l.ask(client, post(p.Front+"/v1/sessions"), http.StatusBadRequest)
				}
				select {
				case <-ctx.Done():
				case <-time.After(time.Until(next)):
				}
			}
		})
	}
	if p.Slow != "" {
		l.ended.Go(func() {
			for ctx.Err() == nil {
				slow := get(p.Front+p.Slow, p.Token)
				slow.Header.Set("Prefer", "wait=1")
				l.ask(client, slow, http.StatusOK)
			}
		})
	}
	return l
}

func get(url, token string) *http.Request {
	r, _ := http.NewRequest(http.MethodGet, url, nil)
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

// post is refused by the API itself, and cheaply; no proxy and no client sends it again.
func post(url string) *http.Request {
	r, _ := http.NewRequest(http.MethodPost, url, io.NopCloser(strings.NewReader(`{"email": 1}`)))
	r.ContentLength = int64(len(`{"email": 1}`))
	r.Header.Set("Content-Type", "application/json")
	return r
}

func (l *Load) ask(client *http.Client, r *http.Request, want int) {
	began := time.Now()
	resp, err := client.Do(r)
	if err == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err != nil:
		l.failed[r.Method+" "+err.Error()]++
	case resp.StatusCode != want:
		l.failed[fmt.Sprintf("%s answered %d", r.Method, resp.StatusCode)]++
	default:
		l.answered[resp.Header.Get("X-Careflow-Release")]++
		l.times = append(l.times, time.Since(began))
	}
}

// Failed is how many requests failed so far.
func (l *Load) Failed() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, count := range l.failed {
		n += count
	}
	return n
}

// Answered is how many requests a release has answered so far.
func (l *Load) Answered(digest string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.answered[digest]
}

// Stop ends the load.
func (l *Load) Stop() {
	l.cancel()
	l.ended.Wait()
}

// String says what came of it so far.
func (l *Load) String() string {
	failed := l.Failed()
	l.mu.Lock()
	defer l.mu.Unlock()
	took := time.Since(l.began)
	slices.Sort(l.times)
	at := func(q int) time.Duration {
		if len(l.times) == 0 {
			return 0
		}
		return l.times[(len(l.times)-1)*q/100].Round(time.Millisecond / 10)
	}
	releases := slices.Sorted(maps.Keys(l.answered))
	return fmt.Sprintf("%d requests in %s (%.0f/s) answered by %d releases, p50 %s, p99 %s; failed: %d %v",
		len(l.times), took.Round(time.Second), float64(len(l.times))/took.Seconds(), len(releases), at(50), at(99), failed, l.failed)
}
