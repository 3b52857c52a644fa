package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/careflow/careflow/internal/bench"
)

// Load and baselines run in processes of their own, so that they share no memory, no
// garbage collector and no scheduler with what coordinates them: this program starts
// itself, with the plan on standard input and the result on standard output.

// tasks end by themselves and have a result.
var tasks = map[string]func(ctx context.Context, plan []byte) (any, error){
	"http":              task(func(ctx context.Context, p bench.HTTPPlan) (any, error) { return p.Run(ctx) }),
	"transactions":      task(transactions),
	"queries":           task(queries),
	"lives":             task(driveLives),
	"bare-lives":        task(driveBareLives),
	"bare-starts":       task(driveBareStarts),
	"update-with-start": task(driveUpdateWithStart),
}

// services run until they are told to stop.
var services = map[string]func(ctx context.Context, plan []byte) (ready string, stop func(), err error){
	"gin":    serviceOf(serveBare),
	"engine": serviceOf(runEngine),
}

func task[P any](run func(context.Context, P) (any, error)) func(context.Context, []byte) (any, error) {
	return func(ctx context.Context, raw []byte) (any, error) {
		var plan P
		if err := json.Unmarshal(raw, &plan); err != nil {
			return nil, err
		}
		return run(ctx, plan)
	}
}

func serviceOf[P any](start func(context.Context, P) (string, func(), error)) func(context.Context, []byte) (string, func(), error) {
	return func(ctx context.Context, raw []byte) (string, func(), error) {
		var plan P
		if err := json.Unmarshal(raw, &plan); err != nil {
			return "", nil, err
		}
		return start(ctx, plan)
	}
}

func beChild(ctx context.Context, role string) error {
	in := bufio.NewReader(os.Stdin)
	plan, err := in.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("reading the plan: %w", err)
	}
	if run, ok := tasks[role]; ok {
		result, err := run(ctx, plan)
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(result)
	}
	serve, ok := services[role]
	if !ok {
		return fmt.Errorf("there is no role %q", role)
	}
	ready, stop, err := serve(ctx, plan)
	if err != nil {
		return err
	}
	defer stop()
	if _, err := fmt.Println(ready); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, in) // ends when the parent closes it, or dies
	return err
}

func childCommand(ctx context.Context, role string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "child", role) //nolint:gosec // this very program
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = os.Stderr
	return cmd, nil
}

// runTask carries a plan out in a process of its own.
func runTask[R any](ctx context.Context, role string, plan any) (R, error) {
	var result R
	raw, err := json.Marshal(plan)
	if err != nil {
		return result, err
	}
	cmd, err := childCommand(ctx, role)
	if err != nil {
		return result, err
	}
	var out bytes.Buffer
	cmd.Stdin, cmd.Stdout = bytes.NewReader(append(raw, '\n')), &out
	if err := cmd.Run(); err != nil {
		return result, fmt.Errorf("%s: %w", role, err)
	}
	return result, json.Unmarshal(out.Bytes(), &result)
}

// load is runTask for what answers with a Result, all of whose answers must be wanted.
func load(ctx context.Context, role string, plan any) (bench.Result, error) {
	r, err := runTask[bench.Result](ctx, role, plan)
	if err == nil {
		err = r.Must()
	}
	if err != nil {
		return r, fmt.Errorf("%s: %w", role, err)
	}
	return r, nil
}

// service is a baseline that runs beside.
type service struct {
	cmd   *exec.Cmd
	in    io.Closer
	Ready string // what it said when it was ready: its address, say
}

func startService(ctx context.Context, role string, plan any) (*service, error) {
	raw, err := json.Marshal(plan)
	if err != nil {
		return nil, err
	}
	cmd, err := childCommand(ctx, role)
	if err != nil {
		return nil, err
	}
	if role == "engine" { // a worker, too
		yield(cmd)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &service{cmd: cmd, in: in}
	if _, err := in.Write(append(raw, '\n')); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s did not become ready", role), s.stop())
	}
	s.Ready = line[:len(line)-1]
	return s, nil
}

func (s *service) pid() int { return s.cmd.Process.Pid }

// stop ends the service and waits until it is gone.
func (s *service) stop() error {
	_ = s.in.Close()
	timer := time.AfterFunc(20*time.Second, func() { _ = s.cmd.Process.Kill() })
	defer timer.Stop()
	return s.cmd.Wait()
}
