package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/seed"
)

func TestARecordIsReadWithinItsScopeAndEachReadingIsNoted(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, staff, visit(nine))
	for name, x := range map[string]struct {
		scope domain.Scope
		ok    bool
	}{
		"the clinic":                        {domain.Scope{All: true}, true},
		"the doctor":                        {domain.Scope{DoctorID: seed.DoctorID}, true},
		"the patient's account":             {domain.Scope{AccountID: patientAccount}, true},
		"the one who booked":                {domain.Scope{AccountID: staffAccount}, true},
		"another doctor":                    {domain.Scope{DoctorID: seed.DoctorNYID}, false},
		"another account":                   {domain.Scope{AccountID: caregiverAccount}, false},
		"nobody":                            {domain.Scope{}, false},
		"a doctor's ID as an account":       {domain.Scope{AccountID: seed.DoctorID}, false},
		"the account's ID as a doctor's ID": {domain.Scope{DoctorID: patientAccount}, false},
	} {
		before := c.count(t, "record_accesses")
		a, err := c.Appointment(t.Context(), x.scope, id, domain.Access{Caller: patient, RequestID: name})
		_, timelineErr := c.Timeline(t.Context(), x.scope, id)
		_, messagesErr := c.Messages(t.Context(), x.scope, id)
		list, listErr := c.Appointments(t.Context(), x.scope, domain.AppointmentFilter{}, domain.Page{Limit: 10})
		require.NoError(t, listErr)
		if !x.ok {
			for _, err := range []error{err, timelineErr, messagesErr} {
				require.Equal(t, domain.CodeNotFound, domain.CodeOf(err), name)
			}
			require.Empty(t, list, name)
			require.Equal(t, before, c.count(t, "record_accesses"), "nothing was read, nothing is noted")
			continue
		}
		require.NoError(t, err, name)
		require.NoError(t, timelineErr)
		require.NoError(t, messagesErr)
		require.Equal(t, secretWords, a.Reason)
		require.Len(t, list, 1)
		require.Empty(t, list[0].Reason, "a list shows no clinical text")
		require.Equal(t, 1, c.count(t, "record_accesses WHERE request_id = $1 AND appointment_id = $2 AND user_id = $3 AND roles = '{patient}'",
			name, id, patientAccount))
		require.Equal(t, before+1, c.count(t, "record_accesses"))
	}
	_, err := c.Appointment(t.Context(), everyone, domain.NewID(), domain.Access{Caller: staff})
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
}

func TestTheReasonIsStoredSealedAndBoundToItsRow(t *testing.T) {
	t.Parallel()
	c := open(t)
	a, b := c.book(t, patient, visit(nine)), c.book(t, patient, visit(nine.Add(time.Hour)))
	require.Zero(t, c.count(t, "appointments WHERE position(convert_to($1, 'UTF8') IN reason_sealed) > 0", secretWords))
	r := visit(nine.Add(2 * time.Hour))
	r.Reason = ""
	c.book(t, patient, r)
	require.Equal(t, 1, c.count(t, "appointments WHERE reason_sealed IS NULL AND sealed_key_id IS NULL"))
	c.exec(t, "UPDATE appointments SET reason_sealed = (SELECT reason_sealed FROM appointments WHERE id = $1) WHERE id = $2", a, b)
	_, err := c.Appointment(t.Context(), everyone, b, domain.Access{Caller: staff})
	require.ErrorContains(t, err, "decrypting")
	require.Equal(t, domain.CodeInternal, domain.CodeOf(err))
}

func TestAListIsPagedWithoutGapsOrRepetitions(t *testing.T) {
	t.Parallel()
	c := open(t)
	accounts, patients := c.people(t, 1)
	var want []string
	for i := range 7 { // with two doctors, so that starts repeat
		r := visit(later([]int{0, 0, 1, 2, 5, 5, 6}[i]))
		if i == 1 || i == 5 {
			r.DoctorID, r.TypeID, r.PatientID = seed.DoctorDemoID, seed.TypeDemoID, patients[0]
		}
		want = append(want, c.book(t, staff, r))
	}
	c.exec(t, "UPDATE doctors SET name = name || ' (changed)'")
	for _, limit := range []int{1, 2, 3, 7, 50} {
		var got []string
		page := domain.Page{Limit: limit}
		for {
			list, err := c.Appointments(t.Context(), everyone, domain.AppointmentFilter{}, page)
			require.NoError(t, err)
			for _, a := range list {
				got = append(got, a.ID)
			}
			if len(list) < limit {
				break
			}
			last := list[len(list)-1]
			page.AfterTime, page.AfterID = last.Visit.Start, last.ID
			require.LessOrEqual(t, len(list), limit)
		}
		require.ElementsMatch(t, want, got, "pages of %d", limit)
	}
	list, err := c.Appointments(t.Context(), domain.Scope{AccountID: accounts[0]}, domain.AppointmentFilter{}, domain.Page{Limit: 10})
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, seed.DoctorDemoID, list[0].DoctorID)
}

