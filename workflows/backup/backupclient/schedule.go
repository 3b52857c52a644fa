package backupclient

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/backup"
	"github.com/careflow/careflow/workflows/job"
)

// Nightly says when which targets are saved.
type Nightly struct {
	Targets      []string
	Hour, Minute int
	Zone         string // IANA
}

// CatchUp is how late a nightly backup that was missed is made up for.
const CatchUp = 26 * time.Hour

// EnsureSchedule makes the nightly backups run; see job.EnsureSchedule.
func (c *Client) EnsureSchedule(ctx context.Context, n Nightly) error {
	return job.EnsureSchedule(ctx, c.temporal, job.Schedule{
		ID: backup.ScheduleID(c.queue), CatchUp: CatchUp, Note: "Saves every target each night.",
		Spec: client.ScheduleSpec{
			Calendars:    []client.ScheduleCalendarSpec{{Hour: []client.ScheduleRange{{Start: n.Hour}}, Minute: []client.ScheduleRange{{Start: n.Minute}}}},
			TimeZoneName: n.Zone,
		},
		Action: &client.ScheduleWorkflowAction{
			ID: backup.ScheduleID(c.queue) + "-scheduled", Workflow: backup.ScheduledName, TaskQueue: c.queue,
			Args: []any{backup.ScheduledInput{Targets: n.Targets}}, WorkflowExecutionTimeout: backup.MostTime,
		},
	})
}

// Schedule says whether the nightly backups are paused and when the next ones are due.
// CodeNoBackups where there is no schedule.
func (c *Client) Schedule(ctx context.Context) (domain.BackupSchedule, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	d, err := c.schedule(ctx).Describe(ctx)
	if err != nil {
		return domain.BackupSchedule{}, scheduleFault(err)
	}
	s := domain.BackupSchedule{Next: d.Info.NextActionTimes}
	if d.Schedule.State != nil {
		s.Paused, s.Note = d.Schedule.State.Paused, d.Schedule.State.Note
	}
	if s.Paused {
		s.Next = nil // they would be skipped
	}
	return s, nil
}

// Pause stops nightly backups from beginning; one under way goes on. The note is for who
// finds it paused.
func (c *Client) Pause(ctx context.Context, note string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return scheduleFault(c.schedule(ctx).Pause(ctx, client.SchedulePauseOptions{Note: note}))
}

// Resume ends a pause.
func (c *Client) Resume(ctx context.Context, note string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return scheduleFault(c.schedule(ctx).Unpause(ctx, client.ScheduleUnpauseOptions{Note: note}))
}

func (c *Client) schedule(ctx context.Context) client.ScheduleHandle {
	return c.temporal.ScheduleClient().GetHandle(ctx, backup.ScheduleID(c.queue))
}

func scheduleFault(err error) error {
	var gone *serviceerror.NotFound
	if errors.As(err, &gone) {
		return domain.Errorf(domain.CodeNoBackups, "there is no schedule of backups: set CAREFLOW_BACKUP_NAMES and run `careflow temporal-setup`").Because(err)
	}
	return fault(err)
}
