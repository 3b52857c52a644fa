package letters

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// words is what a language adds to the templates.
type words struct {
	locale   string
	labels   map[string]string // of the facts
	weekdays [7]string
	months   [12]string
	hello    string // with a name
	helloAll string
	footer   string
	video    string // what stands for the place of a telehealth visit
	// accountFooter is that of letters about an account.
	accountFooter string
	event         string // what a calendar entry is called, with the clinic's name
	day           func(w words, t time.Time) string
	clock         func(t time.Time) string
}

var languages = map[string]words{"en": english, "de": german}

// wordsOf returns the language of a BCP 47 tag such as "de-AT"; English where we do not
// have it.
func wordsOf(tag string) words {
	base, _, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(tag, "_", "-")), "-")
	if w, ok := languages[base]; ok {
		return w
	}
	return english
}

var english = words{
	locale: "en",
	labels: map[string]string{
		"when": "When", "where_when": "Local time of the visit", "doctor": "Doctor", "patient": "Patient",
		"clinic": "Clinic", "address": "Address", "price": "Price", "refunded": "Refund", "receipt": "Receipt number",
		"pay_by": "Pay by", "answer_by": "Answer by", "device": "Device", "place": "Where", "join": "Join here", "link_until": "Link valid until",
		"fee": "Fee", "dispute_by": "Object by", "offers": "Free",
	},
	weekdays: [7]string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"},
	months: [12]string{
		"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
	},
	hello: "Hello %s,", helloAll: "Hello,",
	footer:        "You receive this message because of an appointment. Please do not reply to it.",
	accountFooter: "You receive this message because of an account with your e-mail address. Please do not reply to it.",
	event:         "Appointment at %s", video: "Video visit",
	day: func(w words, t time.Time) string {
		return fmt.Sprintf("%d %s %d", t.Day(), w.months[t.Month()-1], t.Year())
	},
	clock: func(t time.Time) string { return t.Format("15:04") },
}

var german = words{
	locale: "de",
	labels: map[string]string{
		"when": "Wann", "where_when": "Ortszeit des Termins", "doctor": "Arzt/Ärztin", "patient": "Patient/in",
		"clinic": "Praxis", "address": "Adresse", "price": "Preis", "refunded": "Erstattung", "receipt": "Belegnummer",
		"pay_by": "Zu bezahlen bis", "answer_by": "Antwort bis", "device": "Gerät", "place": "Wo", "join": "Teilnahme", "link_until": "Link gültig bis",
		"fee": "Gebühr", "dispute_by": "Widerspruch bis", "offers": "Frei",
	},
	weekdays: [7]string{"Sonntag", "Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag"},
	months: [12]string{
		"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember",
	},
	hello: "Guten Tag %s,", helloAll: "Guten Tag,",
	footer:        "Sie erhalten diese Nachricht wegen eines Termins. Bitte antworten Sie nicht darauf.",
	accountFooter: "Sie erhalten diese Nachricht wegen eines Kontos mit Ihrer E-Mail-Adresse. Bitte antworten Sie nicht darauf.",
	event:         "Termin bei %s", video: "Videotermin",
	day: func(w words, t time.Time) string {
		return fmt.Sprintf("%d. %s %d", t.Day(), w.months[t.Month()-1], t.Year())
	},
	clock: func(t time.Time) string { return t.Format("15:04") + " Uhr" },
}

func (w words) greeting(name string) string {
	if name == "" {
		return w.helloAll
	}
	return fmt.Sprintf(w.hello, name)
}

// date is the day alone, for subjects.
func (w words) date(t time.Time) string { return w.day(w, t) }

func (w words) weekday(t time.Time) string { return w.weekdays[t.Weekday()] + ", " + w.day(w, t) }

// moment is a point in time in zone, such as "Monday, 2 March 2026, 10:00 CET
// (UTC+01:00)"; empty for the zero time.
func (w words) moment(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return ""
	}
	t = t.In(zone)
	return w.weekday(t) + ", " + w.clock(t) + " " + zoneName(t)
}

// span is from start to end, both in the same zone. The zone is named once, and the
// day too, unless they change in between: 01:30 may come twice in a night.
func (w words) span(start, end time.Time) string {
	sameDay := start.YearDay() == end.YearDay() && start.Year() == end.Year()
	_, a := start.Zone()
	_, b := end.Zone()
	switch {
	case sameDay && a == b:
		return w.weekday(start) + ", " + start.Format("15:04") + "–" + w.clock(end) + " " + zoneName(end)
	case sameDay:
		return w.weekday(start) + ", " + w.clock(start) + " " + zoneName(start) + " – " + w.clock(end) + " " + zoneName(end)
	default:
		return w.moment(start, start.Location()) + " – " + w.moment(end, end.Location())
	}
}

// zoneName is the zone's abbreviation and its offset at t, such as "CET (UTC+01:00)".
// Zones that have no abbreviation of their own show the offset only.
func zoneName(t time.Time) string {
	abbreviation, _ := t.Zone()
	offset := "UTC" + t.Format("-07:00")
	if _, err := strconv.Atoi(abbreviation); err == nil || abbreviation == "UTC" {
		return offset
	}
	return abbreviation + " (" + offset + ")"
}
