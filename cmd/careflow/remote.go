package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/careflow/careflow/api/openapi"
)

// remote is the API as a person at a terminal uses it.
type remote struct {
	in     invocation
	url    string
	asJSON bool
}

const remoteLong = " It speaks to the API at --api and logs in by CAREFLOW_CLI_TOKEN, an access token; or by " +
	"CAREFLOW_CLI_EMAIL and CAREFLOW_CLI_PASSWORD; or asks for them at the terminal. A password is never an argument: " +
	"other users of the machine can read those."

func (r *remote) flags(c *cobra.Command) {
	env := variables(r.in.environ)
	c.PersistentFlags().StringVar(&r.url, "api", cmp.Or(env["CAREFLOW_CLI_URL"], env["CAREFLOW_PUBLIC_URL"], "http://localhost:8080"), "base URL of the API")
	c.PersistentFlags().BoolVar(&r.asJSON, "json", false, "print the API's JSON instead of a table")
}

// login opens a session. Nothing secret goes over plain HTTP to another machine.
func (r *remote) login(ctx context.Context) (*demoPerson, error) {
	if err := confidential(r.url); err != nil {
		return nil, err
	}
	env := variables(r.in.environ)
	p := &demoPerson{http: newDemoHTTP(r.url, "the API", "--api says where it is"), token: env["CAREFLOW_CLI_TOKEN"]}
	if p.token != "" {
		return p, nil
	}
	email, password := env["CAREFLOW_CLI_EMAIL"], env["CAREFLOW_CLI_PASSWORD"]
	if email == "" || password == "" {
		var err error
		if email, password, err = ask(r.in.errors, email); err != nil {
			return nil, err
		}
	}
	var session openapi.Session
	_, err := p.http.do(ctx, http.MethodPost, "/v1/sessions", map[string]string{"email": email, "password": password}, &session)
	p.token, p.answered = session.AccessToken, err == nil
	return p, err
}

func confidential(base string) error {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return usageError{errors.New("--api is a URL such as https://clinic.example")}
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme == "https" || u.Hostname() == "localhost" || (ip != nil && ip.IsLoopback()) {
		return nil
	}
	return usageError{errors.New("--api is not https: a log-in is not sent to another machine in plain text")}
}

// ask reads e-mail address and password from the terminal, the latter without showing it.
func ask(w io.Writer, email string) (string, string, error) {
	stdin := int(os.Stdin.Fd())
	if !term.IsTerminal(stdin) {
		return "", "", usageError{errors.New("log in by CAREFLOW_CLI_TOKEN, or by CAREFLOW_CLI_EMAIL and CAREFLOW_CLI_PASSWORD: there is no terminal to ask at")}
	}
	if email == "" {
		_, _ = fmt.Fprint(w, "E-mail address: ")
		line, err := bufio.NewReader(os.Stdin).ReadString('\n')
		if err != nil {
			return "", "", fmt.Errorf("reading the e-mail address: %w", err)
		}
		email = strings.TrimSpace(line)
	}
	_, _ = fmt.Fprintf(w, "Password of %s: ", email)
	password, err := term.ReadPassword(stdin)
	_, _ = fmt.Fprintln(w)
	if err != nil {
		return "", "", fmt.Errorf("reading the password: %w", err)
	}
	return email, string(password), nil
}

// get reads path, prints it as it came with --json, and as table makes it otherwise.
func get[T any](ctx context.Context, r *remote, p *demoPerson, path string, table func(w io.Writer, v T)) error {
	var v T
	if err := p.get(ctx, path, &v); err != nil {
		return err
	}
	return show(r, v, table)
}

// collect reads a list, page by page, until it has ended or has so many entries that are
// wanted; nil wants all.
func collect[T any](ctx context.Context, p *demoPerson, path string, query url.Values, limit int, wanted func(T) bool) ([]T, error) {
	if limit < 1 {
		return nil, usageError{errors.New("--limit is 1 or more")}
	}
	query.Set("limit", "100")
	items := []T{}
	for {
		var page struct {
			Items      []T    `json:"items"`
			NextCursor string `json:"next_cursor"`
		}
		if err := p.get(ctx, path+"?"+query.Encode(), &page); err != nil {
			return nil, err
		}
		for _, one := range page.Items {
			if wanted == nil || wanted(one) {
				items = append(items, one)
			}
		}
		if page.NextCursor == "" || len(items) >= limit {
			return items[:min(limit, len(items))], nil
		}
		query.Set("cursor", page.NextCursor)
	}
}

func show[T any](r *remote, v T, table func(w io.Writer, v T)) error {
	if r.asJSON {
		e := json.NewEncoder(r.in.out)
		e.SetIndent("", "  ")
		return e.Encode(v)
	}
	w := tabwriter.NewWriter(r.in.out, 0, 0, 2, ' ', 0)
	table(w, v)
	return w.Flush()
}

func row(w io.Writer, cells ...any) {
	for i, c := range cells {
		if i > 0 {
			_, _ = fmt.Fprint(w, "\t")
		}
		if t, ok := c.(time.Time); ok {
			c = instant(t)
		}
		_, _ = fmt.Fprint(w, c)
	}
	_, _ = fmt.Fprintln(w)
}

// instant is a time with its offset, "-" for none.
func instant(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Format(time.RFC3339)
}
