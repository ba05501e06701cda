package integration

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/kiesim"
)

// recordFault is a record that misleads, and what the run makes of it. A run without an error type succeeds.
type recordFault struct {
	knobs kiesim.Knobs
	fails string
	// ledger is what it says afterwards; empty is paid.
	ledger stemflow.SubmissionState
}

func recordFaults() map[string]recordFault {
	lost := kiesim.Callback{Lost: true}
	failing := func(code int) kiesim.Knobs {
		return kiesim.Knobs{Callback: lost, Outcome: kiesim.Outcome{Failure: &kiesim.Failure{Code: code}}}
	}
	return map[string]recordFault{
		"null for some looks": {knobs: kiesim.Knobs{Callback: lost, Record: kiesim.Record{NullLooks: 3}}},
		"null for some time":  {knobs: kiesim.Knobs{Callback: lost, Record: kiesim.Record{NullFor: kiesim.Duration(4 * time.Second)}}},
		"unknown flag":        {knobs: kiesim.Knobs{Callback: lost, Record: kiesim.Record{UnknownFlagLooks: 3}}},
		"times as numeric strings": {
			knobs: kiesim.Knobs{Callback: lost, Record: kiesim.Record{Times: kiesim.TimesNumericString}},
		},
		"times as dates": {knobs: kiesim.Knobs{Callback: lost, Record: kiesim.Record{Times: kiesim.TimesDateTime}}},
		"CALLBACK_EXCEPTION with links": {
			knobs: kiesim.Knobs{Callback: kiesim.Callback{Lost: true, Exception: kiesim.ExceptionWithLinks}},
		},
		"CALLBACK_EXCEPTION without links": {
			knobs: kiesim.Knobs{Callback: kiesim.Callback{Lost: true, Exception: kiesim.ExceptionWithoutLinks}},
			fails: stemflow.ErrorSeparationFailed, ledger: stemflow.SubmissionFailed,
		},
		"SUCCESS with null": {
			knobs: kiesim.Knobs{Callback: lost, Outcome: kiesim.Outcome{Links: kiesim.LinksNull}}, fails: stemflow.ErrorNoStems,
		},
		"SUCCESS with empty links": {
			knobs: kiesim.Knobs{Callback: lost, Outcome: kiesim.Outcome{Links: kiesim.LinksEmpty}}, fails: stemflow.ErrorNoStems,
		},
		"SUCCESS with no links, called back": {
			knobs: kiesim.Knobs{Outcome: kiesim.Outcome{Links: kiesim.LinksEmpty}}, fails: stemflow.ErrorNoStems,
		},
		"links that follow late": {
			knobs: kiesim.Knobs{Callback: lost, Outcome: kiesim.Outcome{Links: kiesim.LinksNull, LinksAfter: 3}},
		},
		"links that follow the callback late": {
			knobs: kiesim.Knobs{Outcome: kiesim.Outcome{Links: kiesim.LinksEmpty, LinksAfter: 2}},
		},
		"failed with 400": {knobs: failing(400), fails: stemflow.ErrorSeparationFailed, ledger: stemflow.SubmissionFailed},
		"failed with 500": {knobs: failing(500), fails: stemflow.ErrorSeparationFailed, ledger: stemflow.SubmissionFailed},
		"failed with 531": {knobs: failing(531), fails: stemflow.ErrorSeparationFailed, ledger: stemflow.SubmissionFailed},
		"failed under a kindred flag": {
			knobs: kiesim.Knobs{Callback: lost, Outcome: kiesim.Outcome{Failure: &kiesim.Failure{Flag: "CREATE_TASK_FAILED"}}},
			fails: stemflow.ErrorSeparationFailed, ledger: stemflow.SubmissionFailed,
		},
		"answers that cannot be read": {
			knobs: kiesim.Knobs{Callback: lost, RecordInfo: kiesim.Fault{Answer: kiesim.AnswerHTML, Times: 3}},
		},
		"a key that is refused for a while": {
			knobs: kiesim.Knobs{Callback: lost, RecordInfo: kiesim.Fault{Answer: kiesim.AnswerRefuse, Code: 401, Times: 3}},
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
			if !c.knobs.Callback.Lost {
				in.CallbackGrace = stemflow.Duration(time.Minute)
			}
			s.sim.SetKnobs(in.AudioID, c.knobs)
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
			_, found := s.manifest(in)
			require.False(t, found)
			want := c.ledger
			if want == "" {
				want = stemflow.SubmissionPaid
			}
			require.Equal(t, want, s.ledger(in).State)
			if failure := c.knobs.Outcome.Failure; failure != nil && failure.Code != 0 {
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
