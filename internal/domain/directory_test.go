package domain_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

func consultation() domain.AppointmentType {
	return domain.AppointmentType{
		Name: "Consultation", Mode: domain.InPerson, Active: true, Terms: domain.DefaultTerms(),
		Rules: domain.SlotRules{Duration: minutes(30), Step: minutes(30), BookingWindow: hours(90 * 24)},
	}
}

func TestAppointmentTypesThatCannotBeSaved(t *testing.T) {
	t.Parallel()
	tiers := func(list ...domain.RefundTier) func(*domain.AppointmentType) {
		return func(a *domain.AppointmentType) { a.Terms.RefundTiers = list }
	}
	for name, c := range map[string]struct {
		change func(*domain.AppointmentType)
		says   string // "" for one that can
	}{
		"the defaults":      {func(*domain.AppointmentType) {}, ""},
		"free":              {func(a *domain.AppointmentType) { a.OwnPrice = &domain.Money{Currency: "EUR"} }, ""},
		"no refunds":        {tiers(), ""},
		"no reminders":      {func(a *domain.AppointmentType) { a.Terms.Reminders = nil }, ""},
		"equal tiers":       {tiers(domain.RefundTier{Before: hours(4), Percent: 50}, domain.RefundTier{Before: hours(24), Percent: 50}), ""},
		"no name":           {func(a *domain.AppointmentType) { a.Name = " " }, "has a name"},
		"no mode":           {func(a *domain.AppointmentType) { a.Mode = "" }, "in_person or telehealth"},
		"no duration":       {func(a *domain.AppointmentType) { a.Rules.Duration = 0 }, "duration and slot_step"},
		"no step":           {func(a *domain.AppointmentType) { a.Rules.Step = 0 }, "duration and slot_step"},
		"two days":          {func(a *domain.AppointmentType) { a.Rules.Duration = hours(48) }, "at most a day"},
		"a notice too long": {func(a *domain.AppointmentType) { a.Rules.MinimumNotice = a.Rules.BookingWindow }, "minimum_notice"},
		"no window":         {func(a *domain.AppointmentType) { a.Rules.BookingWindow = 0 }, "booking_window"},
		"a cut-off too long": {func(a *domain.AppointmentType) {
			a.Terms.AnswerCutoff = a.Rules.BookingWindow
		}, "answer_cutoff is shorter"},
		"a payment window too long": {func(a *domain.AppointmentType) { a.Terms.PaymentWindowMax = minutes(61) }, "at most 60 minutes"},
		"windows the wrong way":     {func(a *domain.AppointmentType) { a.Terms.PaymentWindowMax = minutes(1) }, "payment_window"},
		"a negative price":          {func(a *domain.AppointmentType) { a.OwnPrice = &domain.Money{Minor: -1, Currency: "EUR"} }, "not negative"},
		"no currency":               {func(a *domain.AppointmentType) { a.OwnPrice = &domain.Money{Minor: 1} }, "ISO 4217"},
		"a tier twice":              {tiers(domain.RefundTier{Before: hours(4), Percent: 50}, domain.RefundTier{Before: hours(4), Percent: 60}), "is there once"},
		"less for the early":        {tiers(domain.RefundTier{Before: hours(24), Percent: 50}, domain.RefundTier{Before: hours(4), Percent: 60}), "no less back"},
		"a share of 101":            {tiers(domain.RefundTier{Before: hours(24), Percent: 101}), "0 to 100 percent"},
		"reminders the wrong way":   {func(a *domain.AppointmentType) { a.Terms.Reminders = []domain.Duration{hours(2), hours(24)} }, "from the longest"},
		"a fee of 101":              {func(a *domain.AppointmentType) { a.Terms.NoShowFeeShare = 101 }, "no_show_fee_share"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := consultation()
			c.change(&a)
			err := a.ValidateSetup()
			if c.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.says)
			require.Equal(t, domain.CodeInvalid, domain.CodeOf(err))
		})
	}
}

func TestDoctorsWhoCannotBeSaved(t *testing.T) {
	t.Parallel()
	now := instant(t, "2026-03-01T00:00:00Z")
	good := domain.Doctor{
		Name: "Dr. Weber", Zone: "Europe/Berlin", ConsultationFee: domain.Money{Currency: "EUR"},
		PractisingSince: 2026, PictureURL: "https://clinic.example/weber.jpg",
	}
	require.NoError(t, good.Validate(now))
	for name, change := range map[string]func(*domain.Doctor){
		"no name":              func(d *domain.Doctor) { d.Name = "\t" },
		"no zone":              func(d *domain.Doctor) { d.Zone = "" },
		"the machine's zone":   func(d *domain.Doctor) { d.Zone = "Local" },
		"no currency":          func(d *domain.Doctor) { d.ConsultationFee.Currency = "" },
		"a year to come":       func(d *domain.Doctor) { d.PractisingSince = 2027 },
		"a year long ago":      func(d *domain.Doctor) { d.PractisingSince = 98 },
		"a picture by script":  func(d *domain.Doctor) { d.PictureURL = "javascript:alert(1)" },
		"a picture in clear":   func(d *domain.Doctor) { d.PictureURL = "http://clinic.example/weber.jpg" },
		"a picture of nowhere": func(d *domain.Doctor) { d.PictureURL = "https://" },
		"a picture with log-in": func(d *domain.Doctor) {
			d.PictureURL = "https://user:secret@clinic.example/weber.jpg"
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := good
			change(&d)
			require.Error(t, d.Validate(now))
		})
	}
}

func TestPatientsWhoCannotBeSaved(t *testing.T) {
	t.Parallel()
	now := instant(t, "2026-03-01T12:00:00Z")
	good := domain.Patient{Name: "Ada", Relation: "self", Zone: "Europe/Berlin", DateOfBirth: "2024-02-29"}
	require.NoError(t, good.Validate(now))
	good.DateOfBirth = ""
	require.NoError(t, good.Validate(now))
	for name, change := range map[string]func(*domain.Patient){
		"no name":          func(p *domain.Patient) { p.Name = "" },
		"no relation":      func(p *domain.Patient) { p.Relation = "" },
		"another relation": func(p *domain.Patient) { p.Relation = "neighbour" },
		"no zone":          func(p *domain.Patient) { p.Zone = "" },
		"no such day":      func(p *domain.Patient) { p.DateOfBirth = "2023-02-29" },
		"not born yet":     func(p *domain.Patient) { p.DateOfBirth = "2026-03-03" },
		"of another age":   func(p *domain.Patient) { p.DateOfBirth = "0126-03-03" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := good
			change(&p)
			require.Error(t, p.Validate(now))
		})
	}
}
