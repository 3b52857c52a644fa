package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"
)

const (
	tick        = 100 * time.Millisecond // how often a condition is looked at
	nag         = 5 * time.Second        // how often a wait speaks up
	longestWait = 2 * time.Minute        // for a program to be ready; slow disks exist
)

// waitFor looks until probe succeeds, the child it depends on dies, the limit
// passes or the context ends; it says every few seconds what it waits for.
func waitFor(ctx context.Context, out *console, c *child, limit time.Duration, probe func(context.Context) error) error {
	started, spoke := time.Now(), time.Now()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		attempt, cancel := context.WithTimeout(ctx, 3*time.Second)
		err := probe(attempt)
		cancel()
		if err == nil {
			return nil
		}
		if time.Since(started) > limit {
			return fmt.Errorf("%s was not ready within %s: %w\n%s", c.name, limit, err, c.lastLines())
		}
		if time.Since(spoke) > nag {
			spoke = time.Now()
			out.step(c.name, "still waiting after %s: %v", rounded(time.Since(started)), err)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-c.done:
			return c.death()
		case <-ticker.C:
		}
	}
}

// answers probes an HTTP address until it answers 2xx.
func answers(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode/100 != 2 {
			return fmt.Errorf("%s answers %s", url, response.Status)
		}
		return nil
	}
}

// accepts probes a TCP port until it accepts a connection.
func accepts(port int) func(context.Context) error { return dials(local(port)) }

// dials probes a TCP address until it accepts a connection.
func dials(address string) func(context.Context) error {
	return func(ctx context.Context) error {
		connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		return connection.Close()
	}
}
