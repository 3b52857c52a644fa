package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/deployfile"
	"github.com/careflow/careflow/internal/domain"
)

func newDeploy(in invocation) *cobra.Command {
	r := &remote{in: in}
	c := &cobra.Command{
		Use: "deploy", Short: "Deploy releases, follow them, and take them back, over the API",
		Long: "Begins deployments and speaks to them. For admin and ops. Following a deployment ends with exit code 0 when the " +
			"release is live, 3 when it failed and nothing was switched, 4 when it was rolled back, 5 when it was aborted, and 6 " +
			"when --timeout was over first." + remoteLong,
		GroupID: groupLook, Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	r.flags(c)
	c.AddCommand(newDeployStart(r), newDeployTrain(r), newDeployList(r), newDeployShow(r), newDeployFollow(r), newDeployOutput(r), newDeployServices(r))
	for word, short := range map[string]string{
		"approve": "Let a deployment go on to the switch", "pause": "Let the next step of a deployment wait",
		"resume": "Let a paused deployment go on", "abort": "End a deployment and take back what it did",
		"rollback": "Give the old release its requests again",
	} {
		c.AddCommand(newDeployWord(r, word, short))
	}
	return c
}

// following says until when a deployment is followed.
type following struct {
	until   string
	timeout time.Duration
}

func (f *following) flags(c *cobra.Command) {
	c.Flags().StringVar(&f.until, "wait", "live", "follow it until the release is live, or its end, when the old release is retired: live, end or none")
	c.Flags().DurationVar(&f.timeout, "timeout", 0, "give up following after so long; the deployment goes on")
}

func (f *following) check() error {
	if !slices.Contains([]string{"live", "end", "none"}, f.until) {
		return usageError{fmt.Errorf("--wait is live, end or none")}
	}
	return nil
}

func newDeployStart(r *remote) *cobra.Command {
	var (
		in    openapi.DeploymentRequest
		f     following
		smoke string
		key   string
	)
	c := &cobra.Command{
		Use: "start", Short: "Deploy a release, or join its deployment under way, and follow it", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			if smoke != "" {
				var err error
				if in.Smoke, err = readSmoke(smoke); err != nil {
					return usageError{err}
				}
			}
			p, err := r.login(c.Context())
			if err != nil {
				return err
			}
			if key == "" {
				key = domain.NewID()
			}
			var started openapi.DeploymentStarted
			if _, err := p.do(c.Context(), http.MethodPost, "/v1/ops/deployments", in, &started, "Idempotency-Key", key); err != nil {
				return err
			}
			if f.until == "none" {
				return show(r, started, func(w io.Writer, s openapi.DeploymentStarted) { row(w, s.ID) })
			}
			return f.follow(c.Context(), r, p, started.ID)
		},
	}
	f.flags(c)
	c.Flags().StringVar(&in.Environment, "env", "", "where to")
	c.Flags().StringVar(&in.Service, "service", "", "what")
	c.Flags().StringVar(&in.Version, "version", "", "the release's name for people")
	c.Flags().StringVar(&in.Digest, "digest", "", "sha256:… of the image or the bundle")
	c.Flags().StringVar(&in.Artifact, "artifact", "", "where the image (without a tag) or the bundle is found")
	c.Flags().StringVar((*string)(&in.Schema), "schema", "", "what the release does to the database: expands, or nothing")
	c.Flags().StringVar(&in.Reason, "reason", "", "why; kept with the deployment")
	c.Flags().StringVar(&smoke, "smoke", "", "a file of smoke tests, in the place of the service's")
	c.Flags().BoolVar(&in.PassOldScripts, "pass-old-scripts", false, "on hosts: go on where a script of the release that goes fails, such as a broken stop")
	c.Flags().StringVar(&key, "key", "", "the Idempotency-Key, for a pipeline that may run again")
	for _, name := range []string{"env", "service", "version", "digest", "artifact", reasonFlag} {
		_ = c.MarkFlagRequired(name)
	}
	return c
}

const reasonFlag = "reason"

func readSmoke(path string) ([]openapi.SmokeTest, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	tests, err := deployfile.ParseSmoke(text)
	if err != nil {
		return nil, err
	}
	var list []openapi.SmokeTest
	for _, t := range tests {
		list = append(list, openapi.SmokeTest{
			Name: t.Name, Method: openapi.SmokeTestMethod(t.Method), Path: t.Path, Headers: t.Headers, Body: t.Body, Status: t.Status,
			WithinSeconds: int(t.Within.Seconds()), Contains: t.Contains, Save: t.Save, SQL: t.SQL, Equals: t.Equals,
		})
	}
	return list, nil
}

