package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/ledger"
)

// awaitSettlement waits until the provider is done: for the callback, and after the grace for
// polling too, whichever tells first. Nothing is believed but the provider's record; a callback
// only makes the run look at it.
func (s *separation) awaitSettlement(ctx workflow.Context) error {
	w := &wait{
		s:         s,
		callbacks: workflow.GetSignalChannel(ctx, stemflow.SignalSeparationCallback),
		polling:   s.resumed || !s.archive.CallbacksExpected,
	}
	if s.resumed {
		if err := w.onResume(ctx); err != nil {
			return err
		}
	}
	defer w.disarm()
	for !s.settled() {
		if err := w.next(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *separation) settled() bool { return !s.settledAt.IsZero() }

func (s *separation) settle(ctx workflow.Context, by stemflow.SettledBy, record activityapi.SeparationRecord) {
	s.settledBy, s.record, s.settledAt = by, record, workflow.Now(ctx)
	s.progress.SettledBy = by
	s.log(ctx).Info("separation settled", "settledBy", by, "stems", len(record.Stems))
	s.label(ctx, stemflow.SearchAttributeSettledBy, string(by))
}

// aboutOwn asks for the record of the run's separation, and for the proof that it is its own where
// there is none yet.
func (s *separation) aboutOwn() activityapi.GetSeparationRecordInput {
	in := activityapi.GetSeparationRecordInput{
		SeparationTaskID: s.separationTaskID, RequireOwn: s.ownership == unverified, Owner: s.owner,
	}
	if s.ownership == fromInput {
		track := s.in.Track()
		in.Track = &track
	}
	return in
}

// confirm reads the provider's record at once, and for some seconds more where it does not tell
// yet.
func (s *separation) confirm(ctx workflow.Context, in activityapi.GetSeparationRecordInput) observation {
	var record activityapi.SeparationRecord
	err := localFirst(confirmOptions(ctx), activityapi.ActivityGetSeparationRecord, in, &record)
	return observe(in.SeparationTaskID, record, err)
}

// outlived reports whether the separation was paid for longer ago than the provider keeps results.
func (s *separation) outlived(ctx workflow.Context) bool {
	return !s.submittedAt.IsZero() && workflow.Now(ctx).Sub(s.submittedAt) > providerKeeps
}

// absentLooks is at which poll in a row without a record a separation that was paid for before this
// run is believed to be gone; 0 is never.
func (s *separation) absentLooks(ctx workflow.Context) int {
	if !s.resumed || s.ownership != verified || workflow.Now(ctx).Sub(s.submittedAt) < recordFollows {
		return 0
	}
	interval := time.Duration(s.in.PollInterval)
	return 1 + int((absentFor+interval-1)/interval)
}

// goneFailure is the ending for a separation that the ledger proves and that the provider does not
// know. Another key's account knows it no more than a provider that has deleted it, so that is
// named before a second payment is.
func (s *separation) goneFailure(ctx workflow.Context) error {
	paid := "that was paid for before"
	if !s.submittedAt.IsZero() {
		paid = "that was paid for on " + s.submittedAt.UTC().Format(time.DateOnly)
	}
	if s.outlived(ctx) {
		return endWith(
			stemflow.ErrorSourceExpired,
			fmt.Sprintf("the provider keeps separations for 14 days and no longer "+
				"knows %s, %s; if KIE_API_KEY is of the account that paid for it, only a start with force, which "+
				"pays, "+
				"makes new stems", s.separationTaskID, paid),
		)
	}
	return endWith(stemflow.ErrorSourceExpired, fmt.Sprintf("the provider has had no record of %s, %s, for %v; "+
		"start the track again later, which pays nothing, and check that KIE_API_KEY is of the account that paid "+
		"for it; "+
		"only if it stays so for hours, a start with force, which pays, makes new stems",
		s.separationTaskID, paid, stemflow.Duration(absentFor)))
}

// timedOut is the ending at the deadline.
func (s *separation) timedOut(last error) error {
	if s.ownership < fromInput {
		message := fmt.Sprintf(
			"the outcome of the submit is unknown and no callback told it within %v. It may have been accepted and "+
				"paid: %s",
			s.in.Deadline,
			ledger.WhenUnknown,
		)
		return endWith(stemflow.ErrorSubmissionUnknown, message)
	}
	message := fmt.Sprintf("the provider was not done with %s within %v; start the track again to resume it, unpaid",
		s.separationTaskID, s.in.Deadline)
	if last != nil {
		if _, app := applicationError(last); app != nil {
			message += " (" + app.Message() + ")"
		}
	}
	return endWith(stemflow.ErrorSeparationTimedOut, message)
}

// wait is the state of the waiting itself: what is armed beside the signal channel.
type wait struct {
	s         *separation
	callbacks workflow.ReceiveChannel
	// polling is set once the callback alone is not waited for any more.
	polling bool

	timer     workflow.Future
	stopTimer workflow.CancelFunc
	poll      workflow.Future
	stopPoll  workflow.CancelFunc
}

// next handles one event.
func (w *wait) next(ctx workflow.Context) error {
	w.arm(ctx)
	var handle func() error
	selector := workflow.NewSelector(ctx)
	selector.AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) {
		handle = ctx.Err
	})
	selector.AddReceive(w.callbacks, func(c workflow.ReceiveChannel, _ bool) {
		handle = func() error { return nil }
		// Not Receive: it would drop a signal that does not decode, wait for another one, and hear
		// nothing else meanwhile.
		var callback stemflow.Callback
		if c.ReceiveAsync(&callback) {
			handle = func() error { return w.onCallback(ctx, callback) }
		}
	})
	selector.AddReceive(w.s.asked, func(c workflow.ReceiveChannel, _ bool) {
		var seen observation
		c.Receive(ctx, &seen)
		handle = func() error { return w.onPollNow(ctx, seen) }
	})
	if w.timer != nil {
		selector.AddFuture(w.timer, func(f workflow.Future) {
			handle = func() error { return w.onTimer(ctx, f) }
		})
	}
	if w.poll != nil {
		selector.AddFuture(w.poll, func(f workflow.Future) {
			handle = func() error { return w.onPoll(ctx, f) }
		})
	}
	selector.Select(ctx)
	return handle()
}

