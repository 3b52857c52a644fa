package api

import (
	"bufio"
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

// streaming is a harness that serves over a real connection.
func streamingHarness(t *testing.T, changes ...func(*Config)) *harness {
	t.Helper()
	h := newHarness(t, append([]func(*Config){func(c *Config) { c.StreamAge, c.StreamHeartbeat = time.Minute, 20*time.Millisecond }}, changes...)...)
	require.NoError(t, h.server.Start(t.Context()))
	t.Cleanup(func() { _ = h.server.Stop(context.WithoutCancel(t.Context())) })
	return h
}

// sse reads a stream as a browser does.
type sse struct {
	t    *testing.T
	resp *http.Response
	read *bufio.Scanner
}

func (h *harness) watch(token, lastID string) sse {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, "http://"+h.server.Addr().String()+"/v1/appointments/"+idAppointment+"/stream", nil)
	require.NoError(h.t, err)
	req.Header.Set("Authorization", token)
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(h.t, err)
	h.t.Cleanup(func() { _ = resp.Body.Close() })
	return sse{h.t, resp, bufio.NewScanner(resp.Body)}
}

// next returns the next event's id, name and data; comments are passed over.
func (s sse) next() (id, name, data string) {
	s.t.Helper()
	for s.read.Scan() {
		field, value, _ := strings.Cut(s.read.Text(), ": ")
		switch field {
		case "id":
			id = value
		case "event":
			name = value
		case "data":
			data = value
		case "":
			if name != "" {
				return id, name, data
			}
		}
	}
	return "", "", ""
}

func (s sse) ends(why string) {
	s.t.Helper()
	_, name, data := s.next()
	require.Equal(s.t, "end", name)
	require.JSONEq(s.t, `{"reason":"`+why+`"}`, data)
	_, name, _ = s.next()
	require.Empty(s.t, name, "and nothing after it")
}

func (h *harness) happens(to domain.Status, kind string) {
	defer h.store.lock()()
	known := h.store.events[idAppointment]
	h.store.events[idAppointment] = append(known, domain.Event{
		Seq: len(known) + 1, Version: len(known) + 1, Kind: kind, To: to, Actor: domain.Actor{Kind: domain.ActorDoctor, ID: idDoctor}, At: now,
	})
}

func TestAStreamTellsWhatHappenedAndWhatHappensUntilTheArchive(t *testing.T) {
	h := streamingHarness(t)
	s := h.watch(h.as(domain.RolePatient), "")
	require.Equal(t, http.StatusOK, s.resp.StatusCode)
	require.Equal(t, "text/event-stream", s.resp.Header.Get("Content-Type"))
	id, name, data := s.next()
	require.Equal(t, "1 timeline", id+" "+name)
	require.Contains(t, data, `"kind":"booked"`)
	require.Len(t, h.store.reads, 1, "watching is a reading, and audited")
	for i, kind := range []string{"authorised", "accepted", "captured"} {
		h.happens(domain.StatusConfirmed, kind)
		id, _, data = s.next()
		require.Equal(t, strconv.Itoa(i+2), id)
		require.Contains(t, data, `"kind":"`+kind+`"`)
		require.NotContains(t, data, idDoctor, "who exactly it was is for staff")
	}
	h.happens(domain.StatusArchived, "archived")
	id, _, _ = s.next()
	require.Equal(t, "5", id)
	s.ends("archived")
}

func TestAStreamGoesOnWhereItBrokeOff(t *testing.T) {
	h := streamingHarness(t)
	h.happens(domain.StatusPending, "authorised")
	h.happens(domain.StatusConfirmed, "accepted")
	token := h.as(domain.RoleStaff)
	id, _, data := h.watch(token, "2").next()
	require.Equal(t, "3", id)
	require.Contains(t, data, idDoctor)
	s := h.watch(token, "3")
	h.happens(domain.StatusConfirmed, "rescheduled")
	id, _, _ = s.next()
	require.Equal(t, "4", id)

	a := exampleVisit()
	a.Status = domain.StatusArchived
	h.store.visits[a.ID] = a
	require.Equal(t, http.StatusNoContent, h.watch(token, "4").resp.StatusCode, "a browser then connects no more")
	require.Equal(t, http.StatusBadRequest, h.watch(token, "four").resp.StatusCode)
}

