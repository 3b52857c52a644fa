package domain_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/careflow/careflow/internal/domain"
)

func TestDefaultTermsWithAPriceAndAZoneAreValid(t *testing.T) {
	t.Parallel()
	require.NoError(t, terms().Validate())
}

func TestTermsThatContradictThemselvesAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*domain.Terms)
		want   domain.Code
	}{
		"negative price":              {func(x *domain.Terms) { x.Price.Minor = -1 }, domain.CodeInvalid},
		"no currency":                 {func(x *domain.Terms) { x.Price.Currency = "" }, domain.CodeInvalid},
		"no payment window":           {func(x *domain.Terms) { x.PaymentWindow = 0 }, domain.CodeInvalid},
		"window beyond its maximum":   {func(x *domain.Terms) { x.PaymentWindow = hours(2) }, domain.CodeInvalid},
		"no answer deadline":          {func(x *domain.Terms) { x.AnswerDeadline = 0 }, domain.CodeInvalid},
		"negative cut-off":            {func(x *domain.Terms) { x.AnswerCutoff = -1 }, domain.CodeInvalid},
		"negative capture margin":     {func(x *domain.Terms) { x.CaptureMargin = -1 }, domain.CodeInvalid},
		"negative buffer before":      {func(x *domain.Terms) { x.BufferBefore = -1 }, domain.CodeInvalid},
		"negative buffer after":       {func(x *domain.Terms) { x.BufferAfter = -1 }, domain.CodeInvalid},
		"negative no-show grace":      {func(x *domain.Terms) { x.NoShowGrace = -1 }, domain.CodeInvalid},
		"negative retention":          {func(x *domain.Terms) { x.Retention = -1 }, domain.CodeInvalid},
		"more than all back":          {func(x *domain.Terms) { x.RefundTiers[0].Percent = 101 }, domain.CodeInvalid},
		"less than nothing back":      {func(x *domain.Terms) { x.RefundTiers[0].Percent = -1 }, domain.CodeInvalid},
		"a tier after the start":      {func(x *domain.Terms) { x.RefundTiers[0].Before = -1 }, domain.CodeInvalid},
		"reminders in the wrong row":  {func(x *domain.Terms) { x.Reminders = []domain.Duration{hours(2), hours(24)} }, domain.CodeInvalid},
		"a reminder after the start":  {func(x *domain.Terms) { x.Reminders = []domain.Duration{hours(2), -1} }, domain.CodeInvalid},
		"the same reminder twice":     {func(x *domain.Terms) { x.Reminders = []domain.Duration{hours(2), hours(2)} }, domain.CodeInvalid},
		"a fee above the price":       {func(x *domain.Terms) { x.NoShowFeeShare = 101 }, domain.CodeInvalid},
		"a negative fee":              {func(x *domain.Terms) { x.NoShowFeeShare = -1 }, domain.CodeInvalid},
		"a negative dispute period":   {func(x *domain.Terms) { x.DisputePeriod = -1 }, domain.CodeInvalid},
		"a negative lateness":         {func(x *domain.Terms) { x.LateAfter = -1 }, domain.CodeInvalid},
		"a negative grace":            {func(x *domain.Terms) { x.FreshGrace = -1 }, domain.CodeInvalid},
		"negative reschedule limit":   {func(x *domain.Terms) { x.RescheduleLimit = -1 }, domain.CodeInvalid},
		"reschedules after the start": {func(x *domain.Terms) { x.RescheduleUntil = -1 }, domain.CodeInvalid},
		"no zone":                     {func(x *domain.Terms) { x.Zone = "" }, domain.CodeInvalidTimeZone},
		"the machine's zone":          {func(x *domain.Terms) { x.Zone = "Local" }, domain.CodeInvalidTimeZone},
		"an abbreviation":             {func(x *domain.Terms) { x.Zone = "CEST" }, domain.CodeInvalidTimeZone},
		"a way out of the database":   {func(x *domain.Terms) { x.Zone = "../etc/passwd" }, domain.CodeInvalidTimeZone},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := terms()
			c.change(&x)
			require.Equal(t, c.want, domain.CodeOf(x.Validate()))
		})
	}
}

