package hostagent

import (
	"context"
	"errors"
	"os/user"
	"strconv"
	"syscall"
	"time"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/processes"
)

// account is the user that a script runs as.
type account struct {
	home string
	as   *syscall.Credential // nil: the agent's own
}

// credentials finds the user named, or the agent's own for "". CodeDeployAccess for one that
// the agent cannot become.
func credentials(name string) (account, error) {
	own, err := user.Current()
	if err != nil {
		return account{}, err
	}
	if name == "" || name == own.Username {
		return account{home: own.HomeDir}, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return account{}, domain.Errorf(domain.CodeDeployAccess, "the release runs a script as %q, and this host has no such user", name).Because(err)
	}
	if own.Uid != "0" {
		return account{}, domain.Errorf(domain.CodeDeployAccess, "the release runs a script as %q, and this agent runs as %q: only root can become another", name, own.Username)
	}
	groups, err := u.GroupIds()
	if err != nil {
		return account{}, err
	}
	c := &syscall.Credential{Uid: number(u.Uid), Gid: number(u.Gid)}
	for _, g := range groups {
		c.Groups = append(c.Groups, number(g))
	}
	return account{home: u.HomeDir, as: c}, nil
}

func number(id string) uint32 {
	n, _ := strconv.ParseUint(id, 10, 32) // Linux has no others
	return uint32(n)
}

func (a account) process() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Credential: a.as}
}

// stopGroup asks a process group to end.
func stopGroup(leader int) error { return syscall.Kill(-leader, syscall.SIGTERM) }

// endMarked kills all that a script has started, in whatever group it is by now.
func endMarked(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, killGrace)
	defer cancel()
	for {
		found, err := processes.WithMark(hookMarker + id)
		if err != nil || len(found) == 0 {
			return err
		}
		for _, pid := range found {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return domain.Errorf(domain.CodeDeployAccess, "process %d, left by a script, cannot be ended", pid).Because(err)
			}
		}
		select {
		case <-ctx.Done():
			return domain.Errorf(domain.CodeHookFailed, "%d processes that a script has left do not end", len(found))
		case <-time.After(10 * time.Millisecond):
		}
	}
}
