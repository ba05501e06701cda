package activities

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/internal/turns"
	"stemflow/kiesim"
)

// stubTurns answer as they are told, in turn, and count the calls that are under way.
type stubTurns struct {
	answers []error
	taken   int
	calling int
	// onTake, where set, is called with each turn.
	onTake func()
}

func (s *stubTurns) Take(_ context.Context, namespace string) (leave func(), err error) {
	if s.onTake != nil {
		s.onTake()
	}
	if namespace != testNamespace {
		return nil, errors.New("another namespace")
	}
	s.taken++
	if len(s.answers) > 0 {
		err, s.answers = s.answers[0], s.answers[1:]
	}
	if err != nil {
		return nil, err
	}
	s.calling++
	return func() { s.calling-- }, nil
}

func (h *harness) turns(answers ...error) *stubTurns {
	s := &stubTurns{answers: answers}
	h.set.SubmitSeparation.Turns, h.set.SubmitMIDI.Turns = s, s
	h.env = newSubmitEnvironment(h)
	return s
}

// requireUntouched demands that a submit has neither paid nor written that it is about to.
func (h *harness) requireUntouched() {
	h.t.Helper()
	require.Zero(h.t, h.billed())
	_, err := h.store.Stat(h.t.Context(), h.loc.Bucket, archive.SubmissionKey(h.loc))
	require.ErrorIs(h.t, err, archive.ErrNotFound)
}

func TestSubmitTakesATurn(t *testing.T) {
	h := newHarness(t)
	s := h.turns()
	_, err := h.submit()
	require.NoError(t, err)
	require.Equal(t, 1, h.billed())
	require.Equal(t, 1, s.taken)
	require.Zero(t, s.calling, "it says when it is over")
}

// A turn that is kept would count as a call for ever: its worker would then hold one submit more
// than it may.
func TestSubmitThatEndsAsItsTurnComesLeavesIt(t *testing.T) {
	h := newHarness(t)
	ctx, cancel := context.WithCancel(t.Context())
	h.env.SetWorkerOptions(worker.Options{BackgroundActivityContext: ctx})
	s := &stubTurns{onTake: cancel}
	h.set.SubmitSeparation.Turns = s
	_, err := h.submit()
	require.Error(t, err)
	require.Equal(t, 1, s.taken)
	require.Zero(t, s.calling)
	h.requireUntouched()
}

func TestSubmitWithoutATurnIsTriedAgainByItsRun(t *testing.T) {
	h := newHarness(t)
	h.turns(turns.ErrNoTurn)
	_, err := h.submit()
	app := requireType(t, err, activityapi.ActivityErrorSubmitNoTurn)
	require.NotContains(t, app.Message(), "nothing was paid", "an execution before it may have paid")
	h.requireUntouched()
}

func TestSubmitSitsOutAStoreThatGivesNoTurnAtFirst(t *testing.T) {
	h := newHarness(t)
	s := h.turns(errors.New("hiccup"))
	_, err := h.submit()
	require.NoError(t, err)
	require.Equal(t, 2, s.taken)
}

func TestSubmitDoesNotPayWhereTheStoreGivesNoTurn(t *testing.T) {
	h := newHarness(t)
	s := h.turns(&archive.Error{Op: "create", Code: "AccessDenied", Final: true, Err: errors.New("no"), Remedy: "allow it"})
	_, err := h.submit()
	app := requireType(t, err, stemflow.ErrorArchiveUnavailable)
	require.True(t, app.NonRetryable())
	require.Contains(t, app.Message(), "allow it")
	require.NotContains(t, app.Message(), "nothing was paid", "an execution before it may have paid")
	require.Equal(t, 1, s.taken)
	h.requireUntouched()
}

func TestConversionToWAVTakesATurn(t *testing.T) {
	h := newHarness(t)
	s := h.turns(turns.ErrNoTurn)
	_, err := call[activityapi.SubmittedSeparation](h, activityapi.WAV.Submit, activityapi.SubmitSeparationInput{
		Location: h.loc, Track: stemflow.Track{TaskID: "t", AudioID: "a", Type: activityapi.WAV.Types[0]}, Attempt: 1,
		Deadline: stemflow.DefaultDeadline, TaskQueue: "separations",
	})
	requireType(t, err, activityapi.ActivityErrorSubmitNoTurn)
	require.Equal(t, 1, s.taken)
}

func TestMIDIWithoutATurnIsTriedAgain(t *testing.T) {
	h, _ := separatedHarness(t, kiesim.MIDI{})
	p, err := h.prepareMIDI("")
	require.NoError(t, err)
	h.turns(turns.ErrNoTurn)
	_, err = h.submitMIDI(p)
	app := requireType(t, err, stemflow.ErrorProviderUnavailable)
	require.False(t, app.NonRetryable())
	require.Equal(t, temporal.ApplicationErrorCategoryBenign, app.Category())
	require.Empty(t, h.sim.Bill().Requests["midi-generate"])
}

// What costs nothing waits for a store that is away, as it does for a provider that is.
func TestMIDISitsOutAStoreThatGivesNoTurn(t *testing.T) {
	h, _ := separatedHarness(t, kiesim.MIDI{})
	p, err := h.prepareMIDI("")
	require.NoError(t, err)
	away := errors.New("away")
	h.turns(away, away, away, away)
	_, err = h.submitMIDI(p)
	require.False(t, requireType(t, err, stemflow.ErrorArchiveUnavailable).NonRetryable())
	require.Empty(t, h.sim.Bill().Requests["midi-generate"])
}
