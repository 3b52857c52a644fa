// Package balancer moves requests between the hosts of a service at HAProxy, by its runtime
// API: nothing is reloaded, no connection is cut.
package balancer

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/internal/domain"
)

// HAProxy is one HAProxy, or several that must always agree. A backend is named like the
// service, a server in it like the host.
type HAProxy struct {
	// Sockets are where the runtime API listens, at the level "admin": paths, or host:port.
	Sockets []string
	// Drain is how long requests under way, streams among them, may go on: those still open
	// then are told of, and end with the process. Defaults to 30s.
	Drain time.Duration
	// Healthy is how long a host may take to pass the balancer's health checks. Defaults to 60s.
	Healthy time.Duration
}

// lookEvery is the pause between two looks at the balancer.
const lookEvery = 50 * time.Millisecond

// Block drains a host, unless one of the others does not serve.
func (h HAProxy) Block(ctx context.Context, in deployment.TrafficInput) (domain.StepOutcome, error) {
	for _, socket := range h.Sockets {
		for _, other := range in.Others {
			s, err := look(ctx, socket, in.Service, other)
			if err != nil {
				return domain.StepOutcome{}, err
			}
			if !s.serves() {
				return domain.StepOutcome{}, domain.Errorf(domain.CodeConflict, "%s is not taken out: %s does not serve at this moment (%s)", in.Host, other, s.status)
			}
		}
	}
	if err := h.all(ctx, func(socket string) error { return set(ctx, socket, in, "state drain") }); err != nil {
		return domain.StepOutcome{}, err
	}
	open := 0
	_, err := h.until(ctx, in, orDefault(h.Drain, 30*time.Second), func(s server) bool { open = max(open, s.sessions); return s.sessions == 0 })
	if errors.Is(err, errLate) {
		return domain.StepOutcome{Output: fmt.Sprintf("requests were still under way after %s; they end with the process\n", orDefault(h.Drain, 30*time.Second))}, nil
	}
	return domain.StepOutcome{Output: "drained\n"}, err
}

// Allow lets requests to a host and waits until the balancer takes it for healthy.
func (h HAProxy) Allow(ctx context.Context, in deployment.TrafficInput) (domain.StepOutcome, error) {
	if err := h.all(ctx, func(socket string) error { return set(ctx, socket, in, "state ready") }); err != nil {
		return domain.StepOutcome{}, err
	}
	last, err := h.until(ctx, in, orDefault(h.Healthy, time.Minute), server.serves)
	if errors.Is(err, errLate) {
		err = domain.Errorf(domain.CodeNotAvailable, "the balancer finds %s %s after %s", in.Host, last.status, orDefault(h.Healthy, time.Minute))
	}
	return domain.StepOutcome{Output: "takes requests\n"}, err
}

func (h HAProxy) all(_ context.Context, do func(socket string) error) error {
	for _, socket := range h.Sockets {
		if err := do(socket); err != nil {
			return err
		}
	}
	return nil
}

var errLate = errors.New("it takes too long")

// until waits until the host's server is as it should be, at every socket; errLate when it
// is not within a time, with the last that was seen.
func (h HAProxy) until(ctx context.Context, in deployment.TrafficInput, within time.Duration, as func(server) bool) (last server, err error) {
	deadline := time.Now().Add(within)
	for _, socket := range h.Sockets {
		for {
			if last, err = look(ctx, socket, in.Service, in.Host); err != nil || as(last) {
				break
			}
			if time.Now().After(deadline) {
				return last, errLate
			}
			select {
			case <-ctx.Done():
				return last, ctx.Err()
			case <-time.After(lookEvery):
			}
		}
		if err != nil {
			return last, err
		}
	}
	return last, nil
}

// server is what HAProxy says of one.
type server struct {
	status   string // such as "UP", "DRAIN", "DOWN 1/2", "no check"
	sessions int    // requests under way
}

func (s server) serves() bool { return strings.HasPrefix(s.status, "UP") || s.status == "no check" }

// look reads one server's line of the statistics.
func look(ctx context.Context, socket, backend, host string) (server, error) {
	answer, err := ask(ctx, socket, "show stat "+backend+" 4 -1") // 4: servers
	if err != nil {
		return server{}, err
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(answer, "# "))).ReadAll()
	if err != nil || len(rows) == 0 {
		return server{}, domain.Errorf(domain.CodeDeployAccess, "HAProxy has no backend %q: name it like the service", backend).Because(err)
	}
	name, status, sessions := slices.Index(rows[0], "svname"), slices.Index(rows[0], "status"), slices.Index(rows[0], "scur")
	if name < 0 || status < 0 || sessions < 0 {
		return server{}, domain.Errorf(domain.CodeDeployAccess, "what listens at %s is not HAProxy's runtime API", socket)
	}
	for _, row := range rows[1:] {
		if row[name] == host {
			n, _ := strconv.Atoi(row[sessions])
			return server{status: row[status], sessions: n}, nil
		}
	}
	return server{}, domain.Errorf(domain.CodeDeployAccess, "HAProxy's backend %q has no server %q: name it like the host", backend, host)
}

func set(ctx context.Context, socket string, in deployment.TrafficInput, what string) error {
	answer, err := ask(ctx, socket, "set server "+in.Service+"/"+in.Host+" "+what)
	if answer = strings.TrimSpace(answer); err == nil && answer != "" {
		return domain.Errorf(domain.CodeDeployAccess, "HAProxy refuses to move %s: %s", in.Host, answer)
	}
	return err
}

// askTimeout bounds one command.
const askTimeout = 5 * time.Second

// ask sends one command. Names of services and hosts were checked when the file of services
// was read; another is refused here, since a line feed would be another command.
func ask(ctx context.Context, socket, command string) (string, error) {
	if strings.ContainsAny(command, "\n;\\") {
		return "", domain.Errorf(domain.CodeInvalid, "no service and no host has such a name")
	}
	network := "unix"
	if !strings.Contains(socket, "/") {
		network = "tcp"
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, network, socket)
	if err != nil {
		return "", domain.Errorf(domain.CodeUnavailable, "HAProxy's runtime API at %s cannot be reached", socket).Because(err)
	}
	defer func() { _ = conn.Close() }()
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	if _, err := io.WriteString(conn, command+"\n"); err != nil {
		return "", domain.Errorf(domain.CodeUnavailable, "HAProxy's runtime API at %s broke off", socket).Because(err)
	}
	answer, err := io.ReadAll(bufio.NewReader(conn))
	if err != nil {
		return "", domain.Errorf(domain.CodeUnavailable, "HAProxy's runtime API at %s broke off", socket).Because(err)
	}
	return string(answer), nil
}

func orDefault(v, fallback time.Duration) time.Duration {
	if v > 0 {
		return v
	}
	return fallback
}
