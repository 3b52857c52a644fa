package oracle

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// helped is a sound world in which the patient's address bounced for a while, the desk had
// the confirmation sent again, and the patient watched and tried a letter's link.
func helped() (*World, *Journal) {
	w, j := sound()
	v := w.Visits["v1"]
	v.Events = append(v.Events[:7], Event{Kind: "message_resent", From: "completed", To: "completed", ActorKind: "staff", Version: 6, At: began.Add(65 * time.Second)}, v.Events[7])
	number(v)
	again := Message{ID: "m9", Kind: "confirmed", Recipient: "patient", ResendOf: "m3"}
	write(w, v, again)
	v.Messages[2].Delivery = "bounced"
	w.Mails[2].Events = []MailEvent{{Event: "processed", Told: true}, {Event: "bounce", Told: true}}
	j.Resends = []*Resend{{AppointmentID: "v1", MessageID: "m3", Status: http.StatusOK, NewID: "m9"}}
	watch := &Watch{AppointmentID: "v1", Ended: true, Connections: 2}
	for _, e := range v.Events {
		watch.Lines = append(watch.Lines, Line{Seq: e.Seq, Kind: e.Kind, To: e.To})
	}
	j.Watches = []*Watch{watch}
	j.Commands = append(j.Commands, &Command{AppointmentID: "v1", Name: "cancel", By: "patient", Letter: "m3", Outdated: true, Status: http.StatusGone})
	return w, j
}

func TestALetterThatWasSentAgainAndATimelineThatWasWatchedAreSound(t *testing.T) {
	t.Parallel()
	findings, figures := Judge(helped())
	require.Empty(t, findings)
	require.Equal(t, 1, figures["letters sent again"])
	require.Equal(t, 1, figures["letters that came back"])
	require.Equal(t, 1, figures["visits watched"])
	require.Equal(t, 1, figures["links refused: cancel"])
}

func TestEachRuleOfLettersLinksAndStreamsIsNoticed(t *testing.T) {
	t.Parallel()
	noticesOf(t, helped, map[string]func(*World, *Journal){
		"resend_lost":                func(_ *World, j *Journal) { j.Resends[0].NewID = "m8" },
		"resend_nobody_asked_for":    func(_ *World, j *Journal) { j.Resends = nil },
		"resend_and_timeline_differ": func(w *World, _ *Journal) { w.Visits["v1"].Events[7].Kind = "dispute_lost" },
		"resent_twice": func(w *World, _ *Journal) {
			write(w, w.Visits["v1"], Message{ID: "m10", Kind: "confirmed", Recipient: "patient", ResendOf: "m3"})
		},
		"delivery_not_heard": func(w *World, _ *Journal) { w.Visits["v1"].Messages[2].Delivery = "delivered" },
		"letter_not_sent":    func(w *World, _ *Journal) { w.Visits["v1"].Messages[4].Status = "pending" },
		"stream_line_twice": func(_ *World, j *Journal) {
			lines := j.Watches[0].Lines
			j.Watches[0].Lines = append(append(append([]Line{}, lines[:4]...), lines[3]), lines[4:]...)
		},
		"stream_gap": func(_ *World, j *Journal) {
			j.Watches[0].Lines = append(j.Watches[0].Lines[:3], j.Watches[0].Lines[4:]...)
		},
		"stream_differs":     func(_ *World, j *Journal) { j.Watches[0].Lines[3].Kind = "declined" },
		"stream_never_ended": func(_ *World, j *Journal) { j.Watches[0].Ended = false },
		"outdated_link_obeyed": func(_ *World, j *Journal) {
			j.Commands[1].Status = http.StatusOK
		},
	})
}

// Nobody can know what the provider did not get through to tell.
func TestALetterIsJudgedByWhatTheProviderHasTold(t *testing.T) {
	t.Parallel()
	for delivery, sound := range map[string]bool{"": true, "processed": true, "bounced": true, "delivered": false} {
		w, j := helped()
		w.Visits["v1"].Messages[2].Delivery = delivery
		w.Mails[2].Events[1].Told = false
		findings, _ := Judge(w, j)
		require.Equal(t, sound, len(findings) == 0, "%q: %v", delivery, findings)
	}
}

func TestALinkThatDidTwoThingsIsNoticed(t *testing.T) {
	t.Parallel()
	c := &court{w: &World{}, figures: map[string]int{}, j: &Journal{Commands: []*Command{
		{Name: "reschedule", Letter: "m3", Status: http.StatusOK}, {Name: "reschedule", Letter: "m3", Status: http.StatusOK},
	}}}
	c.links()
	require.Len(t, c.findings, 1)
	require.Equal(t, "outdated_link_obeyed", c.findings[0].Rule)
}
