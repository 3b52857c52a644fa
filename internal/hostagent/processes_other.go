//go:build !linux

package hostagent

import (
	"context"
	"syscall"

	"github.com/careflow/careflow/internal/domain"
)

// account is the user that a script runs as.
type account struct{ home string }

func credentials(string) (account, error) {
	return account{}, domain.Errorf(domain.CodeDeployAccess, "agents carry out deployments on Linux only")
}

func (account) process() *syscall.SysProcAttr { return nil }

func stopGroup(int) error { return nil }

func endMarked(context.Context, string) error { return nil }
