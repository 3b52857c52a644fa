package probe

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/internal/domain"
)

// Database answers the SQL questions of smoke tests.
type Database interface {
	// Value is the one value that a question has as its answer, as text. It changes nothing.
	Value(ctx context.Context, question string) (string, error)
}

// Probe asks releases.
type Probe struct {
	// Values stand for their names in {{…}}; some are secrets, and never shown.
	values   map[string]string
	database Database
	http     *http.Client
}

var _ deployment.Prober = (*Probe)(nil)

// New returns a probe. database is nil where no SQL question can be asked.
func New(values map[string]string, database Database) *Probe {
	return &Probe{
		values: values, database: database,
		http: &http.Client{
			Timeout:       time.Minute,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// mostBody bounds what is read of an answer, in bytes.
const mostBody = 4 << 20

// Smoke asks each test in its order and stops at the first that fails.
func (p *Probe) Smoke(ctx context.Context, in deployment.SmokeInput) (domain.StepOutcome, error) {
	r := &smokeRun{Probe: p, in: in, saved: map[string]string{}}
	if err := r.named(ctx); err != nil {
		return r.outcome(), err
	}
	for _, t := range in.Plan.Smoke {
		began := time.Now()
		err := r.test(ctx, t)
		took := time.Since(began).Round(time.Millisecond)
		if err != nil {
			r.say("FAILED %s (%s): %s", t.Name, took, err)
			return r.outcome(), domain.Errorf(domain.CodeSmokeFailed, "%s: %s", t.Name, err)
		}
		r.say("ok     %s (%s)", t.Name, took)
	}
	return r.outcome(), nil
}

// smokeRun is one run of the tests against one address.
type smokeRun struct {
	*Probe
	in      deployment.SmokeInput
	saved   map[string]string
	printed strings.Builder
}

func (r *smokeRun) say(format string, args ...any) {
	_, _ = fmt.Fprintf(&r.printed, format+"\n", args...)
}

func (r *smokeRun) outcome() domain.StepOutcome {
	return domain.StepOutcome{Output: r.printed.String()}
}

// named makes sure that it is the release that answers, and not one that was there before.
func (r *smokeRun) named(ctx context.Context) error {
	got, err := r.digestAt(ctx, r.in.Preview+r.in.Plan.ReadyPath, r.in.Plan.VersionHeader)
	if err != nil {
		return domain.Errorf(domain.CodeSmokeFailed, "the preview does not answer: %s", err)
	}
	if got != r.in.Digest {
		return domain.Errorf(domain.CodeSmokeFailed, "the preview's %s is %q, not %s", r.in.Plan.VersionHeader, got, r.in.Digest)
	}
	r.say("ok     the preview is %s", r.in.Digest)
	return nil
}

// fill puts values and what was saved in the place of {{name}}.
func (r *smokeRun) fill(text string) (string, error) {
	var made strings.Builder
	for {
		before, rest, found := strings.Cut(text, "{{")
		made.WriteString(before)
		if !found {
			return made.String(), nil
		}
		name, after, closed := strings.Cut(rest, "}}")
		if !closed {
			return "", fmt.Errorf("{{ is never closed")
		}
		value, err := r.value(strings.TrimSpace(name))
		if err != nil {
			return "", err
		}
		made.WriteString(value)
		text = after
	}
}

func (r *smokeRun) value(name string) (string, error) {
	if v, ok := r.saved[name]; ok {
		return v, nil
	}
	if v, ok := r.values[name]; ok {
		return v, nil
	}
	if ahead, ok := strings.CutPrefix(name, "now+"); ok || name == "now" {
		d := time.Duration(0)
		if ok {
			var err error
			if d, err = time.ParseDuration(ahead); err != nil {
				return "", fmt.Errorf("%s is no time from now", name)
			}
		}
		return time.Now().UTC().Add(d).Format(time.RFC3339), nil
	}
	if name == "unique" {
		return domain.NewID(), nil
	}
	return "", fmt.Errorf("nothing is known by the name %s: save it in an earlier test, or give it in CAREFLOW_DEPLOY_VALUES", name)
}

func (r *smokeRun) test(ctx context.Context, t domain.SmokeTest) error {
	ctx, cancel := context.WithTimeout(ctx, t.Within)
	defer cancel()
	if t.SQL != "" {
		return r.question(ctx, t)
	}
	return r.request(ctx, t)
}

func (r *smokeRun) question(ctx context.Context, t domain.SmokeTest) error {
	if r.database == nil {
		return fmt.Errorf("there is no database to ask: set CAREFLOW_DEPLOY_DATABASE_URL for the deploy worker")
	}
	sql, err := r.fill(t.SQL)
	if err != nil {
		return err
	}
	got, err := r.database.Value(ctx, sql)
	switch {
	case err != nil:
		return fmt.Errorf("the question was not answered")
	case got != t.Equals:
		return fmt.Errorf("the answer is not %q", t.Equals)
	}
	return nil
}

func (r *smokeRun) request(ctx context.Context, t domain.SmokeTest) error {
	req, err := r.build(ctx, t)
	if err != nil {
		return err
	}
	resp, err := r.http.Do(req)
	if err != nil {
		return fmt.Errorf("no answer within %s", t.Within)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, mostBody))
	if err != nil {
		return fmt.Errorf("the answer broke off")
	}
	if resp.StatusCode != t.Status {
		return fmt.Errorf("answered %d, not %d%s", resp.StatusCode, t.Status, problemOf(body))
	}
	for _, part := range t.Contains {
		if !strings.Contains(string(body), part) {
			return fmt.Errorf("the answer does not contain %q", part)
		}
	}
	return r.save(t, body)
}

func (r *smokeRun) build(ctx context.Context, t domain.SmokeTest) (*http.Request, error) {
	path, err := r.fill(t.Path)
	if err != nil {
		return nil, err
	}
	body, err := r.fill(t.Body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, t.Method, r.in.Preview+path, strings.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("the request cannot be made")
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range t.Headers {
		filled, err := r.fill(value)
		if err != nil {
			return nil, err
		}
		req.Header.Set(name, filled)
	}
	return req, nil
}

// problemOf is the code of problem details. The rest of an answer may hold what is nobody's
// business in a log.
func problemOf(body []byte) string {
	var p struct {
		Code string `json:"code"`
	}
	if json.Unmarshal(body, &p) != nil || p.Code == "" {
		return ""
	}
	return ": " + p.Code
}

// save keeps values of the answer for later tests.
func (r *smokeRun) save(t domain.SmokeTest, body []byte) error {
	if len(t.Save) == 0 {
		return nil
	}
	var answer any
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("the answer is no JSON to save a value of")
	}
	for name, path := range t.Save {
		v, ok := at(answer, path)
		if !ok {
			return fmt.Errorf("the answer has no %s to save", path)
		}
		r.saved[name] = v
	}
	return nil
}

// at is the value under a dotted path, such as items.0.id.
func at(v any, path string) (string, bool) {
	for part := range strings.SplitSeq(path, ".") {
		switch in := v.(type) {
		case map[string]any:
			v = in[part]
		case []any:
			n := -1
			if _, err := fmt.Sscanf(part, "%d", &n); err != nil || n < 0 || n >= len(in) {
				return "", false
			}
			v = in[n]
		default:
			return "", false
		}
	}
	switch v := v.(type) {
	case string:
		return v, true
	case float64, bool:
		return fmt.Sprint(v), true
	}
	return "", false
}
