package api

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

// domainCodes reads the codes from the source, so that a new one cannot be forgotten here.
func domainCodes(t *testing.T) []domain.Code {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "internal", "domain", "errors.go"), nil, 0)
	require.NoError(t, err)
	var codes []domain.Code
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Code" {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			require.NoError(t, err)
			codes = append(codes, domain.Code(text))
		}
		return true
	})
	require.NotEmpty(t, codes)
	return codes
}

func TestEveryCodeOfTheDomainHasItsStatus(t *testing.T) {
	for _, code := range domainCodes(t) {
		a, ok := answerByCode[code]
		require.True(t, ok, "%s has no status: add it to answers", code)
		require.NotEmpty(t, a.title)
		require.NotEmpty(t, a.help)
		p := problemOf(fmt.Errorf("wrapped: %w", domain.Errorf(code, "say what to change").WithDetail("d")), "r")
		require.Equal(t, a.status, p.Status)
		require.Equal(t, string(code), p.Code)
		if a.status == http.StatusInternalServerError {
			require.NotContains(t, p.Detail, "say what to change")
			require.Empty(t, p.VendorCode)
		} else {
			require.Equal(t, "say what to change", p.Detail)
		}
	}
	require.Len(t, answerByCode, len(answers), "no code is listed twice")
}

func TestStatusesOfTheCodesThatCallersRelyOn(t *testing.T) {
	for code, status := range map[domain.Code]int{
		domain.CodeInvalid: 400, CodeIdempotencyKeyRequired: 400, domain.CodeUnauthenticated: 401, domain.CodeForbidden: 403,
		domain.CodeNotFound: 404, CodeMethodNotAllowed: 405, domain.CodeSlotTaken: 409, domain.CodePatientOverlap: 409,
		domain.CodeWrongStatus: 409, domain.CodeTooLate: 409, CodePayloadTooLarge: 413, CodeUnsupportedMediaType: 415,
		domain.CodeIdempotencyReused: 422, domain.CodeTooMany: 429, domain.CodeInternal: 500, domain.CodeUnavailable: 503,
	} {
		require.Equal(t, status, answerByCode[code].status, code)
	}
}

func TestErrorsWithoutACode(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: errors.New("refused by 10.0.0.7")}
	for _, c := range []struct {
		err    error
		status int
	}{
		{errors.New("pq: relation \"users\" of ada@example.test"), 500},
		{fmt.Errorf("query: %w", context.DeadlineExceeded), 503},
		{fmt.Errorf("query: %w", context.Canceled), 503},
		{fmt.Errorf("connect: %w", refused), 503},
		{domain.Errorf("made_up", "internal text"), 500},
	} {
		p := problemOf(c.err, "r")
		require.Equal(t, c.status, p.Status, c.err)
		for _, secret := range []string{"users", "ada", "10.0.0.7", "internal text"} {
			require.NotContains(t, p.Detail, secret)
		}
	}
}

func TestARetryIsInvitedWhereItHelps(t *testing.T) {
	for code, header := range map[domain.Code]string{
		domain.CodeUnavailable: "Retry-After", domain.CodeTooMany: "Retry-After", domain.CodeUnauthenticated: "WWW-Authenticate",
	} {
		require.Contains(t, problemHeaders(problemOf(domain.Errorf(code, "x"), "r"), nil), header)
	}
	busy := domain.Errorf(domain.CodeTooMany, "x").After(1500 * time.Millisecond)
	require.Equal(t, "2", problemHeaders(problemOf(busy, "r"), fmt.Errorf("wrapped: %w", busy))["Retry-After"])
	require.Empty(t, problemHeaders(problemOf(domain.Errorf(domain.CodeSlotTaken, "x"), "r"), nil))
}

func TestUnknownPathsAndMethodsAreProblems(t *testing.T) {
	h := newHarness(t)
	h.get("/nowhere", "").problem(http.StatusNotFound, domain.CodeNotFound)
	h.get("/v1/doctors/", "").problem(http.StatusNotFound, domain.CodeNotFound)
	got := h.do(request{method: http.MethodDelete, path: "/v1/appointments"})
	got.problem(http.StatusMethodNotAllowed, CodeMethodNotAllowed)
	require.Contains(t, got.Header().Get("Allow"), http.MethodPost)
}

func TestAPanicIsAProblemAndKeepsItsText(t *testing.T) {
	h := newHarness(t)
	h.store.panics = true
	got := h.get("/v1/doctors", h.as(domain.RolePatient))
	got.problem(http.StatusInternalServerError, domain.CodeInternal)
	require.NotContains(t, got.Body.String(), "secret")
	require.NotContains(t, h.log.String(), "secret text")
	require.Contains(t, h.log.String(), "a value of type string")
	require.Contains(t, h.log.String(), "fakes_test.go", "the stack says where")
}

func TestADatabaseThatIsDownInvitesARetry(t *testing.T) {
	h := newHarness(t)
	h.store.err = &net.OpError{Op: "dial", Err: errors.New("refused")}
	got := h.get("/v1/doctors", h.as(domain.RolePatient))
	got.problem(http.StatusServiceUnavailable, domain.CodeUnavailable)
	require.Equal(t, "5", got.Header().Get("Retry-After"))
}

type databaseError struct{ state string }

func (e databaseError) Error() string    { return "database: " + e.state }
func (e databaseError) SQLState() string { return e.state }

func TestADatabaseThatGoesAwayIsWorthAnotherTry(t *testing.T) {
	for state, code := range map[string]domain.Code{
		"57P01": domain.CodeUnavailable, "57P03": domain.CodeUnavailable, "53300": domain.CodeUnavailable,
		"08006": domain.CodeUnavailable, "23505": domain.CodeInternal, "42601": domain.CodeInternal,
	} {
		require.Equal(t, code, unknownFault(fmt.Errorf("reading: %w", databaseError{state})).Code, state)
	}
	require.Equal(t, domain.CodeUnavailable, unknownFault(fmt.Errorf("reading: %w", io.ErrUnexpectedEOF)).Code)
}
