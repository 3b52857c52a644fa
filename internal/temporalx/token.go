package temporalx

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/careflow/careflow/internal/config"
)

// token is what a process shows Temporal's authorizer: held, or read from path for each
// call, so that a file that is replaced counts from the next one.
type token struct {
	held config.Secret
	path string
}

func (t token) read() (string, error) {
	if t.path == "" {
		return t.held.Reveal(), nil
	}
	content, err := os.ReadFile(t.path)
	if err != nil {
		return "", fmt.Errorf("CAREFLOW_TEMPORAL_TOKEN_FILE: %w", err)
	}
	return strings.TrimSpace(string(content)), nil
}

// current returns the token of a call. Temporal says of every token that it does not
// take only "Request unauthorized.", so what can be told before is told here, under a code
// that the SDK hands on as it is.
func (t token) current(context.Context) (string, error) {
	text, err := t.read()
	if err == nil {
		err = usableAt(text, time.Now())
	}
	if err != nil {
		return "", status.Error(codes.PermissionDenied, err.Error())
	}
	return text, nil
}

// expiry is a gauge for the alarm before a token expires: Unix seconds, +Inf without a
// token, 0 where there is one that cannot be used.
func (t token) expiry() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "careflow_temporal_token_expires_timestamp_seconds", Help: "When the token for Temporal expires; +Inf without one.",
	}, func() float64 {
		if t.path == "" && t.held.IsZero() {
			return math.Inf(1)
		}
		text, err := t.read()
		if err != nil {
			return 0
		}
		claims, err := claimsOf(text)
		if err != nil {
			return 0
		}
		return float64(claims.ExpiresAt.Unix())
	})
}

// renew says what to do about a token that cannot be used.
const renew = "make one with `careflow keys temporal token` and put it in the file of CAREFLOW_TEMPORAL_TOKEN_FILE, which is read anew"

func usableAt(text string, now time.Time) error {
	claims, err := claimsOf(text)
	if err != nil {
		return err
	}
	if !now.Before(claims.ExpiresAt.Time) {
		return fmt.Errorf("CAREFLOW_TEMPORAL_TOKEN of %s expired at %s: %s", claims.Subject, claims.ExpiresAt.UTC().Format(time.RFC3339), renew)
	}
	return nil
}

// claimsOf reads a token that expires. Whether it is genuine, Temporal decides: a process
// does not have the key.
func claimsOf(text string) (jwt.RegisteredClaims, error) {
	var claims jwt.RegisteredClaims
	if _, _, err := jwt.NewParser().ParseUnverified(text, &claims); err != nil || claims.ExpiresAt == nil {
		// The parser's words may quote the token.
		return claims, errors.New("CAREFLOW_TEMPORAL_TOKEN is no token for Temporal: " + renew)
	}
	return claims, nil
}
