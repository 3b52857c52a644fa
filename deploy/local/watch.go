package main

import (
	"context"
	"time"
)

// Back-off between restarts of a part that dies: doubling from firstPause, at
// most longestPause, and forgotten once the part has lived for steady.
const (
	firstPause   = time.Second
	longestPause = 15 * time.Second
	steady       = 30 * time.Second
	// quickDeaths is how often a part without which nothing works may die in a
	// row before the stack gives up.
	quickDeaths = 5
)

// watch restarts a part of the stack when it dies, and says so. A vital part
// that keeps dying ends the stack; any other is tried for ever, as whoever is
// working on it will mend it.
func (s *stack) watch(ctx context.Context, c *child, vital bool) {
	s.watching.Add(1)
	go func() {
		defer s.watching.Done()
		pause, deaths := firstPause, 0
		for {
			select {
			case <-ctx.Done():
				return
			case <-c.done:
			}
			if c.wasAsked() || ctx.Err() != nil {
				return
			}
			if time.Since(c.started) > steady {
				pause, deaths = firstPause, 0
			}
			deaths++
			s.out.say("\n%v", c.death())
			if vital && deaths >= quickDeaths {
				s.giveUp(c.death())
				return
			}
			s.out.step(c.name, "starting again in %s", pause)
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
			}
			pause = min(2*pause, longestPause)
			next, err := s.restart(c)
			if err != nil {
				s.giveUp(err)
				return
			}
			if next == nil {
				return
			}
			s.out.step(c.name, "started again (process %d)", next.cmd.Process.Pid)
			c = next
			if c.ready != "" && waitFor(ctx, s.out, c, longestWait, answers(c.ready)) == nil {
				s.out.step(c.name, "ready again")
			}
		}
	}()
}

func (s *stack) giveUp(err error) {
	select {
	case s.failed <- err:
	default: // the first reason is the one worth reading
	}
}

// restart puts a new process in the place of a dead one. It returns nil when
// the stack is being stopped.
func (s *stack) restart(dead *child) (*child, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return nil, nil
	}
	dead.kill() // what it left in its process group
	next, err := dead.start()
	if err != nil {
		return nil, err
	}
	for i := range s.children {
		if s.children[i] == dead {
			s.children[i] = next
		}
	}
	return next, s.note()
}
