package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/frontload"
)

func newDemoDeploy(in invocation) *cobra.Command {
	d := &deployDemo{in: in, voice: newDemoVoice(in.out)}
	c := &cobra.Command{
		Use:   "demo-deploy",
		Short: "Deploy the running API anew under load, then a broken version that takes itself back",
		Long: "Puts nginx before the API of a running stack, deploys another version of it blue/green while requests come in, then " +
			"a broken one that rolls itself back, and prints the figures. `make demo-deploy` runs it. It needs the seeded clinic, " +
			"and leaves nothing running.",
		GroupID: groupLook, Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return d.run(c.Context()) },
	}
	env := variables(in.environ)
	c.Flags().StringVar(&d.api, "api", cmp.Or(env["CAREFLOW_PUBLIC_URL"], "http://localhost:8080"), "base URL of the API")
	c.Flags().StringVar(&d.folder, "folder", "", "where releases, configuration and logs are kept")
	c.Flags().StringVar(&d.nginx, "nginx", "nginx", "the program")
	c.Flags().StringVar(&d.environment, "environment", "", "the file with the stack's variables")
	c.Flags().IntVar(&d.perSecond, "rate", 100, "requests a second")
	_, _ = c.MarkFlagRequired("folder"), c.MarkFlagRequired("environment")
	return c
}

// deployDemo is a front door, a deploy worker and the releases that go through them.
type deployDemo struct {
	in                              invocation
	voice                           *demoVoice
	api, folder, nginx, environment string
	perSecond                       int

	site         *demoSite
	ops, patient *demoPerson
}

func (d *deployDemo) run(ctx context.Context) (err error) {
	if err := d.logIn(ctx); err != nil {
		return err
	}
	if d.site, err = openDemoSite(ctx, d); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.site.close()) }()
	for _, chapter := range []func(context.Context) error{d.first, d.better, d.broken} {
		if err := chapter(ctx); err != nil {
			return fmt.Errorf("%w (logs are in %s)", err, d.folder)
		}
	}
	return nil
}

func (d *deployDemo) logIn(ctx context.Context) error {
	person := func(account string) *demoPerson {
		return &demoPerson{email: account + "@careflow.example", http: newDemoHTTP(d.api, "the API", "`make up` starts it")}
	}
	d.ops, d.patient = person("ops"), person("patient")
	return errors.Join(d.ops.login(ctx), d.patient.login(ctx))
}

// first lets the API that runs become a release behind the front door.
func (d *deployDemo) first(ctx context.Context) error {
	d.voice.chapter("The version that runs becomes a release behind " + d.site.front)
	_, err := d.deploy(ctx, "1.0", "", domain.DeploymentSucceeded)
	return err
}

// better deploys another version while requests come in: none may fail.
func (d *deployDemo) better(ctx context.Context) error {
	d.voice.chapter(fmt.Sprintf("Version 1.1, under %d requests a second, half of them POSTs that nobody repeats", d.perSecond))
	load := d.load()
	_, err := d.deploy(ctx, "1.1", "", domain.DeploymentSucceeded)
	load.Stop()
	if err != nil {
		return err
	}
	d.voice.say("%s", load)
	if load.Failed() > 0 {
		return fmt.Errorf("%d requests failed in a deployment that should lose none", load.Failed())
	}
	return nil
}

// dying is shell that ends the API two seconds after it has begun to get requests.
const dying = `(
    while :; do
        live=blue; [ -e "$CAREFLOW_DEMO_FLAG/green" ] && live=green
        [ "$live" = "$CAREFLOW_DEMO_COLOUR" ] && { sleep 2; kill -9 $$; exit; }
        kill -0 $$ || exit
        sleep 0.2
    done
) &
`

// broken deploys a version that starts, is ready, passes its smoke tests, and dies of its
// first requests. What patients met of it is between that and the way back.
func (d *deployDemo) broken(ctx context.Context) error {
	d.voice.chapter("Version 1.2 passes its smoke tests, and dies two seconds after it gets requests")
	load := d.load()
	deployed, err := d.deploy(ctx, "1.2", dying, domain.DeploymentRolledBack)
	load.Stop()
	if err != nil {
		return err
	}
	d.voice.say("taken back by itself: %s: %s", deployed.ErrorCode, deployed.ErrorDetail)
	d.voice.more("%s from its switch until everybody had version 1.1 again, two seconds of that before it died", exposed(deployed).Round(time.Millisecond))
	d.voice.more("going back took %s", tookOf(deployed, "go back").Round(time.Millisecond))
	d.voice.more("%s", load)
	d.voice.more("the failures are requests that met the dead version")
	return nil
}

func (d *deployDemo) load() *frontload.Load {
	return frontload.Start(frontload.Plan{Front: d.site.front, PerSecond: d.perSecond, Token: d.patient.token})
}

// deploy begins a deployment and tells its steps until its end, which must be as expected.
func (d *deployDemo) deploy(ctx context.Context, version, before string, want domain.DeploymentState) (openapi.Deployment, error) {
	var deployed openapi.Deployment
	release, err := d.site.release(version, before)
	if err != nil {
		return deployed, err
	}
	started, err := d.begin(ctx, release)
	if err != nil {
		return deployed, err
	}
	told := map[int]string{}
	for {
		if err := d.ops.get(ctx, deploymentPath(started.ID), &deployed); err != nil {
			return deployed, err
		}
		tellSteps(d.in.out, told, deployed)
		if domain.DeploymentState(deployed.State).Ended() {
			break
		}
		select {
		case <-ctx.Done():
			return deployed, ctx.Err()
		case <-time.After(lookEvery):
		}
	}
	if domain.DeploymentState(deployed.State) != want {
		return deployed, fmt.Errorf("the deployment of %s is %s, not %s: %s %s", version, deployed.State, want, deployed.ErrorCode, deployed.ErrorDetail)
	}
	return deployed, nil
}

// begin waits until the deploy worker, which has just been started, takes jobs.
func (d *deployDemo) begin(ctx context.Context, release openapi.DeploymentRequest) (started openapi.DeploymentStarted, err error) {
	err = retry(ctx, time.Minute, "the deploy worker", func(ctx context.Context) error {
		_, err := d.ops.do(ctx, http.MethodPost, "/v1/ops/deployments", release, &started, "Idempotency-Key", domain.NewID())
		return err
	})
	return started, err
}

// exposed is from the end of the switch to the end of the way back.
func exposed(d openapi.Deployment) time.Duration {
	var from, to time.Time
	for _, s := range d.Steps {
		switch {
		case strings.HasPrefix(s.Name, "switch"):
			from = s.EndedAt
		case s.Name == "go back":
			to = s.EndedAt
		}
	}
	return to.Sub(from)
}

func tookOf(d openapi.Deployment, name string) time.Duration {
	for _, s := range d.Steps {
		if s.Name == name {
			return s.EndedAt.Sub(s.StartedAt)
		}
	}
	return 0
}

// beside is the address whose port lies so much above that of another.
func beside(address string, above int) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	n, err := strconv.Atoi(port)
	return net.JoinHostPort(host, strconv.Itoa(n+above)), err
}