func newDeployList(r *remote) *cobra.Command {
	var (
		environment, service, state string
		limit                       int
	)
	c := &cobra.Command{
		Use: "list", Short: "List deployments, the newest first", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			p, err := r.login(c.Context())
			if err != nil {
				return err
			}
			query := url.Values{"environment": {environment}, "service": {service}}
			if state != "" {
				query.Set("state", state)
			}
			items, err := collect[openapi.Deployment](c.Context(), p, "/v1/ops/deployments", query, limit, nil)
			if err != nil {
				return err
			}
			return show(r, openapi.DeploymentPage{Items: items}, func(w io.Writer, page openapi.DeploymentPage) { rowsOfDeployments(w, page.Items...) })
		},
	}
	c.Flags().StringVar(&environment, "env", "", "only this environment's")
	c.Flags().StringVar(&service, "service", "", "only this service's")
	c.Flags().StringVar(&state, "state", "", "only these, such as running, warm or rolled_back")
	c.Flags().IntVar(&limit, "limit", 50, "at most so many")
	return c
}

func newOfOneDeployment(r *remote, name, short string, more int, run func(ctx context.Context, p *demoPerson, args []string) error) *cobra.Command {
	use := name + " <deployment-id>" + strings.Repeat(" <step>", more)
	return &cobra.Command{
		Use: use, Short: short,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1+more {
				return usageError{fmt.Errorf("use it so: %s", use)}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			p, err := r.login(c.Context())
			if err != nil {
				return err
			}
			return run(c.Context(), p, args)
		},
	}
}

func deploymentPath(id string) string { return "/v1/ops/deployments/" + url.PathEscape(id) }

func newDeployShow(r *remote) *cobra.Command {
	return newOfOneDeployment(r, "show", "Show a deployment with its steps", 0, func(ctx context.Context, p *demoPerson, args []string) error {
		return get(ctx, r, p, deploymentPath(args[0]), tableOfDeployment)
	})
}

func newDeployOutput(r *remote) *cobra.Command {
	return newOfOneDeployment(r, "output", "Show what one step printed", 1, func(ctx context.Context, p *demoPerson, args []string) error {
		return get(ctx, r, p, deploymentPath(args[0])+"/steps/"+url.PathEscape(args[1]), func(w io.Writer, s openapi.DeploymentStep) {
			_, _ = io.WriteString(w, s.Output)
		})
	})
}

func newDeployFollow(r *remote) *cobra.Command {
	var f following
	c := newOfOneDeployment(r, "follow", "Show the steps of a deployment as they happen", 0, func(ctx context.Context, p *demoPerson, args []string) error {
		if err := f.check(); err != nil {
			return err
		}
		return f.follow(ctx, r, p, args[0])
	})
	f.flags(c)
	return c
}

func newDeployWord(r *remote, word, short string) *cobra.Command {
	var reason string
	c := newOfOneDeployment(r, word, short, 0, func(ctx context.Context, p *demoPerson, args []string) error {
		var d openapi.Deployment
		_, err := p.do(ctx, http.MethodPost, deploymentPath(args[0])+"/"+word, openapi.DeploymentWord{Reason: reason}, &d, "Idempotency-Key", domain.NewID())
		if err != nil {
			return err
		}
		return show(r, d, func(w io.Writer, d openapi.Deployment) { rowsOfDeployments(w, d) })
	})
	c.Flags().StringVar(&reason, reasonFlag, "", "why; kept with the deployment")
	_ = c.MarkFlagRequired(reasonFlag)
	return c
}

func newDeployServices(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "services", Short: "List what can be deployed, and what is live", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			p, err := r.login(c.Context())
			if err != nil {
				return err
			}
			return get(c.Context(), r, p, "/v1/ops/services", func(w io.Writer, list openapi.ServiceList) {
				row(w, "ENVIRONMENT", "SERVICE", "STRATEGY", "COLOUR", "REQUESTS", "VERSION", "DIGEST", "READY", "FAULT")
				for _, s := range list.Items {
					if len(s.Colours) == 0 {
						row(w, s.Environment, s.Service, s.Strategy, "", "", "", "", "", strings.TrimSpace(s.ErrorCode+" "+s.ErrorDetail))
					}
					for _, colour := range s.Colours {
						share := s.Share
						if string(colour.Colour) == string(s.Live) {
							share = 100 - s.Share
						}
						row(w, s.Environment, s.Service, s.Strategy, colour.Colour, fmt.Sprintf("%d %%", share), colour.Version, colour.Digest,
							fmt.Sprintf("%d/%d", colour.Ready, colour.Wanted), s.ErrorCode)
					}
				}
			})
		},
	}
}
