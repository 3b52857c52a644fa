package kubenode

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// probe watches a running container by its own probes: it becomes ready and not ready,
// and the channel says why it must be restarted.
func (c *container) probe(ctx context.Context) <-chan string {
	unhealthy := make(chan string, 1)
	go func() {
		if c.spec.StartupProbe != nil && !c.startsUp(ctx, unhealthy) {
			return
		}
		if c.spec.LivenessProbe != nil {
			go c.staysAlive(ctx, unhealthy)
		}
		if c.spec.ReadinessProbe == nil {
			c.ready(ctx, true)
			return
		}
		c.staysReady(ctx)
	}()
	return unhealthy
}

// startsUp waits until the container has started.
func (c *container) startsUp(ctx context.Context, unhealthy chan<- string) bool {
	failures := int32(0)
	for every(ctx, c.spec.StartupProbe) {
		err := c.ask(ctx, c.spec.StartupProbe)
		if err == nil {
			return true
		}
		if failures++; failures >= c.spec.StartupProbe.FailureThreshold {
			unhealthy <- "startup probe failed: " + err.Error()
			return false
		}
	}
	return false
}

func (c *container) staysAlive(ctx context.Context, unhealthy chan<- string) {
	failures := int32(0)
	for every(ctx, c.spec.LivenessProbe) {
		err := c.ask(ctx, c.spec.LivenessProbe)
		if err == nil {
			failures = 0
			continue
		}
		if failures++; failures >= c.spec.LivenessProbe.FailureThreshold {
			unhealthy <- "liveness probe failed: " + err.Error()
			return
		}
	}
}

func (c *container) staysReady(ctx context.Context) {
	p, ready := c.spec.ReadinessProbe, false
	successes, failures := int32(0), int32(0)
	// The first answer counts at once, as a kubelet asks right after the start.
	for more := true; more; more = pause(ctx, p, ready) {
		if c.ask(ctx, p) == nil {
			successes, failures = successes+1, 0
		} else {
			successes, failures = 0, failures+1
		}
		switch {
		case !ready && successes >= max(p.SuccessThreshold, 1):
			ready = true
			c.ready(ctx, true)
		case ready && failures >= max(p.FailureThreshold, 1):
			ready = false
			c.ready(ctx, false)
		}
	}
}

func (c *container) ready(ctx context.Context, is bool) {
	if ctx.Err() == nil {
		c.change(ctx, func(s *corev1.ContainerStatus) { s.Ready = is })
	}
}

func every(ctx context.Context, p *corev1.Probe) bool { return pause(ctx, p, true) }

// pause waits for the probe's period; a container that is not ready yet is asked more
// often, so that a test need not wait a period for it.
func pause(ctx context.Context, p *corev1.Probe, settled bool) bool {
	period := time.Duration(max(p.PeriodSeconds, 1)) * time.Second
	if !settled {
		period = min(period, 100*time.Millisecond)
	}
	return wait(ctx, nil, period)
}

// prober keeps no connection: a probe asks whether a new one is taken.
var prober = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// ask probes once, by HTTP or by opening a connection.
func (c *container) ask(ctx context.Context, p *corev1.Probe) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(max(p.TimeoutSeconds, 1))*time.Second)
	defer cancel()
	switch {
	case p.HTTPGet != nil:
		return c.get(ctx, p.HTTPGet)
	case p.TCPSocket != nil:
		connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", c.at(p.TCPSocket.Port))
		if err != nil {
			return err
		}
		return connection.Close()
	default:
		return fmt.Errorf("this node probes by HTTP and TCP only")
	}
}

func (c *container) get(ctx context.Context, get *corev1.HTTPGetAction) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.at(get.Port)+get.Path, nil)
	if err != nil {
		return err
	}
	request.Header.Set("User-Agent", "kube-probe")
	response, err := prober.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 10<<10))
	if response.StatusCode < 200 || response.StatusCode >= 400 {
		return fmt.Errorf("HTTP probe failed with statuscode: %d", response.StatusCode)
	}
	return nil
}

// at is the address of a port of the container, by number or name.
func (c *container) at(port intstr.IntOrString) string {
	number := port.IntValue()
	for _, p := range c.spec.Ports {
		if port.Type == intstr.String && p.Name == port.StrVal {
			number = int(p.ContainerPort)
		}
	}
	return net.JoinHostPort(c.pod.address.String(), strconv.Itoa(number))
}