func TestAListIsFiltered(t *testing.T) {
	t.Parallel()
	c := open(t)
	first, second := c.book(t, patient, visit(nine)), c.book(t, patient, visit(nine.Add(time.Hour)))
	r := visit(nine.Add(2 * time.Hour))
	r.PatientID = seed.ChildID
	third := c.book(t, caregiver, r)
	c.move(t, second, domain.StatusCancelled)
	for name, x := range map[string]struct {
		filter domain.AppointmentFilter
		want   []string
	}{
		"nothing":           {domain.AppointmentFilter{}, []string{first, second, third}},
		"a status":          {domain.AppointmentFilter{Statuses: []domain.Status{domain.StatusCancelled}}, []string{second}},
		"two statuses":      {domain.AppointmentFilter{Statuses: []domain.Status{domain.StatusCancelled, domain.StatusRequested}}, []string{first, second, third}},
		"a patient":         {domain.AppointmentFilter{PatientID: seed.ChildID}, []string{third}},
		"a doctor":          {domain.AppointmentFilter{DoctorID: seed.DoctorNYID}, nil},
		"from a start":      {domain.AppointmentFilter{From: nine.Add(time.Hour)}, []string{second, third}},
		"to before a start": {domain.AppointmentFilter{To: nine.Add(time.Hour)}, []string{first}},
		"all at once":       {domain.AppointmentFilter{From: nine, To: nine.Add(3 * time.Hour), DoctorID: seed.DoctorID, PatientID: seed.PatientID, Statuses: []domain.Status{domain.StatusRequested}}, []string{first}},
	} {
		list, err := c.Appointments(t.Context(), everyone, x.filter, domain.Page{Limit: 10})
		require.NoError(t, err)
		var got []string
		for _, a := range list {
			got = append(got, a.ID)
		}
		require.Equal(t, x.want, got, name)
	}
}

func TestASearchShowsWhatABookingAccepts(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.book(t, patient, visit(nine))
	span := domain.Window{Start: nine, End: nine.Add(12 * time.Hour)}
	slots := func() []domain.Slot {
		a, err := c.Availability(t.Context(), seed.DoctorID, seed.TypeVisitID, span)
		require.NoError(t, err)
		list, err := domain.Slots(a.Schedule, a.Type.Rules, a.Type.Terms, a.Busy, span, now)
		require.NoError(t, err)
		return list
	}
	list := slots()
	require.Equal(t, nine.Add(time.Hour), list[0].Start, "09:30 lies in the first visit's buffer")
	offered := len(list)
	for len(list) > 0 {
		c.book(t, staff, visit(list[0].Start))
		list = slots()
	}
	require.Equal(t, 7, c.count(t, "appointments"), "the buffers hide every second half hour, of %d left at first", offered)
	c.exec(t, "UPDATE doctors SET active = false")
	_, err := c.Availability(t.Context(), seed.DoctorID, seed.TypeVisitID, span)
	require.Equal(t, domain.CodeDoctorInactive, domain.CodeOf(err))
}

func TestATypesOwnTermsLieOverTheDefaults(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.exec(t, `UPDATE appointment_types SET terms = '{"refund_tiers": [{"before": "1h"}], "reminders": ["30m"]}' WHERE id = $1`, seed.TypeVisitID)
	types, err := c.AppointmentTypes(t.Context(), seed.DoctorID, false)
	require.NoError(t, err)
	require.Len(t, types, 2)
	for _, typ := range types {
		require.NoError(t, typ.Terms.Validate())
	}
	own := types[0].Terms
	require.Equal(t, []domain.RefundTier{{Before: domain.Duration(time.Hour)}}, own.RefundTiers)
	require.Equal(t, []domain.Duration{domain.Duration(30 * time.Minute)}, own.Reminders)
	require.Equal(t, domain.DefaultTerms().AnswerDeadline, own.AnswerDeadline)
	require.Equal(t, domain.DefaultTerms().RefundTiers, types[1].Terms.RefundTiers, "another type's are untouched")
	require.True(t, types[1].Terms.Price.IsZero())
}

func TestADoctorsListIsTheClinicsNarrowedToTheDoctor(t *testing.T) {
	t.Parallel()
	c := open(t)
	_, patients := c.people(t, 1)
	var mine []string
	for _, hours := range []int{0, 1, 2, 5} {
		mine = append(mine, c.book(t, staff, visit(later(hours))))
	}
	r := visit(later(1))
	r.DoctorID, r.TypeID, r.PatientID = seed.DoctorDemoID, seed.TypeDemoID, patients[0]
	others := c.book(t, staff, r)
	berger := domain.Scope{DoctorID: seed.DoctorID}
	for name, x := range map[string]struct {
		scope  domain.Scope
		filter domain.AppointmentFilter
		want   []string
	}{
		"the doctor":                          {berger, domain.AppointmentFilter{}, mine},
		"the doctor, by name":                 {berger, domain.AppointmentFilter{DoctorID: seed.DoctorID}, mine},
		"the doctor asks for another's":       {berger, domain.AppointmentFilter{DoctorID: seed.DoctorDemoID}, nil},
		"the clinic asks for the doctor's":    {everyone, domain.AppointmentFilter{DoctorID: seed.DoctorID}, mine},
		"the clinic asks for the other's":     {everyone, domain.AppointmentFilter{DoctorID: seed.DoctorDemoID}, []string{others}},
		"nobody asks for the doctor's":        {domain.Scope{}, domain.AppointmentFilter{DoctorID: seed.DoctorID}, nil},
		"from a start":                        {berger, domain.AppointmentFilter{From: later(1)}, mine[1:]},
		"to before a start":                   {berger, domain.AppointmentFilter{To: later(1)}, mine[:1]},
		"one status":                          {berger, domain.AppointmentFilter{Statuses: []domain.Status{domain.StatusRequested}}, mine},
		"a patient who is not there that day": {berger, domain.AppointmentFilter{PatientID: patients[0]}, nil},
	} {
		var got []string
		page := domain.Page{Limit: 2}
		for {
			list, err := c.Appointments(t.Context(), x.scope, x.filter, page)
			require.NoError(t, err)
			for _, a := range list {
				got = append(got, a.ID)
				require.Equal(t, "Europe/Berlin", a.Terms.Zone)
			}
			if len(list) < page.Limit {
				break
			}
			page.AfterTime, page.AfterID = list[len(list)-1].Visit.Start, list[len(list)-1].ID
		}
		require.Equal(t, x.want, got, name)
	}
}
