package integration

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/kiesim"
)

// recordFault is a record that misleads, and what the run makes of it. A run without an error type
// succeeds.
type recordFault struct {
	scenario kiesim.Scenario
	fails    string
	// ledger is what it says afterwards; empty is paid.
	ledger stemflow.SubmissionState
}

func recordFaults() map[string]recordFault {
	lost := kiesim.Callback{Lost: true}
	failing := func(code int) kiesim.Scenario {
		return kiesim.Scenario{Callback: lost, Outcome: kiesim.Outcome{Failure: &kiesim.Failure{Code: code}}}
	}
	return map[string]recordFault{
		"null for some looks": {scenario: kiesim.Scenario{Callback: lost, Record: kiesim.Record{NullLooks: 3}}},
		"null for some time": {
			scenario: kiesim.Scenario{Callback: lost, Record: kiesim.Record{NullFor: kiesim.Duration(4 * time.Second)}},
		},
		"unknown flag": {scenario: kiesim.Scenario{Callback: lost, Record: kiesim.Record{UnknownFlagLooks: 3}}},
		"times as numeric strings": {
			scenario: kiesim.Scenario{Callback: lost, Record: kiesim.Record{Times: kiesim.TimesNumericString}},
		},
		"times as dates": {
			scenario: kiesim.Scenario{Callback: lost, Record: kiesim.Record{Times: kiesim.TimesDateTime}},
		},
		"CALLBACK_EXCEPTION with links": {
			scenario: kiesim.Scenario{Callback: kiesim.Callback{Lost: true, Exception: kiesim.ExceptionWithLinks}},
		},
		"CALLBACK_EXCEPTION without links": {
			scenario: kiesim.Scenario{Callback: kiesim.Callback{Lost: true, Exception: kiesim.ExceptionWithoutLinks}},
			fails:    stemflow.ErrorSeparationFailed, ledger: stemflow.SubmissionFailed,
		},
		"SUCCESS with null": {
			scenario: kiesim.Scenario{
				Callback: lost,
				Outcome:  kiesim.Outcome{Links: kiesim.LinksNull},
			}, fails: stemflow.ErrorNoStems,
		},
		"SUCCESS with empty links": {
			scenario: kiesim.Scenario{
				Callback: lost,
				Outcome:  kiesim.Outcome{Links: kiesim.LinksEmpty},
			}, fails: stemflow.ErrorNoStems,
		},
		"SUCCESS with no links, called back": {
			scenario: kiesim.Scenario{Outcome: kiesim.Outcome{Links: kiesim.LinksEmpty}}, fails: stemflow.ErrorNoStems,
		},
		"links that follow late": {
			scenario: kiesim.Scenario{Callback: lost, Outcome: kiesim.Outcome{Links: kiesim.LinksNull, LinksAfter: 3}},
		},
		"links that follow the callback late": {
			scenario: kiesim.Scenario{Outcome: kiesim.Outcome{Links: kiesim.LinksEmpty, LinksAfter: 2}},
		},
		"failed with 400": {
			scenario: failing(400),
			fails:    stemflow.ErrorSeparationFailed,
			ledger:   stemflow.SubmissionFailed,
		},
		"failed with 500": {
			scenario: failing(500),
			fails:    stemflow.ErrorSeparationFailed,
			ledger:   stemflow.SubmissionFailed,
		},
		"failed with 531": {
			scenario: failing(531),
			fails:    stemflow.ErrorSeparationFailed,
			ledger:   stemflow.SubmissionFailed,
		},
		"failed under a kindred flag": {
			scenario: kiesim.Scenario{
				Callback: lost,
				Outcome:  kiesim.Outcome{Failure: &kiesim.Failure{Flag: "CREATE_TASK_FAILED"}},
			},
			fails: stemflow.ErrorSeparationFailed, ledger: stemflow.SubmissionFailed,
		},
		"answers that cannot be read": {
			scenario: kiesim.Scenario{Callback: lost, RecordInfo: kiesim.Fault{Answer: kiesim.AnswerHTML, Times: 3}},
		},
		"a key that is refused for a while": {
			scenario: kiesim.Scenario{
				Callback:   lost,
				RecordInfo: kiesim.Fault{Answer: kiesim.AnswerRefuse, Code: 401, Times: 3},
			},
		},
	}
}

func TestRecordFaults(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	faults := recordFaults()
	for name, c := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := s.on(t)
			in := track(stemflow.SeparateVocal)
			in.CallbackGrace = stemflow.Duration(time.Second)
			if !c.scenario.Callback.Lost {
				in.CallbackGrace = stemflow.Duration(time.Minute)
			}
			s.sim.SetScenario(in.AudioID, c.scenario)
			run := s.start(in)
			if c.fails == "" {
				result := s.result(run)
				s.requireArchived(in, result)
				manifest, _ := s.manifest(in)
				require.WithinDuration(t, result.SettledAt, manifest.Provider.CreatedAt, time.Hour)
				require.WithinDuration(t, result.SettledAt, manifest.Provider.CompletedAt, time.Hour)
				return
			}
			kind, message, details := s.failure(run)
			require.Equal(t, c.fails, kind, message)
			require.Equal(t, s.charges(in)[0].TaskID, details.SeparationTaskID)
			_, ok := s.manifest(in)
			require.False(t, ok)
			want := c.ledger
			if want == "" {
				want = stemflow.SubmissionPaid
			}
			require.Equal(t, want, s.ledger(in).State)
			if failure := c.scenario.Outcome.Failure; failure != nil && failure.Code != 0 {
				require.Equal(t, failure.Code, details.ProviderCode)
				require.Equal(t, failure.Code, s.ledger(in).ProviderCode)
			}
		})
	}
	t.Cleanup(func() {
		require.Equal(t, len(faults), s.requests("generate"))
		require.Len(t, s.sim.Bill().Charges, len(faults))
		require.Len(t, s.sim.Bill().Refunds, 1)
	})
}
