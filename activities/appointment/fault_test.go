package appointment_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	acts "github.com/careflow/careflow/activities/appointment"
	"github.com/careflow/careflow/internal/domain"
)

func TestOnlyFaultsThatMayPassAreRetried(t *testing.T) {
	t.Parallel()
	retried := map[domain.Code]bool{
		domain.CodeUnavailable: true, domain.CodeVendorUnavailable: true, domain.CodeOutcomeUnknown: true,
		domain.CodeInternal: true, domain.CodeTooMany: true,

		domain.CodeInvalid: false, domain.CodeUnauthenticated: false, domain.CodeForbidden: false, domain.CodeNotFound: false,
		domain.CodeConflict: false, domain.CodeIdempotencyReused: false, domain.CodeSlotTaken: false,
		domain.CodePatientOverlap: false, domain.CodeSlotNotOffered: false, domain.CodeTooManyHolds: false,
		domain.CodeDoctorInactive: false, domain.CodeNotYourPatient: false, domain.CodeInvalidTimeZone: false,
		domain.CodeWrongStatus: false, domain.CodeTooLate: false, domain.CodeTooEarly: false, domain.CodeRescheduleLimit: false,
		domain.CodeSuperseded: false, domain.CodeStuck: false, domain.CodePaymentRefused: false,
		domain.CodeVendorRejected: false, domain.CodeRecipientRejected: false,
	}
	for code, again := range retried {
		t.Run(string(code), func(t *testing.T) {
			t.Parallel()
			cause := fmt.Errorf("on the way: %w", domain.Errorf(code, "what to change").WithDetail("short_code").Because(errDatabase))
			_, err := run[domain.TransitionResult](t, acts.NewRecords(&books{failing: cause}).Transition, domain.Transition{})
			app := application(t, err)
			require.Equal(t, again, !app.NonRetryable())
			require.Equal(t, string(code), app.Type(), "the workflow and the API read the code off the type")
			require.Equal(t, "what to change", app.Message())
			require.NotContains(t, err.Error(), errDatabase.Error(), "causes are for our logs")
			var detail string
			require.NoError(t, app.Details(&detail))
			require.Equal(t, "short_code", detail)
		})
	}
}

func TestAnErrorOfOurOwnDatabaseIsRetried(t *testing.T) {
	t.Parallel()
	_, err := run[bool](t, acts.NewRecords(&books{failing: errDatabase}).Claim, acts.ClaimInput{AppointmentID: id, RunID: "r"})
	require.False(t, application(t, err).NonRetryable())
}

func TestAClaimSaysWhoseTheVisitIs(t *testing.T) {
	t.Parallel()
	b := &books{}
	for _, c := range []struct {
		run, replaces string
		want          bool
	}{{"first", "", true}, {"first", "", true}, {"second", "", false}, {"second", "first", true}, {"first", "", false}} {
		mine, err := run[bool](t, acts.NewRecords(b).Claim, acts.ClaimInput{AppointmentID: id, RunID: c.run, Replaces: c.replaces})
		require.NoError(t, err)
		require.Equal(t, c.want, mine)
	}
}
