package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Request is one HTTP request of a load.
type Request struct {
	Method string            `json:"method"`
	URL    string            `json:"url"`
	Header map[string]string `json:"header,omitempty"`
	Body   json.RawMessage   `json:"body,omitempty"`
}

// HTTPPlan is an HTTP load over connections that are kept open, one a client.
type HTTPPlan struct {
	Loop Loop `json:"loop"`
	// Requests are sent in their order, over again where Loop.Count is larger.
	Requests []Request `json:"requests"`
	// Want is the status that counts as answered.
	Want int `json:"want"`
}

// Run sends the load. A URL that is not on the loopback interface is refused: this is no
// tool to aim at others.
func (p HTTPPlan) Run(ctx context.Context) (Result, error) {
	for _, r := range p.Requests {
		if err := OnLoopback(r.URL); err != nil {
			return Result{}, err
		}
	}
	transport := &http.Transport{MaxIdleConns: p.Loop.Clients, MaxIdleConnsPerHost: p.Loop.Clients, MaxConnsPerHost: p.Loop.Clients, DisableCompression: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: time.Minute}
	return Drive(ctx, p.Loop, func(ctx context.Context, i int) error {
		return p.send(ctx, client, p.Requests[i%len(p.Requests)])
	}), nil
}

func (p HTTPPlan) send(ctx context.Context, client *http.Client, r Request) error {
	var body io.Reader
	if len(r.Body) > 0 {
		body = bytes.NewReader(r.Body)
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, r.URL, body)
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
	if resp.StatusCode != p.Want {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 500))
		return &Unwanted{Answer: strconv.Itoa(resp.StatusCode), Text: string(text)}
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// OnLoopback returns an error unless the URL's host is an address of the loopback
// interface.
func OnLoopback(raw string) error {
	u, err := url.Parse(raw)
	if err != nil {
		return fmt.Errorf("%q is no URL", raw)
	}
	if ip := net.ParseIP(u.Hostname()); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("%s is not an address of this machine's loopback interface: load is sent nowhere else", u.Host)
	}
	return nil
}
