package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/careflow/careflow/internal/backup"
	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/domain"
)

func newRestoreOffline(in invocation) *cobra.Command {
	var (
		o            offline
		undo         bool
		before, name string
	)
	c := &cobra.Command{
		Use: "offline", Short: "Restore a database while nothing of the product runs: the way for Temporal's own", Args: noArgs,
		Long: "Restores a proven backup straight from CAREFLOW_BACKUP_STORAGE, without Temporal, API and catalogue, beside the database that " +
			"CAREFLOW_RESTORE_TARGETS names for the target, and lets it take that one's place. What lived before is kept under a dated name; " +
			"--undo goes back to it. Stop whatever uses the database first. Without --backup and --before it is of the newest proven backup.",
		RunE: func(c *cobra.Command, _ []string) error {
			process := config.RestoreOffline
			if undo {
				process = config.UndoOffline
			}
			if undo && (o.backupID != "" || before != "") {
				return usageError{errors.New("--undo goes back to what lived before: it takes neither --backup nor --before")}
			}
			if err := setBefore(&o.before, before); err != nil {
				return err
			}
			cfg, logger, err := settings(process, in)
			if err != nil {
				return err
			}
			o.yes, o.out, o.answers, o.log = name, in.out, c.InOrStdin(), logger
			if err := o.open(c.Context(), cfg); err != nil {
				return err
			}
			defer o.close()
			if undo {
				return o.undo(c.Context())
			}
			return o.restore(c.Context())
		},
	}
	c.PersistentFlags().StringVar(&o.target, targetFlag, "", "whose backups, by the name in CAREFLOW_BACKUP_TARGETS")
	c.Flags().StringVar(&o.backupID, "backup", "", "ID of the backup; `careflow restore offline list` shows them")
	c.Flags().StringVar(&before, "before", "", "the newest proven backup whose restore point is not later, RFC 3339")
	c.Flags().StringVar(&o.owner, "owner", "", "whose the database becomes where none lives; otherwise it takes over the owner")
	c.Flags().StringVar(&name, "yes", "", "do not ask: the name of the database whose place is taken")
	c.Flags().BoolVar(&undo, "undo", false, "go back to what the newest offline restore has put aside")
	c.Flags().BoolVar(&o.dryRun, "dry-run", false, "say what would be done, and do nothing")
	_ = c.MarkPersistentFlagRequired(targetFlag)
	c.AddCommand(newRestoreOfflineList(in, &o))
	return c
}

func newRestoreOfflineList(in invocation, o *offline) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List a target's backups by their signed manifests, the newest last", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, _, err := settings(config.ListOffline, in)
			if err != nil {
				return err
			}
			s, err := openBackups(c.Context(), cfg)
			if err != nil {
				return err
			}
			defer func() { _ = s.Close() }()
			inventory, err := s.Vault.Inventory(c.Context(), o.target)
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(in.out, 0, 0, 2, ' ', 0)
			rowsOfInventory(w, inventory)
			return w.Flush()
		},
	}
}

// offline is one run of the command.
type offline struct {
	target, backupID, owner, yes string
	before                       time.Time
	dryRun                       bool

	out     io.Writer
	answers io.Reader
	log     *slog.Logger
	engine  *backup.Offline
	close   func()
}

func (o *offline) open(ctx context.Context, c config.Config) error {
	address, ok := c.Restore.Targets[o.target]
	if !ok {
		return usageError{fmt.Errorf("CAREFLOW_RESTORE_TARGETS says nothing of %q: write %s=postgres://… with the address of its database", o.target, o.target)}
	}
	o.engine = &backup.Offline{Target: o.target, URL: address.Reveal(), Owner: o.owner}
	if c.Process == config.UndoOffline { // which reads no backup
		o.engine.Logical, o.close = &backup.Logical{}, func() {}
		return nil
	}
	s, err := openBackups(ctx, c)
	if err != nil {
		return err
	}
	o.engine.Logical, o.close = s.Logical, func() { _ = s.Close() }
	return nil
}

func (o *offline) restore(ctx context.Context) error {
	p, err := o.engine.Plan(ctx, o.backupID, o.before)
	if err != nil {
		return err
	}
	o.describe(p)
	if err := o.ready(ctx, p); err != nil {
		return err
	}
	if o.dryRun {
		o.warn(p)
		o.say("Nothing was done.")
		return nil
	}
	began := time.Now()
	if err := o.engine.Fill(ctx, p, o.progress(p.Backup)); err != nil {
		o.explain(ctx, p, err)
		return err
	}
	o.say("Restored as %s in %s: %d tables, %d rows, with the counts and hashes of the source.",
		p.Incoming, time.Since(began).Round(time.Millisecond), p.Backup.Tables, p.Backup.Rows)
	o.warn(p)
	took, err := o.take(ctx, p)
	if err != nil {
		return errors.Join(err, o.engine.Discard(context.WithoutCancel(ctx), p))
	}
	o.done(p, took)
	return nil
}

