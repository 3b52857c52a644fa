package stories_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"
)

// sampler asks the front door without a pause and counts the servers that get requests.
type sampler struct {
	stop             context.CancelFunc
	done             sync.WaitGroup
	requests, failed int
	looks, fewest    int
	failures         []string
}

func (s *hostSite) sample() *sampler {
	ctx, cancel := context.WithCancel(s.t.Context())
	p := &sampler{stop: cancel, fewest: 1 << 30}
	p.done.Go(func() {
		for ctx.Err() == nil {
			resp, err := http.Post("http://"+s.front+"/v1/sessions", "application/json", strings.NewReader(`{}`))
			p.requests++
			switch {
			case err != nil:
				p.failed++
				p.failures = append(p.failures, err.Error())
			case resp.StatusCode >= 500:
				p.failed++
				p.failures = append(p.failures, resp.Status)
			}
			if err == nil {
				_ = resp.Body.Close()
			}
			time.Sleep(5 * time.Millisecond)
		}
	})
	p.done.Go(func() {
		for ctx.Err() == nil {
			p.looks++
			if up := s.up(); up >= 0 {
				p.fewest = min(p.fewest, up)
			}
			time.Sleep(10 * time.Millisecond)
		}
	})
	return p
}

// up is how many servers HAProxy gives requests to, -1 where it was not asked.
func (s *hostSite) up() int {
	answer := ask(s.socket, "show stat api 4 -1")
	if answer == "" {
		return -1
	}
	return strings.Count(answer, ",UP") // "UP 1/2" gets requests too
}

func (p *sampler) end() {
	p.stop()
	p.done.Wait()
}
