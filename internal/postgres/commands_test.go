package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

func TestACommandsAnswerIsGivenAgain(t *testing.T) {
	t.Parallel()
	c := open(t)
	key := newKey(patient)
	stored, err := c.BeginCommand(t.Context(), key)
	require.NoError(t, err)
	require.Nil(t, stored)
	stored, err = c.BeginCommand(t.Context(), key)
	require.NoError(t, err)
	require.Nil(t, stored, "an earlier try has no outcome: carry it out, the update's ID is the same")

	answer := domain.StoredResponse{Status: 200, Body: []byte(`{"status":"confirmed"}`)}
	require.NoError(t, c.EndCommand(t.Context(), key, answer))
	require.NoError(t, c.EndCommand(t.Context(), key, domain.StoredResponse{Status: 202}))
	stored, err = c.BeginCommand(t.Context(), key)
	require.NoError(t, err)
	require.Equal(t, &answer, stored, "the first answer stays")

	other := key
	other.BodyHash = []byte("another body")
	_, err = c.BeginCommand(t.Context(), other)
	require.Equal(t, domain.CodeIdempotencyReused, domain.CodeOf(err))
	other.Operation = "cancelAppointment/1"
	stored, err = c.BeginCommand(t.Context(), other)
	require.NoError(t, err)
	require.Nil(t, stored, "another operation is its own command")
}

func TestARefusedCommandFreesItsKey(t *testing.T) {
	t.Parallel()
	c := open(t)
	key := newKey(patient)
	_, err := c.BeginCommand(t.Context(), key)
	require.NoError(t, err)
	require.NoError(t, c.AbandonCommand(t.Context(), key))
	key.BodyHash = []byte("another body")
	stored, err := c.BeginCommand(t.Context(), key)
	require.NoError(t, err)
	require.Nil(t, stored)

	require.NoError(t, c.EndCommand(t.Context(), key, domain.StoredResponse{Status: 200, Body: []byte("{}")}))
	require.NoError(t, c.AbandonCommand(t.Context(), key))
	stored, err = c.BeginCommand(t.Context(), key)
	require.NoError(t, err)
	require.NotNil(t, stored, "what was carried out is not forgotten")
}

func TestAKeyThatIsFreedMeanwhileIsNoFault(t *testing.T) {
	t.Parallel()
	c := open(t)
	key := newKey(patient)
	codes := atOnce(16, func(i int) error {
		for range 10 {
			if i%2 == 0 {
				if err := c.AbandonCommand(t.Context(), key); err != nil {
					return err
				}
				continue
			}
			if _, err := c.BeginCommand(t.Context(), key); err != nil {
				return err
			}
		}
		return nil
	})
	require.Equal(t, map[domain.Code]int{"": 16}, codes)
}
