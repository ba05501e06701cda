package simulation

import (
	"flag"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/workflow"

	"stemflow/activities"
	"stemflow/callbackbridge"
	"stemflow/internal/kie"
	"stemflow/internal/source"
	"stemflow/internal/token"
)

var (
	seeds     = flag.Int("seeds", 200, "how many seeds to run")
	from      = flag.Uint64("from", 1, "the first seed")
	showTrace = flag.Bool("steps", false, "print the trace of every seed")
)

type (
	activityOptions   = workflow.ActivityOptions
	workerInterceptor = interceptor.WorkerInterceptor
)

const callbackSecret = "a secret of sixteen bytes or more"

func (s *sim) clients() (*kie.Client, *source.Fetcher) {
	provider, err := kie.New(kie.Options{BaseURL: "https://" + apiHost, APIKey: "key", Transport: s.provider})
	if err != nil {
		panic(err)
	}
	return provider, source.New(source.Options{AllowedHosts: []string{fileHost}, Transport: s.provider})
}

// simulate runs one seed and returns its trace and what is wrong with it.
func simulate(t *testing.T, seed uint64, broken breakage) (trace, wrong []string) {
	return simulateKinds(t, seed, broken, false)
}

// simulateKinds is simulate with a WAV of the same music, or without.
func simulateKinds(t *testing.T, seed uint64, broken breakage, withWAV bool) (trace, wrong []string) {
	synctest.Test(t, func(*testing.T) {
		s := newSim(seed)
		s.withWAV = withWAV
		s.breakage = broken
		s.store, s.provider = newStore(s), &provider{sim: s}
		s.store.unconditional = broken == unconditionalStore
		var callback activities.CallbackAddress
		if !s.chance(6, "without a bridge") {
			keyring, err := token.NewKeyring([]string{callbackSecret})
			if err != nil {
				panic(err)
			}
			callback = activities.CallbackAddress{BaseURL: "https://bridge.example", Keyring: keyring}
			s.bridge, err = callbackbridge.New(callbackbridge.Config{
				Signaler: s, Secrets: []string{callbackSecret}, Logger: slog.New(slog.DiscardHandler),
			})
			if err != nil {
				panic(err)
			}
		}
		s.activities = s.newActivities(callback)
		go s.schedule()
		for _, f := range s.faults {
			s.note("fault: %v", f)
		}
		done := make(chan struct{})
		s.spawn(func() {
			defer close(done)
			s.perform()
			wrong = append(wrong, s.reconcile()...)
			wrong = append(wrong, s.heal()...)
			s.rest()
			wrong = append(wrong, s.reconcile()...)
		})
		<-done
		s.end()
		s.running.Wait()
		if s.endless {
			wrong = append(wrong, "the seed does not come to an end")
		}
		trace = s.trace
	})
	return trace, wrong
}

// report is how a seed that failed is told.
func report(seed uint64, trace, wrong []string) string {
	return fmt.Sprintf("seed %d:\n  %s\ntrace:\n%s\n"+
		"replay: go test -v ./internal/simulation -run TestSimulation -from %d -seeds 1 -steps",
		seed, strings.Join(wrong, "\n  "), strings.Join(trace[:min(len(trace), 400)], "\n"), seed)
}

// share is how many of so many seeds a test runs: a quarter when it shall be short.
func share(seeds int) int {
	if testing.Short() {
		return max(seeds/4, 1)
	}
	return seeds
}

func TestSimulation(t *testing.T) {
	var next, failed atomic.Int64
	began, all := time.Now(), share(*seeds)
	t.Run("seeds", func(t *testing.T) {
		for range runtime.GOMAXPROCS(0) {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				for failed.Load() < 5 {
					n := next.Add(1) - 1
					if n >= int64(all) {
						return
					}
					seed := *from + uint64(n)
					trace, wrong := simulate(t, seed, intact)
					if len(wrong) > 0 {
						failed.Add(1)
						t.Error(report(seed, trace, wrong))
					} else if *showTrace {
						t.Log(strings.Join(trace, "\n"))
					}
				}
			})
		}
	})
	t.Logf("%d seeds, %.0f a second", all, float64(all)/time.Since(began).Seconds())
}

// A WAV and the separations of the same music go on side by side, in one store and with one
// provider. Each is paid for once, and nothing of one holds up, satisfies or is taken for the
// other.
func TestSimulationOfTwoKindsOfTask(t *testing.T) {
	failed := 0
	for n := range max(share(*seeds)/3, 1) {
		seed := *from + uint64(n)
		trace, wrong := simulateKinds(t, seed, intact, true)
		if len(wrong) > 0 {
			t.Error(report(seed, trace, wrong))
			if failed++; failed == 3 {
				return
			}
		} else if *showTrace {
			t.Log(strings.Join(trace, "\n"))
		}
	}
}

func TestKindsThatShareALedgerAreFound(t *testing.T) {
	for seed := uint64(1); seed < 300; seed++ {
		if _, wrong := simulateKinds(t, seed, sharedLedger, true); len(wrong) > 0 {
			t.Logf("found by seed %d: %s", seed, wrong[0])
			return
		}
	}
	t.Error("300 seeds do not find it")
}

func TestSeedsReplayExactly(t *testing.T) {
	for seed := uint64(1); seed <= uint64(share(50)); seed++ {
		first, _ := simulate(t, seed, intact)
		second, _ := simulate(t, seed, intact)
		if !slices.Equal(first, second) {
			i := 0
			for i < min(len(first), len(second)) && first[i] == second[i] {
				i++
			}
			require.Equal(t, first[max(0, i-5):min(len(first), i+5)], second[max(0, i-5):min(len(second), i+5)],
				"seed %d differs at line %d", seed, i)
		}
	}
}
