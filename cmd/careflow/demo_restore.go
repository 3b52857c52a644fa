package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/seed"
)

func newDemoRestore(in invocation) *cobra.Command {
	var o demoOptions
	c := &cobra.Command{
		Use:   "demo-restore",
		Short: "Destroy the demonstration clinic's visits under load, and restore them",
		Long: "A drill on a running local stack: saves the clinic, goes on booking, deletes every visit, restores the backup, and prints " +
			"what was lost and how long each step took. It needs the seeded clinic, the sandbox and a backup worker that may " +
			"restore; it refuses any other installation.",
		GroupID: groupLook, Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runDrill(c.Context(), in, o) },
	}
	env := variables(in.environ)
	c.Flags().StringVar(&o.api, "api", cmp.Or(env["CAREFLOW_PUBLIC_URL"], "http://localhost:8080"), "base URL of the API")
	c.Flags().StringVar(&o.sandbox, "sandbox", sandboxURL(env), "base URL of the sandbox")
	return c
}

// drill is one run of it.
type drill struct {
	in      invocation
	voice   *demoVoice
	sandbox demoSandbox
	desk    *demoPerson // books
	ops     *demoPerson
	url     string // of the database that is destroyed

	doctor *demoPerson
	visits []string // booked before the backup

	booked atomic.Int64
	first  time.Time
}

func runDrill(ctx context.Context, in invocation, o demoOptions) error {
	env := variables(in.environ)
	if env["CAREFLOW_ENV"] != "development" || env["CAREFLOW_DATABASE_URL"] == "" {
		return usageError{errors.New("the drill destroys data: it runs on a local stack only, by `make demo-restore`")}
	}
	person := func(name, account string) *demoPerson {
		return &demoPerson{name: name, email: account + "@careflow.example", http: newDemoHTTP(o.api, "the API", "`make up` starts it")}
	}
	d := &drill{
		in: in, voice: newDemoVoice(in.out), url: env["CAREFLOW_DATABASE_URL"], desk: person("Sam Front", "staff"), ops: person("ops", "ops"), doctor: person("Dr. Demo Always", "doctor.demo"),
		sandbox: demoSandbox{http: newDemoHTTP(o.sandbox, "the sandbox", "`make up` starts it; --sandbox says where")},
	}
	for _, who := range []*demoPerson{d.desk, d.ops, d.doctor} {
		if err := who.login(ctx); err != nil {
			return err
		}
	}
	return d.run(ctx)
}