// explain logs what a program of PostgreSQL said, which may quote what is in the backup.
func (o *offline) explain(ctx context.Context, p backup.OfflinePlan, err error) {
	var fault *domain.Error
	if !errors.As(err, &fault) || fault.Code != domain.CodeTool {
		return
	}
	o.log.ErrorContext(ctx, "a program of PostgreSQL failed", "error", fault.Message, "said", errors.Unwrap(fault))
	if !p.Lives && o.owner == "" {
		o.say("Where no database lives, --owner names the role that it belongs to: owners of tables need rights in it.")
	}
}

func (o *offline) undo(ctx context.Context) error {
	p, err := o.engine.PlanUndo(ctx)
	if err != nil {
		return err
	}
	o.describeUndo(p)
	if err := o.ready(ctx, p); err != nil {
		return err
	}
	if o.dryRun {
		o.say("Nothing was done.")
		return nil
	}
	took, err := o.take(ctx, p)
	if err != nil {
		return err
	}
	o.say("%s lives again, after %s.%s", p.Live, took.Round(time.Millisecond), kept(p, "What was restored"))
	return nil
}

// ready refuses early what would be refused after the work.
func (o *offline) ready(ctx context.Context, p backup.OfflinePlan) error {
	if o.yes != "" && o.yes != p.Live {
		return usageError{fmt.Errorf("--yes is %q, and the database whose place is taken is %q", o.yes, p.Live)}
	}
	err := o.idle(ctx, p)
	if o.dryRun && domain.CodeOf(err) == domain.CodeConflict {
		o.say("It would be refused now: %v", err)
		return nil
	}
	return err
}

// idle is CodeConflict while somebody is connected to the live database, and names them.
func (o *offline) idle(ctx context.Context, p backup.OfflinePlan) error {
	sessions, err := o.engine.Sessions(ctx, p)
	if err != nil || len(sessions) == 0 {
		return err
	}
	counts, names := map[string]int{}, []string{}
	for _, s := range sessions {
		who := fmt.Sprintf("%q of role %s", s.Application, s.Role)
		if s.Application == "" {
			who = "one without a name, of role " + s.Role
		}
		if counts[who]++; counts[who] == 1 {
			names = append(names, who)
		}
	}
	for i, who := range names {
		names[i] = fmt.Sprintf("%s (%d)", who, counts[who])
	}
	first := "stop what uses it first"
	if p.Holds == backup.HoldsProcesses || p.Holds == backup.HoldsVisibility {
		first = "stop Temporal first"
	}
	return domain.Errorf(domain.CodeConflict, "%d sessions are in database %s: %s; %s", len(sessions), p.Live, strings.Join(names, ", "), first)
}

// take asks for the name and exchanges. Somebody at a terminal who has left a client running
// may stop it and type the name again.
func (o *offline) take(ctx context.Context, p backup.OfflinePlan) (time.Duration, error) {
	lines := readLines(ctx, o.answers)
	for {
		if o.yes == "" {
			if err := o.confirm(ctx, p, lines); err != nil {
				return 0, err
			}
		}
		err := o.idle(ctx, p)
		if err == nil {
			var took time.Duration
			if took, err = o.engine.Take(ctx, p); err == nil {
				return took, nil
			}
		}
		if o.yes != "" || domain.CodeOf(err) != domain.CodeConflict {
			return 0, err
		}
		o.say("Not yet: %v.", err)
	}
}

// confirm waits until the name of the database was typed.
func (o *offline) confirm(ctx context.Context, p backup.OfflinePlan, lines <-chan string) error {
	for {
		_, _ = fmt.Fprintf(o.out, "Type the name of the database whose place is taken (%s), or nothing to give up: ", p.Live)
		select {
		case <-ctx.Done():
			o.say("")
			return ctx.Err()
		case line, ok := <-lines:
			switch {
			case !ok:
				o.say("")
				return errors.New("nobody answered: nothing was changed (--yes answers in a script)")
			case line == p.Live:
				return nil
			case line == "":
				return errors.New("given up: nothing was changed")
			}
			o.say("%q is not its name.", line)
		}
	}
}

// readLines passes on what is typed, so that a signal ends the waiting.
func readLines(ctx context.Context, r io.Reader) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(r); s.Scan(); {
			select {
			case lines <- strings.TrimSpace(s.Text()):
			case <-ctx.Done():
				return
			}
		}
	}()
	return lines
}

func (o *offline) say(format string, args ...any) { _, _ = fmt.Fprintf(o.out, format+"\n", args...) }