// arm starts what must be under way beside the signal: the grace of the callback, then the poll;
// or, while there is no id to poll for, the deadline.
func (w *wait) arm(ctx workflow.Context) {
	s := w.s
	remaining := s.deadline.Sub(workflow.Now(ctx))
	switch {
	case s.separationTaskID == "":
		if w.timer == nil {
			s.enter(ctx, stemflow.PhaseWaiting)
			w.startTimer(
				ctx,
				remaining,
				"waiting for the callback to tell what became of the submit, until "+clock(s.deadline),
			)
		}
	case !w.polling:
		if w.timer == nil {
			grace := min(time.Duration(s.in.CallbackGrace), remaining)
			s.progress.PollingFrom = workflow.Now(ctx).Add(grace)
			s.enter(ctx, stemflow.PhaseWaiting)
			w.startTimer(ctx, grace, "waiting for the callback, polling from "+clock(s.progress.PollingFrom))
		}
	case w.poll == nil:
		w.disarm()
		s.enter(ctx, stemflow.PhasePolling)
		pollCtx, stop := workflow.WithCancel(ctx)
		w.stopPoll = stop
		look := s.aboutOwn()
		look.EmptyLooks, look.AbsentLooks = emptyLooks, s.absentLooks(ctx)
		w.poll = workflow.ExecuteActivity(
			pollOptions(pollCtx, s.in.PollInterval, max(remaining, time.Second)),
			activityapi.ActivityGetSeparationRecord,
			look,
		)
	}
}

func (w *wait) startTimer(ctx workflow.Context, d time.Duration, summary string) {
	timerCtx, stop := workflow.WithCancel(ctx)
	w.stopTimer = stop
	w.timer = workflow.NewTimerWithOptions(timerCtx, d, workflow.TimerOptions{Summary: summary})
}

// disarm ends whatever is under way: a timer or a poll that is left behind would stay until the run
// closes.
func (w *wait) disarm() {
	if w.timer != nil {
		w.stopTimer()
		w.timer = nil
	}
	if w.poll != nil {
		w.stopPoll()
		w.poll = nil
	}
}

