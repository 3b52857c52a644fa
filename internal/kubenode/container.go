package kubenode

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A container that fails is started again after a pause that doubles. A kubelet begins
// with ten seconds; nobody learns more from a test that waits so long.
const (
	firstBackOff   = 500 * time.Millisecond
	longestBackOff = 8 * time.Second
	wellAfter      = 20 * time.Second // a run of this length starts the pauses anew
)

// container is one process that is kept running.
type container struct {
	pod  *pod
	spec corev1.Container

	mu     sync.Mutex
	status corev1.ContainerStatus
}

func newContainer(p *pod, spec corev1.Container) *container {
	return &container{pod: p, spec: spec, status: corev1.ContainerStatus{
		Name: spec.Name, Image: spec.Image,
		State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}},
	}}
}

func (c *container) snapshot() corev1.ContainerStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	return *c.status.DeepCopy()
}

// change alters the container's status and tells it.
func (c *container) change(ctx context.Context, alter func(*corev1.ContainerStatus)) {
	c.mu.Lock()
	alter(&c.status)
	c.mu.Unlock()
	c.pod.report(ctx)
}

func (c *container) waits(ctx context.Context, reason, message string) {
	c.change(ctx, func(s *corev1.ContainerStatus) {
		s.Ready, s.Started = false, nil
		s.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
	})
}

// run starts the container until its pod ends, or until it has ended and is not to be
// started again.
func (c *container) run(ctx context.Context) {
	for pause := firstBackOff; ; pause = min(2*pause, longestBackOff) {
		cmd, fault := c.prepare(ctx)
		if fault != nil {
			c.waits(ctx, fault.reason, fault.message)
			if fault.reason == reasonPull { // and so until the next try
				c.waits(ctx, "ImagePullBackOff", fmt.Sprintf("Back-off pulling image %q: %s", c.spec.Image, fault.message))
			}
			if !wait(ctx, c.pod.ending, pause) {
				return
			}
			continue
		}
		began := time.Now()
		ended := c.live(ctx, cmd, began)
		if ended == nil {
			return // with its pod
		}
		again := c.again(ended)
		c.change(ctx, func(s *corev1.ContainerStatus) {
			s.Ready, s.Started = false, nil
			s.State = corev1.ContainerState{Terminated: ended}
			if again {
				s.RestartCount++
				s.LastTerminationState = corev1.ContainerState{Terminated: ended}
				s.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{
					Reason: "CrashLoopBackOff", Message: fmt.Sprintf("back-off %s restarting failed container=%s pod=%s", pause, c.spec.Name, c.pod.spec.Name),
				}}
			}
		})
		if time.Since(began) > wellAfter {
			pause = firstBackOff
		}
		if !again || !wait(ctx, c.pod.ending, pause) {
			return
		}
	}
}

// again reports whether a container that has ended is started anew.
func (c *container) again(ended *corev1.ContainerStateTerminated) bool {
	switch c.pod.spec.Spec.RestartPolicy {
	case corev1.RestartPolicyNever:
		return false
	case corev1.RestartPolicyOnFailure:
		return ended.ExitCode != 0
	default:
		return true
	}
}

// startFault is why a container could not be started, as a kubelet would call it.
type startFault struct{ reason, message string }

const reasonPull = "ErrImagePull"

