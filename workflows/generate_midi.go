package workflows

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/activityapi"
)

// GenerateMIDI transcribes an archived separation, or one stem of it, to notes, and archives them
// beside the stems. It costs nothing. A transcription that the archive names is taken up.
//
// It ends with a *temporal.ApplicationError of one of the contract's error types, whose first
// detail is a [stemflow.MIDIErrorDetails]; or cancelled, with the same detail.
func GenerateMIDI(
	ctx workflow.Context, in stemflow.GenerateMIDIInput,
) (*stemflow.GenerateMIDIResult, error) {
	t := &transcription{in: in.WithDefaults(), owner: owner(ctx)}
	t.progress.Stem = in.Stem
	err := workflow.SetQueryHandlerWithOptions(ctx, stemflow.QueryProgress,
		func() (stemflow.MIDIProgress, error) { return t.progress, nil },
		workflow.QueryHandlerOptions{Description: "Where the MIDI stands, and how it ended."})
	if err != nil {
		return nil, err
	}
	result, err := t.run(ctx)
	t.readCallbacks(ctx)
	if err != nil {
		err = t.failure(err)
		t.progress.Failure = runFailure(err, "the MIDI was cancelled", midiCancelledRemedy)
		phase := stemflow.PhaseFailed
		if temporal.IsCanceledError(err) {
			phase = stemflow.PhaseCancelled
		}
		t.enter(ctx, phase)
		return nil, err
	}
	t.enter(ctx, stemflow.PhaseDone)
	return result, nil
}

const midiCancelledRemedy = "start it again to go on: the transcription is taken up"

// transcription is one run: what it was asked, and what it has learned so far.
type transcription struct {
	in    stemflow.GenerateMIDIInput
	owner string

	archive activityapi.PreparedMIDI
	// midiTaskID is the provider's id, once known.
	midiTaskID  string
	requestedAt time.Time
	deadline    time.Time
	// resumed says that an earlier run has asked for it: its callback may have come already.
	resumed   bool
	settledBy stemflow.SettledBy
	progress  stemflow.MIDIProgress
	// callbacks are how many callbacks made the run look at the record.
	callbacks int
}

func (t *transcription) run(ctx workflow.Context) (*stemflow.GenerateMIDIResult, error) {
	if err := t.in.Validate(); err != nil {
		return nil, endWith(stemflow.ErrorInvalidInput, "the input is wrong: "+err.Error())
	}
	t.enter(ctx, stemflow.PhasePreparing)
	err := localFirst(prepareMIDIOptions(ctx), activityapi.ActivityPrepareMIDI, activityapi.PrepareMIDIInput{
		Track: t.in.Track(), Bucket: t.in.Bucket, Prefix: t.in.Prefix,
		SeparationTaskID: t.in.SeparationTaskID, Stem: t.in.Stem,
	}, &t.archive)
	if err != nil {
		return nil, activityFailure(err, stemflow.ErrorArchiveUnavailable)
	}
	known := t.archive.Known
	if known != nil && t.archive.Whole && !t.in.Force {
		return t.result(stemflow.SettledByArchive, *known), nil
	}
	if known != nil && known.MIDITaskID != "" && !t.in.Force {
		if err := t.resume(ctx, *known); err != nil {
			return nil, err
		}
	}
	if t.midiTaskID == "" {
		if err := t.submit(ctx); err != nil {
			return nil, err
		}
	}
	if t.settledBy == "" {
		if err := t.awaitNotes(ctx); err != nil {
			return nil, err
		}
	}
	return t.archiveNotes(ctx)
}

func (t *transcription) result(by stemflow.SettledBy, midi stemflow.MIDI) *stemflow.GenerateMIDIResult {
	return &stemflow.GenerateMIDIResult{
		SeparationTaskID: t.archive.SeparationTaskID, SettledBy: by, MIDI: midi, Manifest: t.archive.Manifest,
	}
}

