package hosts

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// HAProxy is a switch that is moved over HAProxy's runtime API. See
// deploy/bluegreen/haproxy.cfg.
type HAProxy struct {
	// Socket is the path of its stats socket, level admin.
	Socket string `yaml:"socket"`
	// Backend has a server for each instance, named blue0, blue1, …, green0, …
	Backend string `yaml:"backend"`
}

// server is a line of "show servers state".
type server struct {
	name   string
	colour domain.Colour
	weight int
	admin  int // 0: nobody has taken it out
}

// read takes weights and administrative states as the content of the switch.
func (h *HAProxy) read(ctx context.Context) (position, error) {
	servers, err := h.servers(ctx)
	if err != nil {
		return position{}, err
	}
	weights := map[domain.Colour]int{}
	var content strings.Builder
	for _, s := range servers {
		if s.admin == 0 {
			weights[s.colour] = max(weights[s.colour], s.weight)
		}
		_, _ = fmt.Fprintf(&content, "%s %d %d\n", s.name, s.weight, s.admin)
	}
	p := position{live: domain.Blue, revision: revisionOf(content.String())}
	if weights[domain.Green] > weights[domain.Blue] {
		p.live = domain.Green
	}
	if all := weights[domain.Blue] + weights[domain.Green]; all > 0 {
		p.share = (100*weights[p.live.Other()] + all/2) / all
	}
	return p, nil
}

// move raises one side before it lowers the other: at no instant is there nobody. A weight
// of 0 sends no new request; those under way are finished.
func (h *HAProxy) move(ctx context.Context, to domain.Colour, share int, _ string) error {
	servers, err := h.servers(ctx)
	if err != nil {
		return err
	}
	weight := map[domain.Colour]int{to: share, to.Other(): 100 - share}
	slices.SortStableFunc(servers, func(a, b server) int { return weight[b.colour] - b.weight - (weight[a.colour] - a.weight) })
	var commands []string
	for _, s := range servers {
		name := h.Backend + "/" + s.name
		if s.colour == to && s.admin != 0 {
			commands = append(commands, "set server "+name+" state ready")
		}
		commands = append(commands, fmt.Sprintf("set server %s weight %d", name, weight[s.colour]))
	}
	answer, err := h.ask(ctx, strings.Join(commands, "; "))
	if err != nil {
		return err
	}
	if text := strings.TrimSpace(answer); text != "" { // it answers a command that it carries out with nothing
		return domain.Errorf(domain.CodeDeployAccess, "HAProxy refuses: %s", text)
	}
	return nil
}

func (h *HAProxy) check(ctx context.Context) error {
	servers, err := h.servers(ctx)
	if err != nil {
		return err
	}
	answer, err := h.ask(ctx, fmt.Sprintf("set server %s/%s weight %d", h.Backend, servers[0].name, servers[0].weight))
	if text := strings.TrimSpace(answer); err == nil && text != "" {
		return domain.Errorf(domain.CodeDeployAccess, "HAProxy's socket does not let us move the switch, it wants level admin: %s", text)
	}
	return err
}

// servers reads the backend's servers. The format is versioned: 1, with named columns.
func (h *HAProxy) servers(ctx context.Context) ([]server, error) {
	answer, err := h.ask(ctx, "show servers state "+h.Backend)
	if err != nil {
		return nil, err
	}
	var columns []string
	var list []server
	for line := range strings.Lines(answer) {
		fields := strings.Fields(line)
		if len(fields) > 0 && fields[0] == "#" {
			columns = fields[1:]
			continue
		}
		at := func(name string) string {
			if i := slices.Index(columns, name); i >= 0 && i < len(fields) {
				return fields[i]
			}
			return ""
		}
		s := server{name: at("srv_name")}
		for _, c := range []domain.Colour{domain.Blue, domain.Green} {
			if strings.HasPrefix(s.name, string(c)) {
				s.colour = c
			}
		}
		if s.colour == "" {
			continue
		}
		if s.weight, err = strconv.Atoi(at("srv_uweight")); err != nil {
			return nil, domain.Errorf(domain.CodeDeployAccess, "HAProxy tells the state of its servers in a form that is not known").Because(err)
		}
		s.admin, _ = strconv.Atoi(at("srv_admin_state"))
		list = append(list, s)
	}
	if len(list) == 0 {
		return nil, domain.Errorf(domain.CodeDeployAccess, "HAProxy has no backend %s with servers blue0 and green0: %s", h.Backend, strings.TrimSpace(answer))
	}
	return list, nil
}

// mostAnswer bounds what is read from the socket, in bytes.
const mostAnswer = 1 << 20

// ask sends one line to the runtime API and reads until it hangs up.
func (h *HAProxy) ask(ctx context.Context, command string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", h.Socket)
	if err != nil {
		return "", domain.Errorf(domain.CodeUnavailable, "HAProxy's socket %s does not answer", h.Socket).Because(err)
	}
	defer func() { _ = conn.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	if _, err := io.WriteString(conn, command+"\n"); err != nil {
		return "", domain.Errorf(domain.CodeUnavailable, "HAProxy's socket broke off").Because(err)
	}
	answer, err := io.ReadAll(io.LimitReader(bufio.NewReader(conn), mostAnswer))
	if err != nil {
		return "", domain.Errorf(domain.CodeUnavailable, "HAProxy's socket broke off").Because(err)
	}
	return string(answer), nil
}