// prepare readies the process and its log.
func (c *container) prepare(ctx context.Context) (*exec.Cmd, *startFault) {
	folder, err := find(c.pod.node.Images, c.spec.Image)
	if err != nil {
		return nil, &startFault{reasonPull, err.Error()}
	}
	environment, err := c.environment(ctx)
	if err != nil {
		return nil, &startFault{"CreateContainerConfigError", err.Error()}
	}
	args := c.spec.Args
	if len(c.spec.Command) > 1 {
		args = append(append([]string{}, c.spec.Command[1:]...), args...)
	}
	log, err := os.OpenFile(c.log(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, &startFault{"CreateContainerError", err.Error()}
	}
	cmd := exec.Command(program(folder, c.spec.Command), args...) //nolint:gosec,noctx // a kubelet runs what it is told to, and ends it in an orderly way
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = environment, folder, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return cmd, nil
}

func (c *container) log() string {
	return filepath.Join(c.pod.node.Logs, fmt.Sprintf("%s_%s_%s.log", c.pod.spec.Namespace, c.pod.spec.Name, c.spec.Name))
}

// live runs the process with its probes. It returns how it ended, or nil when it was
// ended with its pod.
func (c *container) live(ctx context.Context, cmd *exec.Cmd, began time.Time) *corev1.ContainerStateTerminated {
	err := start(cmd)
	if file, ok := cmd.Stdout.(*os.File); ok {
		_ = file.Close() // the process has its own
	}
	if err != nil {
		return c.ended(err, began)
	}
	c.change(ctx, func(s *corev1.ContainerStatus) {
		yes := true
		s.State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(began)}}
		s.ContainerID, s.ImageID, s.Started = c.containerID(), c.spec.Image, &yes
	})
	exit := make(chan error, 1)
	go func() { exit <- cmd.Wait() }()
	probes, stop := context.WithCancel(ctx)
	defer stop()
	unhealthy := c.probe(probes)
	for {
		select {
		case err := <-exit:
			return c.ended(err, began)
		case why := <-unhealthy:
			c.pod.node.Log.InfoContext(ctx, "restarting an unhealthy container", "pod", c.pod.spec.Name, "why", why)
			c.stop(cmd, exit, c.grace())
			return c.ended(errors.New(why), began)
		case <-c.pod.ending:
			c.preStop(ctx)
			stop()
			c.stop(cmd, exit, c.pod.grace)
			return nil
		case <-ctx.Done():
			c.stop(cmd, exit, 0)
			return nil
		}
	}
}

func (c *container) grace() time.Duration {
	if s := c.pod.spec.Spec.TerminationGracePeriodSeconds; s != nil {
		return time.Duration(*s) * time.Second
	}
	return corev1.DefaultTerminationGracePeriodSeconds * time.Second
}

// preStop is the pause in which everyone may hear that the pod is about to end.
func (c *container) preStop(ctx context.Context) {
	if h := c.spec.Lifecycle; h != nil && h.PreStop != nil && h.PreStop.Sleep != nil {
		pause := min(time.Duration(h.PreStop.Sleep.Seconds)*time.Second, c.pod.grace)
		wait(ctx, nil, pause)
		c.pod.grace -= pause // both take from the same period
	}
}

// stop asks the process to end, and kills its group when it does not.
func (c *container) stop(cmd *exec.Cmd, exit <-chan error, grace time.Duration) {
	if grace > 0 {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if within(exit, grace) {
			exit = nil
		}
	}
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // and what it has left behind
	if exit != nil {
		within(exit, time.Second)
	}
}

// within waits for the end of a process, however it ended.
func within(exit <-chan error, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case _, ended := <-exit:
		return ended
	case <-timer.C:
		return false
	}
}

// ended describes an end, with the last lines of the log where that is asked for.
func (c *container) ended(err error, began time.Time) *corev1.ContainerStateTerminated {
	t := &corev1.ContainerStateTerminated{
		Reason: "Completed", StartedAt: metav1.NewTime(began), FinishedAt: metav1.Now(), ContainerID: c.containerID(),
	}
	if err == nil {
		return t
	}
	t.Reason, t.ExitCode = "Error", 1
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.ExitCode = int32(exit.ExitCode()) //nolint:gosec // G115: an exit code is a byte, or -1
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			t.ExitCode, t.Signal = 128+int32(status.Signal()), int32(status.Signal()) //nolint:gosec // G115: a signal's number
		}
	} else {
		t.Message = err.Error()
	}
	if c.spec.TerminationMessagePolicy == corev1.TerminationMessageFallbackToLogsOnError && t.Message == "" {
		t.Message = tail(c.log(), 2048)
	}
	return t
}

func tail(path string, bytes int64) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = file.Close() }()
	if info, err := file.Stat(); err == nil && info.Size() > bytes {
		_, _ = file.Seek(-bytes, 2)
	}
	buffer := make([]byte, bytes)
	n, _ := file.Read(buffer)
	return string(buffer[:n])
}