// resume takes up a transcription that the archive names, if the provider knows it and has not
// failed it. Otherwise another one costs nothing.
func (t *transcription) resume(ctx workflow.Context, known stemflow.MIDI) error {
	t.know(ctx, known.MIDITaskID, known.RequestedAt)
	t.resumed = true
	pending, err := t.look(ctx, true)
	switch {
	case temporal.IsCanceledError(err):
		return err
	case err == nil && !pending:
		t.settledBy = stemflow.SettledByResume
	case err != nil:
		t.logger(ctx).Info("the transcription that the archive names cannot be taken up: another one is asked for",
			"error", err)
		t.midiTaskID, t.progress.MIDITaskID, t.resumed = "", "", false
	}
	return nil
}

func (t *transcription) submit(ctx workflow.Context) error {
	t.enter(ctx, stemflow.PhaseSubmitting)
	in := activityapi.SubmitMIDIInput{
		Location: t.archive.Location, SeparationTaskID: t.archive.SeparationTaskID,
		Stem: t.archive.Stem, SourceID: t.archive.SourceID, Owner: t.owner, Deadline: t.in.Deadline,
	}
	if t.archive.Known != nil {
		in.Except = t.archive.Known.MIDITaskID
	}
	var submitted activityapi.SubmittedMIDI
	err := workflow.ExecuteActivity(submitMIDIOptions(ctx, t.archive.SubmitTaskQueue, t.in.Deadline),
		activityapi.ActivitySubmitMIDI, in).Get(ctx, &submitted)
	if err != nil {
		return activityFailure(err, stemflow.ErrorProviderUnavailable)
	}
	t.know(ctx, submitted.MIDITaskID, submitted.RequestedAt)
	return nil
}

// know makes the transcription visible on the execution, and starts its deadline.
func (t *transcription) know(ctx workflow.Context, midiTaskID string, requestedAt time.Time) {
	t.midiTaskID, t.requestedAt = midiTaskID, requestedAt
	t.deadline = workflow.Now(ctx).Add(time.Duration(t.in.Deadline))
	t.progress.MIDITaskID, t.progress.Deadline = midiTaskID, t.deadline
	if err := workflow.UpsertMemo(ctx, map[string]any{stemflow.MemoMIDITaskID: midiTaskID}); err != nil {
		t.logger(ctx).Error("the memo could not be written", "error", err)
	}
}

// look asks for the record at once, and for some seconds more where it does not tell yet.
func (t *transcription) look(ctx workflow.Context, reportPending bool) (pending bool, err error) {
	var record activityapi.MIDIRecord
	err = localFirst(confirmOptions(ctx), activityapi.ActivityGetMIDIRecord,
		activityapi.GetMIDIRecordInput{MIDITaskID: t.midiTaskID, ReportPending: reportPending}, &record)
	return record.Pending, err
}

// awaitNotes waits until the provider is done: for the callback, and after the grace for polling
// too. Only the record is believed.
func (t *transcription) awaitNotes(ctx workflow.Context) error {
	callbacks := workflow.GetSignalChannel(ctx, stemflow.SignalSeparationCallback)
	if t.archive.CallbacksExpected && !t.resumed {
		called, err := t.awaitCallback(ctx, callbacks)
		if err != nil {
			return err
		}
		if called {
			if settled, err := t.confirm(ctx); settled || err != nil {
				return err
			}
		}
	}
	return t.poll(ctx, callbacks)
}

// awaitCallback reports whether the callback has come within the grace.
func (t *transcription) awaitCallback(
	ctx workflow.Context, callbacks workflow.ReceiveChannel,
) (called bool, err error) {
	grace := min(time.Duration(t.in.CallbackGrace), t.deadline.Sub(workflow.Now(ctx)))
	t.progress.PollingFrom = workflow.Now(ctx).Add(grace)
	t.enter(ctx, stemflow.PhaseWaiting)
	timerCtx, stop := workflow.WithCancel(ctx)
	defer stop()
	timer := workflow.NewTimerWithOptions(timerCtx, grace, workflow.TimerOptions{
		Summary: "waiting for the callback, polling from " + clock(t.progress.PollingFrom),
	})
	return t.listen(ctx, callbacks, timer)
}

// listen waits for something, and reports whether a callback has come before it.
func (t *transcription) listen(
	ctx workflow.Context, callbacks workflow.ReceiveChannel, until workflow.Future,
) (called bool, err error) {
	due := false
	for !called && !due && ctx.Err() == nil {
		workflow.NewSelector(ctx).
			AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) {}).
			AddReceive(callbacks, func(c workflow.ReceiveChannel, _ bool) { called = t.hears(c) }).
			AddFuture(until, func(workflow.Future) { due = true }).
			Select(ctx)
	}
	return called, ctx.Err()
}