func TestAPatientsRefundFollowsTheTiersToTheNanosecond(t *testing.T) {
	t.Parallel()
	start := instant(t, "2026-03-10T12:00:00Z")
	for name, c := range map[string]struct {
		now  time.Time
		want int
	}{
		"a week before":             {start.Add(-7 * 24 * time.Hour), 100},
		"exactly 24 h before":       {start.Add(-24 * time.Hour), 100},
		"just under 24 h before":    {start.Add(-24*time.Hour + 1), 50},
		"exactly 4 h before":        {start.Add(-4 * time.Hour), 50},
		"just under 4 h before":     {start.Add(-4*time.Hour + 1), 0},
		"at the start":              {start, 0},
		"after the start":           {start.Add(time.Hour), 0},
		"the tiers count real time": {start.Add(-24 * time.Hour).In(zone(t, "America/New_York")), 100},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, terms().RefundPercent(domain.ActorPatient, c.now, start))
		})
	}
}

func TestTheClinicGivesAllBackWheneverItCancels(t *testing.T) {
	t.Parallel()
	start := instant(t, "2026-03-10T12:00:00Z")
	for _, actor := range []domain.ActorKind{domain.ActorDoctor, domain.ActorStaff, domain.ActorSystem} {
		require.Equal(t, 100, terms().RefundPercent(actor, start.Add(time.Minute), start), "by %s", actor)
	}
}

func TestTiersHoldInWhateverOrderTheyAreWritten(t *testing.T) {
	t.Parallel()
	start := instant(t, "2026-03-10T12:00:00Z")
	x := terms()
	x.RefundTiers = []domain.RefundTier{{Before: 0, Percent: 10}, {Before: hours(24), Percent: 100}, {Before: hours(4), Percent: 50}}
	require.Equal(t, 100, x.RefundPercent(domain.ActorPatient, start.Add(-25*time.Hour), start))
	require.Equal(t, 50, x.RefundPercent(domain.ActorPatient, start.Add(-5*time.Hour), start))
	require.Equal(t, 10, x.RefundPercent(domain.ActorPatient, start, start))
	x.RefundTiers = nil
	require.Zero(t, x.RefundPercent(domain.ActorPatient, start.Add(-100*time.Hour), start))
}

func TestATypesOwnTiersReplaceTheDefaultsAsAWhole(t *testing.T) {
	t.Parallel()
	x := domain.DefaultTerms()
	require.NoError(t, json.Unmarshal([]byte(`{"refund_tiers":[{"before":"1h"},{"percent":30}],"reminders":["30m"]}`), &x))
	require.Equal(t, []domain.RefundTier{{Before: hours(1)}, {Percent: 30}}, x.RefundTiers)
	require.Equal(t, []domain.Duration{minutes(30)}, x.Reminders)
	require.Equal(t, domain.DefaultTerms().AnswerDeadline, x.AnswerDeadline)
}

func FuzzDurationJSON(f *testing.F) {
	for _, seed := range []string{`"24h"`, `"1h30m"`, `"-5m"`, `"0s"`, `90`, `null`, `""`, `"1.5h"`, `"9999999h"`, `"2562047h47m16.854775807s"`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var d, again domain.Duration
		if json.Unmarshal(in, &d) != nil {
			return
		}
		out, err := json.Marshal(d)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(out, &again))
		require.Equal(t, d, again)
	})
}

func FuzzTermsJSON(f *testing.F) {
	whole, err := json.Marshal(terms())
	require.NoError(f, err)
	for _, seed := range []string{string(whole), `{}`, `null`, `{"reminders":null}`, `{"refund_tiers":[{"before":"1h","percent":-3}]}`, `{"price":{"minor":1e3}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		first, second := terms(), domain.Terms{}
		if json.Unmarshal(in, &first) != nil {
			return
		}
		_ = first.Validate() // whatever it says, it does not panic
		out, err := json.Marshal(first)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(out, &second), "what is stored can be read again")
		again, err := json.Marshal(second)
		require.NoError(t, err)
		require.JSONEq(t, string(out), string(again))
	})
}

func TestEveryDurationSurvivesItsStoredForm(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := domain.Duration(rapid.Int64().Draw(t, "nanoseconds"))
		out, err := json.Marshal(d)
		require.NoError(t, err)
		var again domain.Duration
		require.NoError(t, json.Unmarshal(out, &again))
		require.Equal(t, d, again)
	})
}
