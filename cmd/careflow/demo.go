package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/careflow/careflow/api/openapi"
)

// demoOptions say where the running stack is.
type demoOptions struct{ api, sandbox, ui string }

func newDemo(in invocation) *cobra.Command {
	var o demoOptions
	demo := &cobra.Command{
		Use:   "demo",
		Short: "Walk a visit through a running stack, from the booking to the archive, and three others beside it",
		Long: "Walks a visit through the public API of a running stack, from the booking to the archive, and tells what " +
			"happens. Beside it one visit is moved and called off by the doctor, one is cancelled late by the patient, and one " +
			"is never paid; each is checked against the provider's ledger, the API and the letters. It takes two to three minutes, because real timers fire. It needs the seeded clinic and the " +
			"sandbox, and fails when something that should have happened did not.",
		GroupID: groupLook,
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return newDemonstration(in, o).run(c.Context())
		},
	}
	env := variables(in.environ)
	demo.Flags().StringVar(&o.api, "api", cmp.Or(env["CAREFLOW_PUBLIC_URL"], "http://localhost:8080"), "base URL of the API")
	demo.Flags().StringVar(&o.sandbox, "sandbox", sandboxURL(env), "base URL of the sandbox")
	demo.Flags().StringVar(&o.ui, "ui", cmp.Or(env["CAREFLOW_TEMPORAL_UI_ORIGIN"], "http://localhost:8233"), "base URL of Temporal UI, for its link")
	return demo
}

func variables(environ []string) map[string]string {
	vars := map[string]string{}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		vars[name] = value
	}
	return vars
}

// sandboxURL is where this environment talks to instead of Stripe: that is the sandbox.
func sandboxURL(env map[string]string) string {
	if url := env["CAREFLOW_STRIPE_URL"]; strings.HasPrefix(url, "http://") {
		return strings.Replace(url, "127.0.0.1", "localhost", 1)
	}
	return "http://localhost:8090"
}

// demonstration is one visit being told.
type demonstration struct {
	in      invocation
	voice   *demoVoice
	ui      string
	sandbox demoSandbox

	patient, doctor, desk *demoPerson

	visit openapi.Appointment
	told  map[string]bool // messages by ID
	aside *sideLives
}

func newDemonstration(in invocation, o demoOptions) *demonstration {
	person := func(name, account string) *demoPerson {
		return &demoPerson{name: name, email: account + "@careflow.example", http: newDemoHTTP(o.api, "the API", "`make up` starts it")}
	}
	return &demonstration{
		in: in, voice: newDemoVoice(in.out), ui: strings.TrimRight(o.ui, "/"),
		sandbox: demoSandbox{http: newDemoHTTP(o.sandbox, "the sandbox", "`make up` starts it; --sandbox says where")},
		patient: person("Paula Lindner", "patient"), doctor: person("Dr. Demo Always", "doctor.demo"), desk: person("Sam Front", "staff"),
		told: map[string]bool{}, aside: &sideLives{},
	}
}

// run tells the story. Each chapter ends when what it is about has happened.
func (d *demonstration) run(ctx context.Context) error {
	for _, chapter := range []func(context.Context) error{
		d.greet, d.book, d.pay, d.beginAside, d.confirm, d.remind, d.visitDoctor, d.archive, d.check, d.tellAside,
	} {
		if err := chapter(ctx); err != nil {
			d.aside.stop()
			d.voice.clear()
			if d.visit.ID != "" && ctx.Err() == nil {
				d.links()
			}
			return err
		}
	}
	return nil
}

// links says where to look at this visit.
func (d *demonstration) links() {
	d.voice.say("Where to look:")
	d.voice.more("the process   %s/namespaces/%s/workflows/appointment-%s", d.ui, d.namespace(), d.visit.ID)
	d.voice.more("the mailbox   %s/mails", d.sandbox.http.base)
	d.voice.more("the ledger    %s/ledger", d.sandbox.http.base)
}

func (d *demonstration) namespace() string {
	return cmp.Or(variables(d.in.environ)["CAREFLOW_TEMPORAL_NAMESPACE"], "careflow")
}

// seconds is a duration as people say it.
func seconds(t time.Duration) string {
	if t < time.Minute {
		return fmt.Sprintf("%d s", int(t.Round(time.Second)/time.Second))
	}
	return fmt.Sprintf("%d min %02d s", int(t/time.Minute), int(t%time.Minute/time.Second))
}