// onTimer: the grace is over, and polling takes over; or the deadline has come with nothing known.
func (w *wait) onTimer(ctx workflow.Context, timer workflow.Future) error {
	if err := timer.Get(ctx, nil); err != nil {
		return err
	}
	w.timer = nil
	if w.s.separationTaskID == "" && !w.s.resumeFromLedger(ctx) {
		return w.s.timedOut(nil)
	}
	w.polling = true
	return nil
}

// resumeFromLedger looks at the ledger once more before a run gives up that does not know what
// became of its submit. By now it may name a separation that is paid for: its own, which a slow
// execution has put there, or another run's. A forced run takes up its own alone: it was to pass
// over the others'.
func (s *separation) resumeFromLedger(ctx workflow.Context) bool {
	if workflow.GetVersion(ctx, "ledger-before-giving-up", workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return false
	}
	var found activityapi.PreparedArchive
	err := localFirst(prepareOptions(ctx), activityapi.ActivityPrepareArchive, s.prepareInput(), &found)
	paid := found.Submission
	if err != nil || paid == nil || paid.State != stemflow.SubmissionPaid || paid.SeparationTaskID == "" {
		return false // who starts the track again finds it
	}
	if s.in.Force && paid.Owner != s.owner {
		return false
	}
	s.resumePaid(ctx, paid.SeparationTaskID, paid.SubmittedAt)
	return true
}

// act does what an observation says, whoever made it: the separation is settled, or turns out to be
// another run's, or the run ends. What is open, or was lost, ends it as the deadline does: whoever
// has time left does not come here with that.
func (w *wait) act(ctx workflow.Context, seen observation, by stemflow.SettledBy) error {
	s := w.s
	kind, app := applicationError(seen.err)
	switch seen.finding {
	case foundDone:
		s.recordVerified(ctx, seen.record)
		s.settle(ctx, by, seen.record)
		return nil
	case foundNotOwn:
		w.dropSeparationTask(ctx)
		return nil
	case foundGone:
		return s.goneFailure(ctx)
	case foundEmpty:
		s.recordVerified(ctx, activityapi.SeparationRecord{})
		return activityFailure(seen.err, kind)
	case foundFailed:
		s.recordFailed(ctx, app)
		return activityFailure(seen.err, kind)
	case foundCanceled, foundRefused:
		return activityFailure(seen.err, kind)
	default:
		return s.timedOut(seen.err)
	}
}

// onResume looks at the record of a separation that was paid for before this run: it may be done
// already.
func (w *wait) onResume(ctx workflow.Context) error {
	s := w.s
	byInput := s.ownership == fromInput
	look := s.aboutOwn()
	look.ReportPending = true
	seen := s.confirm(ctx, look)
	switch {
	case seen.finding == foundNoRecord && byInput:
		return endWith(stemflow.ErrorInvalidInput, fmt.Sprintf("separationTaskId: the provider has no record of %s; "+
			"look the id up in the provider's log, or leave it out to start a new, paid separation",
			s.separationTaskID))
	case seen.finding == foundNoRecord && s.outlived(ctx) &&
		workflow.GetVersion(ctx, "gone-separation", workflow.DefaultVersion, 1) >= 1:
		return s.goneFailure(ctx)
	case seen.open():
		return nil // polling goes on
	default:
		return w.act(ctx, seen, stemflow.SettledByResume)
	}
}

// onPoll: polling has found the end, or the deadline has. At the deadline the engine reports either
// a time-out or the last "still pending": both mean the same.
func (w *wait) onPoll(ctx workflow.Context, poll workflow.Future) error {
	w.poll = nil
	var record activityapi.SeparationRecord
	err := poll.Get(ctx, &record)
	return w.act(ctx, observe(w.s.separationTaskID, record, err), stemflow.SettledByPoll)
}

