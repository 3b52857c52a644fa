package main

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/telemetry"
)

func newRoot(in invocation) *cobra.Command {
	root := &cobra.Command{
		Use:           "careflow",
		Short:         "Doctor appointments as durable processes",
		Long:          "Careflow: doctor appointments as durable processes. Settings come from the environment; the README lists them.",
		SilenceErrors: true, // printed once, by run
		SilenceUsage:  true,
		Version:       version(),
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("there is no command %q: `careflow help` lists them", args[0])}
			}
			return nil
		},
		PersistentPreRunE: func(c *cobra.Command, _ []string) error {
			if err := c.ValidateRequiredFlags(); err != nil {
				return usageError{fmt.Errorf("%s: %w", c.CommandPath(), err)}
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetIn(in.in)
	root.SetOut(in.out)
	root.SetErr(in.errors)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddGroup(
		&cobra.Group{ID: groupProcess, Title: "Processes that run until they are stopped:"},
		&cobra.Group{ID: groupPrepare, Title: "Preparing an installation:"},
		&cobra.Group{ID: groupLook, Title: "Looking at what runs:"},
	)
	root.AddCommand(
		newAPI(in), newWorker(in), newBackupWorker(in), newDeployWorker(in), newAgent(in), newCodecServer(in),
		newMigrate(in), newTemporalSetup(in), newKeys(in), newFirstAdmin(in), newSeed(in),
		newClinic(in), newImport(in),
		newAppointments(in), newPaymentCases(in), newMessages(in), newReconcile(in), newHousekeeping(in), newBackup(in), newRestore(in), newDeploy(in), newDemo(in), newDemoRestore(in), newDemoDeploy(in), newHistoryCost(in),
		newVersion(in),
	)
	return root
}

const (
	groupProcess = "process"
	groupPrepare = "prepare"
	groupLook    = "look"
)

// noArgs refuses arguments as a wrong use, with a word on what was expected.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%s takes no argument %q", c.CommandPath(), args[0])}
	}
	return nil
}

// settings loads the configuration of a process and makes its logger.
func settings(process config.Process, in invocation) (config.Config, *slog.Logger, error) {
	c, err := config.Load(process, in.environ)
	if err != nil {
		return config.Config{}, nil, err
	}
	return c, newLogger(in.errors, c, process), nil
}

func newLogger(w io.Writer, c config.Config, process config.Process) *slog.Logger {
	return telemetry.NewLogger(w, c.Log).With("process", string(process), "version", version())
}