// hears reads a callback, and reports whether it is about the transcription and worth a look at the
// record.
func (t *transcription) hears(c workflow.ReceiveChannel) bool {
	var callback stemflow.Callback
	if !c.ReceiveAsync(&callback) || callback.TaskID != t.midiTaskID || t.callbacks == callbackLooks {
		return false
	}
	t.callbacks++
	return true
}

// confirm looks at the record after a callback, and reports whether it says that all is done.
func (t *transcription) confirm(ctx workflow.Context) (settled bool, err error) {
	_, err = t.look(ctx, false)
	if err == nil {
		t.settledBy = stemflow.SettledByCallback
		return true, nil
	}
	if kind, _ := applicationError(err); temporal.IsCanceledError(err) || isErrorType(kind) {
		return false, activityFailure(err, stemflow.ErrorProviderUnavailable)
	}
	t.logger(ctx).Warn("the record does not confirm the callback: polling goes on", "error", err)
	return false, nil
}

// poll asks for the record until the deadline, and at once when a callback comes.
func (t *transcription) poll(ctx workflow.Context, callbacks workflow.ReceiveChannel) error {
	t.enter(ctx, stemflow.PhasePolling)
	for {
		pollCtx, stop := workflow.WithCancel(ctx)
		remaining := max(t.deadline.Sub(workflow.Now(ctx)), time.Second)
		poll := workflow.ExecuteActivity(pollOptions(pollCtx, t.in.PollInterval, remaining),
			activityapi.ActivityGetMIDIRecord, activityapi.GetMIDIRecordInput{MIDITaskID: t.midiTaskID})
		called, err := t.listen(ctx, callbacks, poll)
		stop()
		if err != nil {
			return err
		}
		if called {
			if settled, err := t.confirm(ctx); settled || err != nil {
				return err
			}
			continue
		}
		err = poll.Get(ctx, nil)
		if err == nil {
			t.settledBy = stemflow.SettledByPoll
			return nil
		}
		if kind, _ := applicationError(err); temporal.IsCanceledError(err) || isErrorType(kind) {
			return activityFailure(err, stemflow.ErrorProviderUnavailable)
		}
		return t.lastLook(ctx, callbacks, err)
	}
}

// lastLook listens until the deadline and asks once more: polling ends before a poll that would
// come after it.
func (t *transcription) lastLook(ctx workflow.Context, callbacks workflow.ReceiveChannel, last error) error {
	if remaining := t.deadline.Sub(workflow.Now(ctx)); remaining > 0 {
		if settled, err := t.listenFor(ctx, callbacks, remaining); settled || err != nil {
			return err
		}
	}
	pending, err := t.look(ctx, true)
	kind, _ := applicationError(err)
	switch {
	case err == nil && !pending:
		t.settledBy = stemflow.SettledByPoll
		return nil
	case temporal.IsCanceledError(err), isErrorType(kind):
		return activityFailure(err, stemflow.ErrorProviderUnavailable)
	}
	message := fmt.Sprintf("the provider was not done with the MIDI %s within %v; start it again to take it up",
		t.midiTaskID, t.in.Deadline)
	if _, app := applicationError(last); app != nil {
		message += " (" + app.Message() + ")"
	}
	return endWith(stemflow.ErrorMIDITimedOut, message)
}

// listenFor waits for so long, and reports whether a callback has settled the transcription
// meanwhile. Runs from before this rule heard none.
func (t *transcription) listenFor(
	ctx workflow.Context, callbacks workflow.ReceiveChannel, d time.Duration,
) (settled bool, err error) {
	timerCtx, stop := workflow.WithCancel(ctx)
	defer stop()
	timer := workflow.NewTimer(timerCtx, d)
	for {
		called, err := t.listen(ctx, callbacks, timer)
		if !called || err != nil {
			return false, err
		}
		if workflow.GetVersion(ctx, "midi-listens", workflow.DefaultVersion, 1) == workflow.DefaultVersion {
			continue
		}
		if settled, err := t.confirm(ctx); settled || err != nil {
			return settled, err
		}
	}
}

