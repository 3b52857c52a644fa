package letters

import (
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// view is what templates see. It has no field that must not be in a letter.
type view struct {
	// Of the letter.
	Locale     string
	Subject    string
	Greeting   string
	Paragraphs []string
	Facts      []fact
	Action     string
	Link       string
	Closing    string
	Footer     string
	// Of the visit, for the words of the letter.
	Clinic   string
	Doctor   string
	Date     string // in the reader's zone
	Payable  bool
	Price    string
	PayBy    string
	AnswerBy string
	Refunded string // empty where nothing goes back
	Fee      string // for a visit that nobody came to; empty for none
	// DisputeBy is until when the patient may object to it; Offered says that the letter
	// names other times.
	DisputeBy string
	Offered   bool

	values map[string]string
	offers []string
	place  *time.Location // of the visit
}

// fact is one line of a letter's table.
type fact struct{ Label, Value string }

func viewOf(d domain.LetterData, w words) (view, error) {
	reader, visit, err := zones(d)
	if err != nil {
		return view{}, err
	}
	v := view{
		Locale: w.locale, Greeting: w.greeting(d.RecipientName), Link: d.Link, Closing: d.ClinicName, Footer: w.footer,
		Clinic: d.ClinicName, Doctor: d.DoctorName, Date: w.date(d.StartsAt.In(reader)),
		Payable: !d.Price.IsZero(), place: visit,
	}
	if v.Payable {
		v.Price = d.Price.String()
	}
	if !d.Refunded.IsZero() {
		v.Refunded = d.Refunded.String()
	}
	if !d.Fee.IsZero() {
		v.Fee = d.Fee.String()
	}
	v.DisputeBy, v.Offered = w.moment(d.DisputeBy, reader), len(d.Offers) > 0
	for _, o := range d.Offers {
		v.offers = append(v.offers, w.span(o.Start.In(reader), o.End.In(reader)))
	}
	v.PayBy, v.AnswerBy = w.moment(d.PayBy, reader), w.moment(d.AnswerBy, reader)
	v.values = map[string]string{
		"when": w.span(d.StartsAt.In(reader), d.EndsAt.In(reader)), "doctor": d.DoctorName, "clinic": d.ClinicName,
		"address": d.ClinicAddress, "price": v.Price, "refunded": v.Refunded, "receipt": d.ReceiptCode, "pay_by": v.PayBy, "answer_by": v.AnswerBy,
		"fee": v.Fee, "dispute_by": v.DisputeBy,
	}
	if differ(d.StartsAt, reader, visit) || differ(d.EndsAt, reader, visit) {
		v.values["where_when"] = w.span(d.StartsAt.In(visit), d.EndsAt.In(visit))
	}
	if d.Mode == domain.Telehealth {
		v.values["address"], v.values["place"], v.values["join"] = "", w.video, d.JoinURL
	}
	if d.Recipient == domain.RecipientDoctor {
		v.values["patient"] = d.PatientName
	}
	return v, nil
}

// facts lists the named values that are known; the visit's own time follows the
// reader's where they differ, and a video visit's link stands where the address would.
func (v view) facts(names []string, w words) []fact {
	var out []fact
	add := func(name string) {
		if value := v.values[name]; value != "" {
			out = append(out, fact{w.labels[name], value})
		}
	}
	for _, name := range names {
		add(name)
		switch name {
		case "when":
			add("where_when")
		case "offers":
			for _, o := range v.offers {
				out = append(out, fact{w.labels[name], o})
			}
		case "address": // a video visit has none
			add("place")
			add("join")
		}
	}
	return out
}

// zones loads the reader's zone and the visit's; each stands in for the other where
// only one is given.
func zones(d domain.LetterData) (reader, visit *time.Location, err error) {
	readerName, visitName := d.TimeZone, d.VisitTimeZone
	if readerName == "" {
		readerName = visitName
	}
	if visitName == "" {
		visitName = readerName
	}
	if readerName == "" {
		return nil, nil, domain.Errorf(domain.CodeInvalidTimeZone, "a letter needs a time zone")
	}
	if reader, err = location(readerName); err != nil {
		return nil, nil, err
	}
	if visit, err = location(visitName); err != nil {
		return nil, nil, err
	}
	return reader, visit, nil
}

func location(name string) (*time.Location, error) {
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, domain.Errorf(domain.CodeInvalidTimeZone, "%q is not an IANA time zone", name).Because(err)
	}
	return loc, nil
}

// differ reports whether clocks in the two zones show different times at t.
func differ(t time.Time, a, b *time.Location) bool {
	_, x := t.In(a).Zone()
	_, y := t.In(b).Zone()
	return x != y
}
