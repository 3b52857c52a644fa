package chaos

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAPlanIsAFunctionOfItsSeed(t *testing.T) {
	t.Parallel()
	size := Size{Lives: 60, Faults: 90 * time.Second}
	first, again := NewPlan(7, size), NewPlan(7, size)
	require.Equal(t, first, again)
	require.NotEqual(t, NewPlan(7, size).Faults, NewPlan(8, size).Faults)
	require.NotEqual(t, NewPlan(7, size).Lives, NewPlan(8, size).Lives)
}

func TestEveryPlanHasEveryKindOfVisitAndEveryLie(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		p := NewPlan(seed, Size{Lives: 60, Faults: 90 * time.Second})
		kinds, told := map[Kind]bool{}, map[string]bool{}
		for _, l := range p.Lives {
			kinds[l.Kind] = true
		}
		for _, f := range p.Faults {
			require.Less(t, f.At, p.Size.Faults)
			told[f.Vendor+f.Match+f.Mode+f.Latency.String()] = true
		}
		require.Len(t, kinds, len(mix), "seed %d", seed)
		for _, lie := range lies {
			require.True(t, told[lie.Vendor+lie.Match+lie.Mode+lie.Latency.String()], "seed %d: %+v", seed, lie)
		}
	}
}

func TestTheSupervisorIsNotWornOut(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		last := map[string]time.Duration{}
		for _, f := range NewPlan(seed, Size{Lives: 30, Faults: 10 * time.Minute}).Faults {
			if f.Kind != Kill || f.Part != Temporal && f.Part != Postgres {
				continue
			}
			if before, again := last[f.Part]; again {
				require.GreaterOrEqual(t, f.At-before, supervisorPause, "seed %d", seed)
			}
			last[f.Part] = f.At
		}
	}
}

func TestEveryPlanHasAnOutageOverWhichDeadlinesFall(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		for length, wanted := range map[time.Duration]int{35 * time.Second: 0, 90 * time.Second: 1, 3 * time.Minute: 3} {
			p, outages := NewPlan(seed, Size{Lives: 40, Faults: length}), 0
			if length > time.Minute {
				require.Len(t, p.Lives, 40+4*wanted, "seed %d: doctors who are silent over an outage", seed)
			}
			for i, f := range p.Faults {
				if f.Kind != Outage {
					continue
				}
				outages++
				require.Greater(t, f.Lasts, lateAfter, "seed %d", seed)
				for _, later := range p.Faults[i+1:] {
					brings := later.Part != "" && later.At < f.At+f.Lasts
					require.False(t, brings, "seed %d: %+v brings a part back during an outage", seed, later)
				}
			}
			require.Equal(t, wanted, outages, "seed %d for %s", seed, length)
		}
	}
}

// What arrives at an address that bounces is told by one life alone.
func TestWhoseLettersAreLostHasAnAccountOfTheirOwn(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		p := NewPlan(seed, Size{Lives: 200, Faults: 90 * time.Second})
		used := map[int]int{}
		for _, l := range p.Lives {
			require.Less(t, l.Patient, p.Patients)
			for _, n := range append(l.Rivals, l.Patient) {
				used[n]++
			}
		}
		for _, l := range p.Lives {
			if l.Kind == LettersLost {
				require.Equal(t, 1, used[l.Patient], "seed %d", seed)
			}
		}
	}
}

// A bug that cannot be planted any more would prove nothing.
func TestEveryBugFitsTheSource(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	for name, bug := range Bugs {
		if bug.Statement != "" {
			continue
		}
		env, err := overlay(Options{Bug: name, Root: root, State: t.TempDir()})
		require.NoError(t, err, name)
		require.Contains(t, env[0], "-overlay=")
		swapped, err := os.ReadFile(strings.SplitN(env[0], "-overlay=", 2)[1])
		require.NoError(t, err)
		for _, swap := range bug.Swaps {
			require.Contains(t, string(swapped), swap.File)
		}
	}
	_, err = overlay(Options{Bug: "unheard_of", Root: root})
	require.ErrorContains(t, err, "no bug")
}

func TestTheKeptSeedsCanBeRead(t *testing.T) {
	t.Parallel()
	seeds, err := KeptSeeds("../..")
	require.NoError(t, err)
	require.NotEmpty(t, seeds)
}