func (d *drill) run(ctx context.Context) error {
	d.first = time.Now().Add(3 * time.Hour).Truncate(time.Minute)
	d.voice.say("Ten visits are booked, then the clinic is saved and the backup proven.")
	for range 10 {
		id, err := d.book(ctx)
		if err != nil {
			return err
		}
		d.visits = append(d.visits, id)
		if err := d.asked(ctx, id); err != nil {
			return err
		}
	}
	backup, err := d.save(ctx)
	if err != nil {
		return err
	}
	d.voice.more("backup %s, restore point %s, %d rows", backup.ID, instant(backup.SnapshotAt), backup.Rows)

	d.voice.say("The doctor confirms five of them and booking goes on: that is not in the backup. Then every visit is deleted.")
	for _, id := range d.visits[:min(5, len(d.visits))] {
		if _, err := d.doctor.order(ctx, id, "confirm", nil); err != nil {
			return err
		}
	}
	loading, stop := context.WithCancel(ctx)
	defer stop()
	var load sync.WaitGroup
	load.Go(func() { d.load(loading) })
	if err := pause(ctx, 5*time.Second); err != nil {
		return err
	}
	known, err := d.destroy(ctx)
	if err != nil {
		return err
	}
	d.voice.more("%d visits were there; none is any more", known)
	before, err := d.sandbox.ledger(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	r, err := d.restore(ctx)
	stop()
	load.Wait()
	if err != nil {
		return err
	}
	return d.figures(ctx, r, before, time.Since(began))
}

// book takes the next free minutes with the doctor who is there around the clock, and pays.
func (d *drill) book(ctx context.Context) (id string, err error) {
	for range 500 {
		start := d.first.Add(time.Duration(d.booked.Add(1)) * 3 * time.Minute)
		var visit openapi.Appointment
		_, err := d.desk.http.do(ctx, http.MethodPost, "/v1/appointments", openapi.Booking{
			DoctorID: seed.DoctorDemoID, TypeID: seed.TypeDemoID, PatientID: seed.PatientID, StartsAt: start,
		}, &visit, "Authorization", "Bearer "+d.desk.token, "Idempotency-Key", domain.NewID(), "Prefer", "wait=5")
		var refused *refusal
		if errors.As(err, &refused) && refused.status == http.StatusConflict && refused.problem.Code != string(domain.CodeTooManyHolds) {
			continue // another drill's
		}
		if err != nil {
			return "", err
		}
		intent, _, payable := strings.Cut(visit.Payment.ClientSecret, "_secret_")
		if !payable {
			return visit.ID, nil // the fence went up meanwhile: nobody opens a payment behind it
		}
		return visit.ID, d.sandbox.pay(ctx, intent)
	}
	return "", errors.New("no free time was found for the drill's visits")
}

// asked waits until the doctor is asked for an answer.
func (d *drill) asked(ctx context.Context, id string) error {
	for {
		var visit openapi.Appointment
		if err := d.desk.get(ctx, "/v1/appointments/"+id, &visit); err != nil {
			return err
		}
		if domain.Status(visit.Status) == domain.StatusPending {
			return nil
		}
		if err := pause(ctx, lookEvery); err != nil {
			return err
		}
	}
}

// load books until ctx ends; behind the fence it is refused, and while the databases change
// places a request may fail.
func (d *drill) load(ctx context.Context) {
	for ctx.Err() == nil {
		_, _ = d.book(ctx)
		_ = pause(ctx, 200*time.Millisecond)
	}
}

func (d *drill) save(ctx context.Context) (openapi.Backup, error) {
	var started openapi.BackupStarted
	var b openapi.Backup
	if _, err := d.ops.do(ctx, http.MethodPost, "/v1/ops/backups", openapi.BackupRequest{Target: "clinic"}, &started); err != nil {
		return b, err
	}
	for {
		status, err := d.ops.do(ctx, http.MethodGet, "/v1/ops/backups/"+started.ID, nil, &b)
		switch {
		case err != nil && status != http.StatusNotFound:
			return b, err
		case b.State == openapi.BackupStateVerified:
			return b, nil
		case domain.BackupState(b.State).Ended():
			return b, fmt.Errorf("the backup is %s: %s", b.State, b.ErrorDetail)
		}
		if err := pause(ctx, lookEvery); err != nil {
			return b, err
		}
	}
}

// destroy is what nobody means to do: TRUNCATE in the wrong window.
func (d *drill) destroy(ctx context.Context) (visits int, err error) {
	conn, err := pgx.Connect(ctx, d.url)
	if err != nil {
		return 0, errors.New("the database of CAREFLOW_DATABASE_URL cannot be reached")
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if err := conn.QueryRow(ctx, "SELECT count(*) FROM appointments").Scan(&visits); err != nil {
		return 0, fmt.Errorf("counting the visits: %w", err)
	}
	_, err = conn.Exec(ctx, "TRUNCATE appointments CASCADE")
	return visits, err
}

// restore approves what it asked for: on a local stack one person is enough.
func (d *drill) restore(ctx context.Context) (openapi.Restore, error) {
	var r openapi.Restore
	var started openapi.RestoreStarted
	_, err := d.ops.do(ctx, http.MethodPost, "/v1/ops/restores", openapi.RestoreRequest{Target: "clinic", Reason: "a drill"}, &started)
	if err != nil {
		return r, err
	}
	path := "/v1/ops/restores/" + url.PathEscape(started.ID)
	words := map[openapi.RestoreState]openapi.RestoreWord{
		openapi.RestoreStateAwaitingApproval: openapi.RestoreWordBegin, openapi.RestoreStateAwaitingSwap: openapi.RestoreWordSwap,
	}
	for told := openapi.RestoreState(""); ; {
		_, err := d.ops.do(ctx, http.MethodGet, path, nil, &r)
		var refused *refusal
		if err != nil && (!errors.As(err, &refused) || refused.status < http.StatusInternalServerError) {
			return r, err
		}
		if err == nil && r.State != told {
			told = r.State
			d.voice.more("%s", told)
		}
		switch word, asked := words[r.State]; {
		case r.State == openapi.RestoreStateSwapped:
			return r, nil
		case domain.RestoreState(r.State).Ended():
			return r, fmt.Errorf("the restore is %s: %s", r.State, r.ErrorDetail)
		case asked && !approved(r, word, 1):
			if _, err := d.ops.do(ctx, http.MethodPost, path+"/words", openapi.RestoreDecision{Word: word, Reason: "a drill"}, &r); err != nil {
				return r, err
			}
		}
		if err := pause(ctx, lookEvery); err != nil {
			return r, err
		}
	}
}

// figures prints what it came to, and fails where somebody was charged again.
func (d *drill) figures(ctx context.Context, r openapi.Restore, before demoLedger, took time.Duration) error {
	after, err := d.sandbox.ledger(ctx)
	if err != nil {
		return err
	}
	d.voice.say("The clinic is back. Undo: careflow restore undo %s; no need of that: careflow restore finish %s", r.ID, r.ID)
	w := tabwriter.NewWriter(d.in.out, 2, 0, 2, ' ', 0)
	row(w, "  from the first word to the last step", took.Round(100*time.Millisecond))
	for _, p := range r.Phases {
		row(w, "  "+p.Name, fmt.Sprintf("%.1f s", p.Seconds))
	}
	row(w, "  the exchange of the databases", fmt.Sprintf("%.0f ms", r.SwapMs))
	row(w, "  visits written forward", fmt.Sprintf("%d of %d, in %d steps", r.Forward.Moved, r.Forward.Visits, r.Forward.Steps))
	row(w, "  letters not sent again", r.Forward.Letters)
	row(w, "  visits listed for staff", fmt.Sprintf("%d: careflow restore visits %s", r.Lost, r.ID))
	row(w, "  of them, whose money had moved", r.Forward.Money)
	row(w, "  visits that could not be followed", r.Forward.Failed)
	row(w, "  reconciled", fmt.Sprintf("%d checked, %d replaced, %d reported", r.Reconciled.Checked, r.Reconciled.Replaced, r.Reconciled.Reported))
	var again int
	captures := map[string]int{}
	for _, p := range before.Payments {
		captures[p.IntentID] = p.Captures
	}
	for _, p := range after.Payments {
		if p.Captures > max(1, captures[p.IntentID]) {
			again++
		}
	}
	var lost int64
	for _, diff := range r.Differences {
		lost += max(0, diff.Live-diff.Restored)
	}
	row(w, "  rows that lived and are not in the backup", lost)
	row(w, "  charged twice", again)
	if err := w.Flush(); err != nil {
		return err
	}
	if again > 0 || r.Forward.Failed > 0 {
		return fmt.Errorf("%d were charged twice, %d visits could not be followed", again, r.Forward.Failed)
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
