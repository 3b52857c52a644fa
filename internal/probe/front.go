package probe

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/internal/domain"
)

// confirmations are how many answers in a row must be the release's, each on a connection of
// its own; confirmWithin is how long they may take to come.
const (
	confirmations = 20
	confirmWithin = 30 * time.Second
	confirmEvery  = 100 * time.Millisecond
	askWithin     = 5 * time.Second
)

// Confirm asks at the front door until everybody gets the release.
func (p *Probe) Confirm(ctx context.Context, in deployment.ConfirmInput) (domain.StepOutcome, error) {
	ctx, cancel := context.WithTimeout(ctx, confirmWithin)
	defer cancel()
	url := in.Plan.FrontDoor + cmp.Or(in.Plan.FrontPath, in.Plan.ReadyPath) // plans of earlier releases have none
	for row := 0; ; {
		var last string
		got, err := p.digestAt(ctx, url, in.Plan.VersionHeader)
		switch {
		case err != nil:
			row, last = 0, "no answer: "+err.Error()
		case got != in.Digest:
			row, last = 0, fmt.Sprintf("%s is %q", in.Plan.VersionHeader, got)
		default:
			if row++; row == confirmations {
				return domain.StepOutcome{Output: fmt.Sprintf("%d answers in a row at %s are %s\n", row, in.Plan.FrontDoor, in.Digest)}, nil
			}
			continue
		}
		select {
		case <-ctx.Done():
			return domain.StepOutcome{}, domain.Errorf(domain.CodeNotAvailable, "the front door %s does not give everybody the release: %s", in.Plan.FrontDoor, last)
		case <-time.After(confirmEvery):
		}
	}
}

// digestAt is what the version header of an answer says.
func (p *Probe) digestAt(ctx context.Context, url, header string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", fmt.Errorf("%s is no URL", url)
	}
	req.Close = true // a connection that is kept shows one way only
	resp, err := p.http.Do(req)
	if err != nil {
		return "", fmt.Errorf("nobody answers there within %s", askWithin)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, mostBody))
	if resp.StatusCode >= http.StatusInternalServerError {
		return "", fmt.Errorf("answered %d", resp.StatusCode)
	}
	return resp.Header.Get(header), nil
}
