package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"gocloud.dev/gcerrors"

	"github.com/careflow/careflow/internal/domain"
)

// line is one conversation with the object store. Its clock runs only while we wait for
// the store: how long a database or a program takes meanwhile says nothing about it.
// Without it a store that takes a request and never answers would hold a job for hours.
type line struct {
	ctx      context.Context //nolint:containedctx // for the length of one conversation
	cancel   context.CancelCauseFunc
	clock    *time.Timer
	patience time.Duration
	doing    string
}

const defaultPatience = 3 * time.Minute

var errSilent = errors.New("the backup storage is silent")

func (v *Vault) line(ctx context.Context, doing string) *line {
	l := &line{patience: v.Patience, doing: doing}
	if l.patience == 0 {
		l.patience = defaultPatience
	}
	l.ctx, l.cancel = context.WithCancelCause(ctx)
	l.clock = time.AfterFunc(l.patience, func() { l.cancel(errSilent) })
	l.clock.Stop()
	return l
}

func (l *line) end() {
	l.clock.Stop()
	l.cancel(nil)
}

// during waits for the store, and gives its error in its class.
func (l *line) during(call func() error) error {
	l.clock.Reset(l.patience)
	err := call()
	l.clock.Stop()
	if err != nil && errors.Is(context.Cause(l.ctx), errSilent) {
		return domain.Errorf(domain.CodeStorage, "%s the backup storage failed: it did not answer within %s", l.doing, l.patience).Because(err)
	}
	if err != nil {
		return storageFault(l.doing, err)
	}
	return nil
}

type writingLine struct {
	*line
	w io.Writer
}

func (w *writingLine) Write(p []byte) (n int, err error) {
	err = w.during(func() (err error) { n, err = w.w.Write(p); return err })
	return n, err
}

type readingLine struct {
	*line
	r io.Reader
}

func (r *readingLine) Read(p []byte) (n int, err error) {
	ended := false
	err = r.during(func() (err error) {
		n, err = r.r.Read(p)
		if ended = errors.Is(err, io.EOF); ended {
			return nil
		}
		return err
	})
	if ended {
		err = io.EOF
	}
	return n, err
}

// storageFault names what the object store said, in its own class.
func storageFault(doing string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s the storage: %w", doing, err)
	}
	switch code := gcerrors.Code(err); {
	case code == gcerrors.NotFound && strings.Contains(err.Error(), "NoSuchBucket"):
		// Not a missing object, which would make a bad backup of every one.
		return domain.Errorf(domain.CodeStorage, "there is no such bucket: check CAREFLOW_BACKUP_STORAGE").Because(err)
	case code == gcerrors.NotFound:
		return domain.Errorf(domain.CodeNotFound, "there is no such object in the backup storage").Because(err)
	case code == gcerrors.FailedPrecondition:
		return domain.Errorf(domain.CodeConflict, "the object is there already").Because(err)
	case code == gcerrors.PermissionDenied:
		return domain.Errorf(domain.CodeStorage, "the backup storage refused %s it: check the credentials and the bucket's policy", doing).Because(err)
	default:
		return domain.Errorf(domain.CodeStorage, "%s the backup storage failed", doing).WithDetail(code.String()).Because(err)
	}
}