// onCallback handles a callback. It may be early, late, a duplicate, for another task, or forged:
// the record decides.
func (w *wait) onCallback(ctx workflow.Context, callback stemflow.Callback) error {
	s := w.s
	log := s.log(ctx)
	if s.ownership >= fromInput && callback.TaskID != s.separationTaskID {
		s.hearForeign(ctx, callback.TaskID)
		return nil
	}
	w.disarm()
	if s.ownership < fromInput {
		return w.adoptSeparationTask(ctx, callback)
	}

	w.polling = true // whatever it said, there is no other callback to wait for
	succeeded := callback.Code == stemflow.CodeOK
	look := s.aboutOwn()
	look.ReportPending = !succeeded // after a success the record is given some seconds to follow
	seen := s.confirm(ctx, look)
	switch seen.finding {
	case foundDone, foundFailed, foundCanceled:
		return w.act(ctx, seen, stemflow.SettledByCallback)
	case foundPending:
		if seen.err == nil {
			log.Warn("the callback reports a failure that the record does not confirm: polling goes on",
				"code", callback.Code, "message", callback.Message)
			return nil
		}
		// A body is easily forged by whoever has the callback's address: what the record denies is
		// not fetched.
		log.Warn("the record does not confirm the callback: polling goes on", "error", seen.err)
		return nil
	}
	switch {
	case s.ownership == verified && succeeded && len(callback.Stems) > 0:
		log.Warn("the record cannot give the links: they are taken from the callback", "error", seen.err)
		s.settle(ctx, stemflow.SettledByCallback,
			activityapi.SeparationRecord{Stems: callback.Stems, OriginURL: callback.OriginURL})
	case seen.finding == foundEmpty, seen.finding == foundGone, seen.finding == foundRefused:
		return w.act(ctx, seen, stemflow.SettledByCallback)
	default:
		log.Warn("the callback could not be confirmed yet: polling goes on", "error", seen.err)
	}
	return nil
}

// adoptSeparationTask takes the task id of an unknown submit from a callback: its URL named this
// run. The record must prove it.
func (w *wait) adoptSeparationTask(ctx workflow.Context, callback stemflow.Callback) error {
	s := w.s
	s.separationTaskID, s.ownership = callback.TaskID, unverified
	look := s.aboutOwn()
	look.ReportPending = true
	seen := s.confirm(ctx, look)
	w.polling = true
	switch {
	case seen.ended(), seen.finding == foundNotOwn, seen.finding == foundCanceled:
		return w.act(ctx, seen, stemflow.SettledByCallback)
	case seen.finding == foundPending:
		s.recordVerified(ctx, seen.record)
	}
	return nil // polling tells the rest
}

// dropSeparationTask drops a task id that proved to be another run's.
func (w *wait) dropSeparationTask(ctx workflow.Context) {
	named := w.s.separationTaskID
	w.s.separationTaskID, w.s.ownership = "", unknown
	w.s.hearForeign(ctx, named)
	w.polling = !w.s.archive.CallbacksExpected
}

// recordFailed puts a failure on the ledger: the track may be paid for anew.
func (s *separation) recordFailed(ctx workflow.Context, failure *temporal.ApplicationError) {
	s.markVerified(ctx)
	var details stemflow.ErrorDetails
	var record activityapi.SeparationRecord
	_ = failure.Details(&details)          // the activity always sends them
	_ = failure.Details(&details, &record) // one of an earlier release does not send this
	s.payer = record.Owner
	s.recordSubmission(ctx, stemflow.Submission{
		State: stemflow.SubmissionFailed, ProviderCode: details.ProviderCode, ProviderMessage: details.ProviderMessage,
	})
}

// recordVerified makes a task that a callback or the input named, and the record proved, this run's
// own, and puts it on the ledger. The record also says since when it exists.
func (s *separation) recordVerified(ctx workflow.Context, record activityapi.SeparationRecord) {
	if s.ownership == verified {
		return
	}
	s.markVerified(ctx)
	s.payer = record.Owner
	if s.submittedAt.IsZero() {
		s.submittedAt = record.CreatedAt
	}
	s.recordSubmission(ctx, stemflow.Submission{State: stemflow.SubmissionPaid})
}

func (s *separation) markVerified(ctx workflow.Context) {
	if s.ownership == unverified {
		s.setSeparationTask(ctx, s.separationTaskID)
		s.behind = true
	}
	s.ownership = verified
}

func clock(t time.Time) string { return t.UTC().Format("15:04 MST") }
