package appointment_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	acts "github.com/careflow/careflow/activities/appointment"
	"github.com/careflow/careflow/internal/domain"
)

func TestWhenANoticeWasSentIsAskedOfTheLedger(t *testing.T) {
	sent := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	for name, at := range map[string]time.Time{"sent": sent, "not sent": {}} {
		t.Run(name, func(t *testing.T) {
			records := acts.NewRecords(&books{payBy: at})
			got, err := run[acts.NoticeSentResult](t, records.NoticeSent, acts.NoticeSentInput{AppointmentID: id, Kind: domain.MessageFeeNotice})
			require.NoError(t, err)
			require.True(t, at.Equal(got.At))
		})
	}
	records := acts.NewRecords(&books{failing: errDatabase})
	_, err := run[acts.NoticeSentResult](t, records.NoticeSent, acts.NoticeSentInput{AppointmentID: id, Kind: domain.MessageFeeNotice})
	require.Error(t, err)
	require.False(t, application(t, err).NonRetryable(), "a database that is away is asked again: nobody's fee is waived for it")
}
