package hosts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/careflow/careflow/internal/domain"
)

// position is how a switch stands.
type position struct {
	live     domain.Colour
	share    int // percent of the requests that go to the other colour
	revision string
}

// shareOf is the percentage that a colour gets.
func (p position) shareOf(c domain.Colour) int {
	if c == p.live {
		return 100 - p.share
	}
	return p.share
}

// switcher moves requests from one colour to the other.
type switcher interface {
	read(ctx context.Context) (position, error)
	// move gives a colour its share, unless the switch is not at revision any more:
	// CodeStale. It is not called by two of us at once.
	move(ctx context.Context, to domain.Colour, share int, revision string) error
	// check reports a switch that we may not move: CodeDeployAccess.
	check(ctx context.Context) error
}

// revisionOf names a state of the switch by its content.
func revisionOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:8])
}