func (t *transcription) archiveNotes(ctx workflow.Context) (*stemflow.GenerateMIDIResult, error) {
	t.enter(ctx, stemflow.PhaseArchiving)
	var midi stemflow.MIDI
	err := workflow.ExecuteActivity(archiveMIDIOptions(ctx), activityapi.ActivityArchiveMIDI,
		activityapi.ArchiveMIDIInput{
			Location: t.archive.Location, SeparationTaskID: t.archive.SeparationTaskID, Stem: t.archive.Stem,
			MIDITaskID: t.midiTaskID, RequestedAt: t.requestedAt,
		}).Get(ctx, &midi)
	if err != nil {
		return nil, activityFailure(err, stemflow.ErrorArchiveUnavailable)
	}
	return t.result(t.settledBy, midi), nil
}

// readCallbacks reads what has come and nobody read: it would keep the run from ending.
func (t *transcription) readCallbacks(ctx workflow.Context) {
	callbacks := workflow.GetSignalChannel(ctx, stemflow.SignalSeparationCallback)
	for callbacks.Len() > 0 {
		callbacks.ReceiveAsync(&stemflow.Callback{})
	}
}

// failure is what the run returns that has no result.
func (t *transcription) failure(err error) error {
	details := stemflow.MIDIErrorDetails{MIDITaskID: t.midiTaskID}
	if temporal.IsCanceledError(err) {
		return temporal.NewCanceledError(details)
	}
	e, ok := errors.AsType[*ending](err)
	if !ok {
		return err
	}
	details.ProviderCode, details.ProviderMessage = e.details.ProviderCode, e.details.ProviderMessage
	return e.application(details)
}

func (t *transcription) logger(ctx workflow.Context) log.Logger {
	logger := workflow.GetLogger(ctx)
	if t.midiTaskID != "" {
		logger = log.With(logger, "midiTaskId", t.midiTaskID)
	}
	return logger
}

// enter moves to a phase and shows it on the execution's page.
func (t *transcription) enter(ctx workflow.Context, phase stemflow.Phase) {
	t.progress.Phase = phase
	var b details
	b.addf("**%s**\n\nMIDI of %s", phase, plainText(t.in.AudioID))
	if t.in.Stem != "" {
		b.addf(", %s", plainText(t.in.Stem))
	}
	writeFailure(&b, t.progress.Failure)
	if t.midiTaskID != "" {
		b.addf("\n\nMIDI task `%s`", t.midiTaskID)
	}
	workflow.SetCurrentDetails(ctx, b.String())
}

// makeMIDI has the MIDI of what is archived made, and puts it into the result. The separation is
// done: whatever becomes of the MIDI, and of the run from here on, is no failure of it.
func (s *separation) makeMIDI(ctx workflow.Context, result *stemflow.SeparateStemsResult) {
	s.enter(ctx, stemflow.PhaseMIDI)
	made, err := s.childMIDI(ctx, s.in.MIDIInput(result.SeparationTaskID))
	if err != nil {
		s.log(ctx).Warn("the separation is archived and has no MIDI", "error", err)
		made.Failure = runFailure(err, "the run was cancelled while the MIDI was made", midiCancelledRemedy)
	}
	result.MIDI = append(slices.DeleteFunc(slices.Clone(result.MIDI), func(m stemflow.MIDI) bool {
		return m.Stem == ""
	}), made)
	s.enter(ctx, stemflow.PhaseDone)
}

// childMIDI runs the child. Where somebody else has begun the same, its end is awaited: the next
// child finds what it has archived.
func (s *separation) childMIDI(ctx workflow.Context, in stemflow.GenerateMIDIInput) (stemflow.MIDI, error) {
	until := workflow.Now(ctx).Add(time.Duration(s.in.Deadline))
	for {
		var made stemflow.GenerateMIDIResult
		err := workflow.ExecuteChildWorkflow(midiOptions(ctx, in), stemflow.WorkflowGenerateMIDI, in).Get(ctx, &made)
		if !temporal.IsWorkflowExecutionAlreadyStartedError(err) || workflow.Now(ctx).After(until) {
			return made.MIDI, err
		}
		if err := workflow.Sleep(ctx, midiJoinPause); err != nil {
			return stemflow.MIDI{}, err
		}
	}
}
