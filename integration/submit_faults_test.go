package integration

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/kiesim"
)

// requests is how often an endpoint of the provider was called, for all tracks of the stack.
func (s *stack) requests(endpoint string) int { return s.sim.Bill().Requests[endpoint] }

func refused(code int) kiesim.Fault { return kiesim.Fault{Answer: kiesim.AnswerRefuse, Code: code} }

func TestBusyProviderIsAskedAgain(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	codes := []int{429, 430, 455}
	for _, code := range codes {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			t.Parallel()
			s := s.on(t)
			in := track(stemflow.SeparateVocal)
			fault := refused(code)
			fault.Times = 1
			s.sim.SetScenario(in.AudioID, kiesim.Scenario{Submit: fault})
			s.requireArchived(in, s.result(s.start(in)))
			require.Equal(t, 1, s.billed(in))
			require.Equal(t, 2, s.ledger(in).Attempt)
		})
	}
	t.Cleanup(func() { require.Equal(t, 2*len(codes), s.requests("generate")) })
}

// A connection that was never made paid nothing, and is tried again until the provider is there.
func TestUnreachableProviderIsAskedAgain(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := listener.Addr().String()
	require.NoError(t, listener.Close())
	s := newStack(t, func(s *stack) { s.cfg.BaseURL = "http://" + addr })
	in := track(stemflow.SeparateVocal)
	run := s.start(in)
	s.await("a submit was refused", func() bool {
		found := len(s.keys(in)) > 0
		return found && s.ledger(in).State == stemflow.SubmissionRefused
	})

	listener, err = net.Listen("tcp", addr)
	require.NoError(t, err)
	late := &httptest.Server{Listener: listener, Config: &http.Server{Handler: s.sim}}
	late.Start()
	t.Cleanup(late.Close)
	s.requireArchived(in, s.result(run))
	require.Equal(t, 1, s.billed(in))
}

func TestFinalRefusalEndsTheRunUnpaid(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	cases := map[string]struct {
		fault kiesim.Fault
		want  string
	}{
		"400": {refused(400), stemflow.ErrorProviderRejected},
		"401": {refused(401), stemflow.ErrorUnauthorized},
		"402": {refused(402), stemflow.ErrorInsufficientCredits},
		"402 as 500": {
			kiesim.Fault{
				Answer:  kiesim.AnswerRefuse,
				Code:    500,
				Message: kiesim.InsufficientCredits,
			}, stemflow.ErrorInsufficientCredits,
		},
		"403": {refused(403), stemflow.ErrorUnauthorized},
		"404": {refused(404), stemflow.ErrorProviderRejected},
		"405": {refused(405), stemflow.ErrorProviderRejected},
		"413": {refused(413), stemflow.ErrorProviderRejected},
		"422": {
			kiesim.Fault{Answer: kiesim.AnswerRefuse, Code: 422, Message: "The type is not supported."},
			stemflow.ErrorProviderRejected,
		},
		"433":     {refused(433), stemflow.ErrorProviderRejected},
		"451":     {refused(451), stemflow.ErrorProviderRejected},
		"505":     {refused(505), stemflow.ErrorProviderRejected},
		"blocked": {kiesim.Fault{Answer: kiesim.AnswerBlocked}, stemflow.ErrorProviderRejected},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := s.on(t)
			in := track(stemflow.SeparateVocal)
			c.fault.Times = 1 // a second call would be accepted, and show in the bill
			s.sim.SetScenario(in.AudioID, kiesim.Scenario{Submit: c.fault})
			kind, message, details := s.failure(s.start(in))
			require.Equal(t, c.want, kind, message)
			require.Empty(t, details.SeparationTaskID)
			require.Zero(t, s.billed(in))
			ledger := s.ledger(in)
			require.Equal(t, stemflow.SubmissionRefused, ledger.State)
			require.Equal(t, details.ProviderCode, ledger.ProviderCode)

			s.requireArchived(in, s.result(s.start(in)))
			require.Equal(t, 1, s.billed(in), "once the reason is gone the track is separated")
		})
	}
	t.Cleanup(func() { require.Equal(t, 2*len(cases), s.requests("generate")) })
}

// unknownOutcomes are the answers to a submit after which nobody knows whether it was accepted. A
// client's time-out, which takes half a minute, is hang.
func unknownOutcomes() map[string]kiesim.Fault {
	return map[string]kiesim.Fault{
		"408": refused(408), "409": refused(409), "500": refused(500), "501": refused(501),
		"HTML":       {Answer: kiesim.AnswerHTML},
		"cut":        {Answer: kiesim.AnswerCut},
		"unreadable": {Answer: kiesim.AnswerUnreadable},
		"cut gzip":   {Answer: kiesim.AnswerCutGzip},
		"no task id": {Answer: kiesim.AnswerNoData},
	}
}

