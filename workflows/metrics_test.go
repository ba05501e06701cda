package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/workflows"
)

func TestRunsAreCounted(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*harness)
		adjust  func(*stemflow.SeparateStemsInput)
		// counters are what is reported, settle the times until the settlement.
		counters map[string]int64
		settle   map[string][]time.Duration
	}{
		"settled by a callback": {
			prepare: func(w *harness) { w.callbackAfter(time.Minute, success(separationID)) },
			counters: map[string]int64{
				"stemflow_separations{outcome=archived,type=separate_vocal}":            1,
				"stemflow_separations_settled{settled_by=callback,type=separate_vocal}": 1,
			},
			settle: map[string][]time.Duration{
				"stemflow_separation_settle_latency{settled_by=callback,type=separate_vocal}": {time.Minute},
			},
		},
		"settled by a poll, and partial": {
			prepare: func(w *harness) {
				w.archive = func(in activityapi.ArchiveStemInput) (*stemflow.Stem, error) {
					if in.Stem.Name == "vocals" {
						return nil, failed(stemflow.ErrorSourceNotAudio)
					}
					return archived(in.Stem.Name), nil
				}
			},
			adjust: func(in *stemflow.SeparateStemsInput) {
				in.Type, in.AllowPartial, in.CallbackGrace = stemflow.SplitStem, true, stemflow.Duration(5*time.Minute)
			},
			counters: map[string]int64{
				"stemflow_separations{outcome=partial,type=split_stem}":         1,
				"stemflow_separations_settled{settled_by=poll,type=split_stem}": 1,
			},
			settle: map[string][]time.Duration{
				"stemflow_separation_settle_latency{settled_by=poll,type=split_stem}": {5 * time.Minute},
			},
		},
		"taken up": {
			prepare: func(w *harness) { w.found(activityapi.PreparedArchive{Submission: paidBefore()}) },
			counters: map[string]int64{
				"stemflow_separations{outcome=archived,type=separate_vocal}":          1,
				"stemflow_separations_settled{settled_by=resume,type=separate_vocal}": 1,
			},
		},
		"archived before": {
			prepare: func(w *harness) {
				w.found(activityapi.PreparedArchive{
					Archived: &stemflow.SeparateStemsResult{SeparationTaskID: separationID},
				})
			},
			counters: map[string]int64{
				"stemflow_separations{outcome=found,type=separate_vocal}":              1,
				"stemflow_separations_settled{settled_by=archive,type=separate_vocal}": 1,
			},
		},
		"refused": {
			prepare: func(w *harness) {
				w.submit = func(activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
					return nil, failed(stemflow.ErrorInsufficientCredits, stemflow.ErrorDetails{})
				}
			},
			counters: map[string]int64{"stemflow_separations{outcome=InsufficientCredits,type=separate_vocal}": 1},
		},
		"cancelled": {
			prepare:  func(w *harness) { w.cancelAfter(time.Second) },
			counters: map[string]int64{"stemflow_separations{outcome=cancelled,type=separate_vocal}": 1},
		},
		"of a type that is none": {
			adjust:   func(in *stemflow.SeparateStemsInput) { in.Type = "anything that somebody types" },
			counters: map[string]int64{"stemflow_separations{outcome=InvalidInput,type=invalid}": 1},
		},
		"with a submit that this machine's clock finds in the future": {
			prepare: func(w *harness) {
				w.submit = func(activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
					return &activityapi.SubmittedSeparation{SeparationTaskID: separationID,
						SubmittedAt: w.env.Now().Add(time.Hour)}, nil
				}
				w.callbackAfter(time.Minute, success(separationID))
			},
			counters: map[string]int64{
				"stemflow_separations{outcome=archived,type=separate_vocal}":            1,
				"stemflow_separations_settled{settled_by=callback,type=separate_vocal}": 1,
			},
			settle: map[string][]time.Duration{
				"stemflow_separation_settle_latency{settled_by=callback,type=separate_vocal}": {0},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t)
			in := input()
			if c.prepare != nil {
				c.prepare(w)
			}
			if c.adjust != nil {
				c.adjust(&in)
			}
			w.run(in)
			require.Equal(t, c.counters, w.metrics.Counters())
			settle := w.metrics.Timers()
			require.Len(t, settle, len(c.settle))
			for key, times := range settle {
				require.Len(t, times, len(c.settle[key]), key)
				for i := range times {
					require.Equal(t, c.settle[key][i], times[i].Round(time.Second), key)
				}
			}
		})
	}
}

// The settlement is seen at once, however long the archive takes after it.
func TestSettlementIsCountedBeforeTheEnd(t *testing.T) {
	w := newHarness(t)
	var meanwhile map[string]int64
	w.archive = func(in activityapi.ArchiveStemInput) (*stemflow.Stem, error) {
		meanwhile = w.metrics.Counters()
		return archived(in.Stem.Name), nil
	}
	w.callbackAfter(time.Second, success(separationID))
	w.run(input())
	require.Equal(
		t,
		map[string]int64{workflows.MetricSettled + "{settled_by=callback,type=separate_vocal}": 1},
		meanwhile,
	)
}
