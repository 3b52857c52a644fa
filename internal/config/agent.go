package config

import (
	"path/filepath"
	"slices"
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// Agent says what the agent of a host may do there.
type Agent struct {
	// Host is CAREFLOW_AGENT_HOST: the host's name in the file of services.
	Host string
	// Root is CAREFLOW_AGENT_ROOT: the folder of releases. Defaults to /var/lib/careflow.
	Root string
	// Files is CAREFLOW_AGENT_FILES: the folders in which releases may place links to files of
	// theirs, such as /etc/systemd/system, separated by commas. Defaults to none.
	Files []string
	// HAProxy is CAREFLOW_AGENT_HAPROXY: where the runtime APIs of the load balancer listen,
	// as paths of sockets or host:port, separated by commas. Defaults to none: this host's
	// agent moves no requests.
	HAProxy []string
	// Drain is CAREFLOW_AGENT_DRAIN: how long requests under way may go on when a host is taken
	// out. Defaults to 30s.
	Drain time.Duration
}

func (r *reader) agent() Agent {
	a := Agent{
		Host:    r.text("CAREFLOW_AGENT_HOST", ""),
		Root:    r.text("CAREFLOW_AGENT_ROOT", "/var/lib/careflow"),
		Files:   list(r.text("CAREFLOW_AGENT_FILES", "")),
		HAProxy: list(r.text("CAREFLOW_AGENT_HAPROXY", "")),
		Drain:   r.duration("CAREFLOW_AGENT_DRAIN", 30*time.Second, time.Second, 10*time.Minute),
	}
	if a.Host != "" && domain.ValidDeploymentName("a host", a.Host) != nil {
		r.problem("CAREFLOW_AGENT_HOST", "is %q: write lower-case letters, digits and -, at most 31, beginning with a letter", a.Host)
	}
	if slices.ContainsFunc(append([]string{a.Root}, a.Files...), func(f string) bool { return !filepath.IsAbs(f) || f == "/" }) {
		r.problem("CAREFLOW_AGENT_ROOT", "and CAREFLOW_AGENT_FILES name absolute folders, and not / itself")
	}
	return a
}