func TestCallbackSettlesASubmitOfUnknownOutcome(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	faults := unknownOutcomes()
	faults["hang"] = kiesim.Fault{Answer: kiesim.AnswerHang}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := s.on(t)
			in := track(stemflow.SeparateVocal)
			fault.Accept = true
			s.sim.SetScenario(in.AudioID, kiesim.Scenario{Submit: fault, Delay: kiesim.Duration(time.Second)})
			run := s.start(in)
			result := s.result(run)
			require.Equal(t, stemflow.SettledByCallback, result.SettledBy)
			s.requireArchived(in, result)
			require.Equal(t, result.SeparationTaskID, s.memo(run))
			require.Equal(t, 1, s.billed(in))
		})
	}
	t.Cleanup(func() { require.Equal(t, len(faults), s.requests("generate")) })
}

func TestUnknownOutcomeIsNeverSubmittedAgain(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	faults := unknownOutcomes()
	for name, fault := range faults {
		for _, accept := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, accepted %t", name, accept), func(t *testing.T) {
				t.Parallel()
				s := s.on(t)
				in := track(stemflow.SeparateVocal)
				fault := fault
				fault.Accept = accept
				in.Deadline = stemflow.Duration(4 * time.Second)
				s.sim.SetScenario(in.AudioID, kiesim.Scenario{Submit: fault, Callback: kiesim.Callback{Lost: true}})
				kind, message, _ := s.failure(s.start(in))
				require.Equal(t, stemflow.ErrorSubmissionUnknown, kind, message)
				require.Equal(t, stemflow.SubmissionIntended, s.ledger(in).State)
			})
		}
	}
	t.Cleanup(func() {
		require.Equal(t, 2*len(faults), s.requests("generate"))
		require.Len(t, s.sim.Bill().Charges, len(faults))
	})
}

// After an unknown outcome the track is refused until a person has decided: by force, or by the id
// from the provider's log.
func TestStartAfterAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	for name, decide := range map[string]struct {
		input  func(*stemflow.SeparateStemsInput, string)
		bills  int
		settle stemflow.SettledBy
	}{
		"force": {func(in *stemflow.SeparateStemsInput, _ string) { in.Force = true }, 2, stemflow.SettledByCallback},
		"separationTaskId": {
			func(in *stemflow.SeparateStemsInput, id string) { in.SeparationTaskID = id }, 1, stemflow.SettledByResume,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := s.on(t)
			in := track(stemflow.SeparateVocal)
			in.Deadline = stemflow.Duration(2 * time.Second)
			s.sim.SetScenario(in.AudioID, kiesim.Scenario{
				Submit:   kiesim.Fault{Answer: kiesim.AnswerCut, Accept: true, Times: 1},
				Callback: kiesim.Callback{Lost: true},
			})
			kind, _, _ := s.failure(s.start(in))
			require.Equal(t, stemflow.ErrorSubmissionUnknown, kind)
			s.sim.SetScenario(in.AudioID, kiesim.Scenario{})

			s.ageIntent(in)
			in.Deadline = 0
			kind, message, _ := s.failure(s.start(in))
			require.Equal(t, stemflow.ErrorSubmissionUnknown, kind, message)
			require.Equal(t, 1, s.billed(in))

			decide.input(&in, s.charges(in)[0].TaskID)
			result := s.result(s.start(in))
			require.Equal(t, decide.settle, result.SettledBy)
			require.Equal(t, decide.bills, s.billed(in))
			s.requireArchived(in, result)
		})
	}
}

// ageIntent makes the intent in the ledger as old as one whose call is long over.
func (s *stack) ageIntent(in stemflow.SeparateStemsInput) {
	s.t.Helper()
	var submission stemflow.Submission
	key := archive.SubmissionKey(s.location(in))
	etag, err := s.store.ReadJSON(s.t.Context(), s.bucket, key, &submission)
	require.NoError(s.t, err)
	require.Equal(s.t, stemflow.SubmissionIntended, submission.State)
	submission.IntendedAt = submission.IntendedAt.Add(-time.Hour)
	_, err = s.store.ReplaceJSON(s.t.Context(), s.bucket, key, etag, submission)
	require.NoError(s.t, err)
}
