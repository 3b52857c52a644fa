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
	// Spare is how long the other hosts may take until all serve, before one is taken out.
	// Defaults to 10s.
	Spare time.Duration
	// Healthy is how long a host may take to pass the balancer's health checks. Defaults to 60s.
	Healthy time.Duration
}

// lookEvery is the pause between two looks at the balancer.
const lookEvery = 50 * time.Millisecond

// Check says how every socket finds each host.
func (h HAProxy) Check(ctx context.Context, in deployment.TrafficInput) (domain.StepOutcome, error) {
	text := ""
	for _, socket := range h.Sockets {
		for _, host := range append([]string{in.Host}, in.Others...) {
			s, err := look(ctx, socket, in.Service, host)
			if err != nil {
				return domain.StepOutcome{Output: text}, err
			}
			text += fmt.Sprintf("%s finds %s %s\n", socket, host, s.status)
		}
	}
	return domain.StepOutcome{Output: text}, nil
}

// Block drains a host.
func (h HAProxy) Block(ctx context.Context, in deployment.TrafficInput) (domain.StepOutcome, error) {
	if err := h.spare(ctx, in); err != nil {
		return domain.StepOutcome{}, err
	}
	if err := h.set(ctx, in, "drain"); err != nil {
		return domain.StepOutcome{}, err
	}
	drain := orDefault(h.Drain, 30*time.Second)
	last, err := h.until(ctx, in.Service, in.Host, drain, func(s server) bool { return s.sessions == 0 })
	if errors.Is(err, errLate) {
		return domain.StepOutcome{Output: fmt.Sprintf("%d requests are still under way after %s; they end with the process\n", last.sessions, drain)}, nil
	}
	return domain.StepOutcome{Output: "drained\n"}, err
}

// spare waits until a host can be spared: all others serve. One that does not serve itself
// can always be.
func (h HAProxy) spare(ctx context.Context, in deployment.TrafficInput) error {
	serves := false
	for _, socket := range h.Sockets {
		s, err := look(ctx, socket, in.Service, in.Host)
		if err != nil {
			return err
		}
		serves = serves || s.serves()
	}
	if !serves {
		return nil
	}
	for _, other := range in.Others {
		last, err := h.until(ctx, in.Service, other, orDefault(h.Spare, 10*time.Second), server.serves)
		if errors.Is(err, errLate) {
			return domain.Errorf(domain.CodeConflict, "%s is not taken out: %s does not serve either (%s)", in.Host, other, last.status)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Allow lets requests to a host and waits until the balancer takes it for healthy.
func (h HAProxy) Allow(ctx context.Context, in deployment.TrafficInput) (domain.StepOutcome, error) {
	if err := h.set(ctx, in, "ready"); err != nil {
		return domain.StepOutcome{}, err
	}
	healthy := orDefault(h.Healthy, time.Minute)
	last, err := h.until(ctx, in.Service, in.Host, healthy, server.serves)
	if errors.Is(err, errLate) {
		return domain.StepOutcome{}, domain.Errorf(domain.CodeNotAvailable, "after %s the balancer still finds %s %s", healthy, in.Host, last.status)
	}
	return domain.StepOutcome{Output: "takes requests\n"}, err
}

// set gives a host's server a state, at every socket.
func (h HAProxy) set(ctx context.Context, in deployment.TrafficInput, state string) error {
	for _, socket := range h.Sockets {
		answer, err := ask(ctx, socket, "set server "+in.Service+"/"+in.Host+" state "+state)
		if err != nil {
			return err
		}
		if answer = strings.TrimSpace(answer); answer != "" {
			return domain.Errorf(domain.CodeDeployAccess, "HAProxy refuses to move %s: %s", in.Host, answer)
		}
	}
	return nil
}

var errLate = errors.New("it takes too long")

// until waits until the host's server is as it should be, at every socket; errLate when it
// is not within a time, with the last that was seen.
func (h HAProxy) until(ctx context.Context, service, host string, within time.Duration, as func(server) bool) (last server, err error) {
	deadline := time.Now().Add(within)
	for _, socket := range h.Sockets {
		for {
			if last, err = look(ctx, socket, service, host); err != nil || as(last) {
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