func TestAStreamIsForWhoMayReadTheAppointment(t *testing.T) {
	h := streamingHarness(t)
	stranger := h.token(domain.Account{ID: idNobody, Roles: []domain.Role{domain.RolePatient}})
	require.Equal(t, http.StatusNotFound, h.watch(stranger, "").resp.StatusCode)
	require.Equal(t, http.StatusUnauthorized, h.watch("Bearer x", "").resp.StatusCode)
	require.Equal(t, http.StatusForbidden, h.watch(h.as(domain.RoleOps), "").resp.StatusCode)
}

func TestAStreamEndsWithTheSessionTheTokenAndTheServer(t *testing.T) {
	h := streamingHarness(t)
	s := h.watch(h.as(domain.RolePatient), "")
	s.next()
	func() { defer h.store.lock()(); clear(h.store.callers) }()
	s.ends("session_ended")

	s = h.watch(h.as(domain.RolePatient), "")
	s.next()
	func() {
		defer h.store.lock()()
		for id, c := range h.store.callers {
			c.Roles = []domain.Role{domain.RoleStaff}
			h.store.callers[id] = c
		}
	}()
	s.ends("access_changed")

	s = h.watch(h.as(domain.RolePatient), "")
	s.next()
	stopped := make(chan error, 1)
	go func() { stopped <- h.server.Stop(context.WithoutCancel(t.Context())) }()
	s.ends("connect_again")
	require.NoError(t, <-stopped, "open streams do not keep a server from stopping")

	late := now.Add(-time.Minute)
	h = streamingHarness(t, func(c *Config) { c.Clock = func() time.Time { return late.Add(16 * time.Minute) } })
	s = h.watch(h.as(domain.RolePatient), "")
	s.next()
	s.ends("token_expired")
}

func TestStreamsAreBoundedPerAccountAndInAll(t *testing.T) {
	h := streamingHarness(t, func(c *Config) { c.MaxAccountStreams, c.MaxStreams = 2, 3 })
	patient := h.as(domain.RolePatient)
	first := h.watch(patient, "")
	first.next()
	h.watch(patient, "").next()
	refused := h.watch(patient, "")
	require.Equal(t, http.StatusTooManyRequests, refused.resp.StatusCode)
	require.NotEmpty(t, refused.resp.Header.Get("Retry-After"))
	other := func() string {
		return h.token(domain.Account{ID: domain.NewID(), Roles: []domain.Role{domain.RoleStaff}})
	}
	h.watch(other(), "").next()
	require.Equal(t, http.StatusTooManyRequests, h.watch(other(), "").resp.StatusCode)
	require.NoError(t, first.resp.Body.Close())
	require.Eventually(t, func() bool { return h.watch(patient, "").resp.StatusCode == http.StatusOK }, 10*time.Second, 20*time.Millisecond, "a place that is left is free")
}

func TestManyStreamsAreOneQuery(t *testing.T) {
	h := streamingHarness(t, func(c *Config) { c.MaxAccountStreams, c.StreamInterval = 100, 100*time.Millisecond })
	token := h.as(domain.RolePatient)
	var all []sse
	for range 40 {
		s := h.watch(token, "")
		s.next()
		all = append(all, s)
	}
	looks := func() int { defer h.store.lock()(); return h.store.looks }
	before, start := looks(), time.Now()
	h.happens(domain.StatusPending, "authorised")
	for _, s := range all {
		id, _, _ := s.next()
		require.Equal(t, "2", id)
	}
	ticks := int(time.Since(start)/(100*time.Millisecond)) + 2
	require.LessOrEqual(t, looks()-before, ticks, "one look a tick, however many watch")
}

// A stream outlives the time limits of ordinary requests, and is heard of all the while.
func TestAStreamOutlivesTheLimitsOfRequests(t *testing.T) {
	h := streamingHarness(t, func(c *Config) { c.RequestTimeout, c.CommandWait = 20*time.Millisecond, time.Millisecond })
	s := h.watch(h.as(domain.RolePatient), "1")
	beats := 0
	for s.read.Scan() && beats < 10 {
		if strings.HasPrefix(s.read.Text(), ": still here") {
			beats++
		}
	}
	require.Equal(t, 10, beats)
	h.happens(domain.StatusPending, "authorised")
	id, _, _ := s.next()
	require.Equal(t, "2", id)
}
