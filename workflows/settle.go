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

// awaitSettlement waits until the provider is done: for the callback, and after the grace for polling too, whichever tells
// first. Nothing is believed but the provider's record; a callback only makes the run look at it.
func (s *separation) awaitSettlement(ctx workflow.Context) error {
	if s.resumed {
		if err := s.takeUp(ctx); err != nil || s.settled() {
			return err
		}
	}
	w := &wait{
		s:         s,
		callbacks: workflow.GetSignalChannel(ctx, stemflow.SignalSeparationCallback),
		polling:   s.resumed || !s.archive.CallbacksExpected,
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

// takeUp looks at the record of a separation that was paid before this run: it may be done already.
func (s *separation) takeUp(ctx workflow.Context) error {
	byInput := s.ownership == given
	look := s.aboutOwn()
	look.ReportPending = true
	record, err := s.confirm(ctx, look)
	kind, _ := applicationError(err)
	switch {
	case err == nil && record.Pending:
		return nil
	case err == nil:
		s.claim(ctx, record)
		s.settle(ctx, stemflow.SettledByResume, record)
		return nil
	case byInput && kind == activityapi.ActivityErrorNoRecord:
		return endWith(stemflow.ErrorInvalidInput, fmt.Sprintf("separationTaskId: the provider has no record of %s; "+
			"look the id up in the provider's log, or leave it out to start a new, paid separation", s.taskID))
	case kind == activityapi.ActivityErrorNoRecord && s.outlived(ctx) &&
		workflow.GetVersion(ctx, "gone-separation", workflow.DefaultVersion, 1) >= 1:
		return s.gone(ctx)
	case notYet(kind):
		return nil // polling goes on
	default:
		return s.recordFailure(ctx, err)
	}
}

// aboutOwn asks for the record of the run's separation, and for the proof that it is its own where there is none yet.
func (s *separation) aboutOwn() activityapi.GetSeparationRecordInput {
	in := activityapi.GetSeparationRecordInput{SeparationTaskID: s.taskID, RequireOwn: s.ownership == claimed, Owner: s.owner}
	if s.ownership == given {
		track := s.in.Track()
		in.Track = &track
	}
	return in
}

// confirm reads the provider's record at once, and for some seconds more where it does not tell yet.
func (s *separation) confirm(ctx workflow.Context, in activityapi.GetSeparationRecordInput) (activityapi.SeparationRecord, error) {
	var record activityapi.SeparationRecord
	err := briefly(confirmOptions(ctx), activityapi.ActivityGetSeparationRecord, in, &record)
	return record, err
}

// recordFailure is the ending for a look at the record that found the separation failed, or could not be made before the
// deadline. A failure is put on the ledger: the track may be paid for anew.
func (s *separation) recordFailure(ctx workflow.Context, err error) error {
	kind, app := applicationError(err)
	switch kind {
	case stemflow.ErrorSourceExpired:
		return s.gone(ctx)
	case stemflow.ErrorNoStems:
		s.claim(ctx, activityapi.SeparationRecord{})
	case stemflow.ErrorSeparationFailed:
		s.own(ctx)
		var details stemflow.ErrorDetails
		var record activityapi.SeparationRecord
		_ = app.Details(&details)          // the activity always sends them
		_ = app.Details(&details, &record) // one of an earlier release does not send this
		s.payer = record.Owner
		s.recordSubmission(ctx, stemflow.Submission{
			State: stemflow.SubmissionFailed, ProviderCode: details.ProviderCode, ProviderMessage: details.ProviderMessage,
		})
	}
	if isErrorType(kind) || temporal.IsCanceledError(err) {
		return activityFailure(err, kind)
	}
	return s.timedOut(err)
}

// outlived reports whether the separation was paid for longer ago than the provider keeps results.
func (s *separation) outlived(ctx workflow.Context) bool {
	return !s.submittedAt.IsZero() && workflow.Now(ctx).Sub(s.submittedAt) > providerKeeps
}

// absentLooks is at which poll in a row without a record a separation that was paid for before this
// run is believed to be gone; 0 is never.
func (s *separation) absentLooks(ctx workflow.Context) int {
	if !s.resumed || s.ownership != proved || workflow.Now(ctx).Sub(s.submittedAt) < recordFollows {
		return 0
	}
	interval := time.Duration(s.in.PollInterval)
	return 1 + int((absentFor+interval-1)/interval)
}

// gone is the ending for a separation that the ledger proves and that the provider does not know.
// Another key's account knows it no more than a provider that has deleted it, so that is named
// before a second payment is.
func (s *separation) gone(ctx workflow.Context) error {
	paid := "that was paid for before"
	if !s.submittedAt.IsZero() {
		paid = "that was paid for on " + s.submittedAt.UTC().Format(time.DateOnly)
	}
	if s.outlived(ctx) {
		return endWith(stemflow.ErrorSourceExpired, fmt.Sprintf("the provider keeps separations for 14 days and no longer "+
			"knows %s, %s; if KIE_API_KEY is of the account that paid for it, only a start with force, which pays, "+
			"makes new stems", s.taskID, paid))
	}
	return endWith(stemflow.ErrorSourceExpired, fmt.Sprintf("the provider has had no record of %s, %s, for %v; "+
		"start the track again later, which pays nothing, and check that KIE_API_KEY is of the account that paid for it; "+
		"only if it stays so for hours, a start with force, which pays, makes new stems",
		s.taskID, paid, stemflow.Duration(absentFor)))
}

// notYet tells whether an error says that the record has no answer at the moment.
func notYet(kind string) bool {
	switch kind {
	case activityapi.ActivityErrorPending, activityapi.ActivityErrorNoRecord, activityapi.ActivityErrorUnreadable, activityapi.ActivityErrorNoLinks:
		return true
	}
	return false
}

// toldByRecord tells whether an error says what the record of the run's own separation says: whose it is was checked first.
func toldByRecord(kind string) bool {
	return kind == stemflow.ErrorSeparationFailed || kind == stemflow.ErrorNoStems
}

// timedOut is the ending at the deadline.
func (s *separation) timedOut(last error) error {
	if s.ownership < given {
		message := fmt.Sprintf("the outcome of the submit is unknown and no callback told it within %v. It may have been accepted and "+
			"paid: %s", s.in.Deadline, ledger.WhenUnknown)
		return endWith(stemflow.ErrorSubmissionUnknown, message)
	}
	message := fmt.Sprintf("the provider was not done with %s within %v; start the track again to resume it, unpaid",
		s.taskID, s.in.Deadline)
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
		// Not Receive: it would drop a signal that does not decode, wait for another one, and hear nothing else meanwhile.
		var callback stemflow.Callback
		if c.ReceiveAsync(&callback) {
			handle = func() error { return w.heed(ctx, callback) }
		}
	})
	selector.AddReceive(w.s.asked, func(c workflow.ReceiveChannel, _ bool) {
		var found looked
		c.Receive(ctx, &found)
		handle = func() error { return w.told(ctx, found) }
	})
	if w.timer != nil {
		selector.AddFuture(w.timer, func(f workflow.Future) {
			handle = func() error { return w.timeUp(ctx, f) }
		})
	}
	if w.poll != nil {
		selector.AddFuture(w.poll, func(f workflow.Future) {
			handle = func() error { return w.polled(ctx, f) }
		})
	}
	selector.Select(ctx)
	return handle()
}

// arm starts what must be under way beside the signal: the grace of the callback, then the poll; or, while there is no id to
// poll for, the deadline.
func (w *wait) arm(ctx workflow.Context) {
	s := w.s
	remaining := s.deadline.Sub(workflow.Now(ctx))
	switch {
	case s.taskID == "":
		if w.timer == nil {
			s.enter(ctx, stemflow.PhaseWaiting)
			w.startTimer(ctx, remaining, "waiting for the callback to tell what became of the submit, until "+clock(s.deadline))
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
		w.poll = workflow.ExecuteActivity(pollOptions(pollCtx, s.in.PollInterval, max(remaining, time.Second)), activityapi.ActivityGetSeparationRecord, look)
	}
}

func (w *wait) startTimer(ctx workflow.Context, d time.Duration, summary string) {
	timerCtx, stop := workflow.WithCancel(ctx)
	w.stopTimer = stop
	w.timer = workflow.NewTimerWithOptions(timerCtx, d, workflow.TimerOptions{Summary: summary})
}

// disarm ends whatever is under way: a timer or a poll that is left behind would stay until the run closes.
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

// timeUp: the grace is over, and polling takes over; or the deadline has come with nothing known.
func (w *wait) timeUp(ctx workflow.Context, timer workflow.Future) error {
	if err := timer.Get(ctx, nil); err != nil {
		return err
	}
	w.timer = nil
	if w.s.taskID == "" {
		if w.s.resumeFromLedger(ctx) {
			w.polling = true
			return nil
		}
		return w.s.timedOut(nil)
	}
	w.polling = true
	return nil
}

// resumeFromLedger looks at the ledger once more before a run gives up that does not know what became of its submit. By now
// it may name a separation that is paid for: its own, which a slow execution has put there, or another run's. A forced run
// takes up its own alone: it was to pass over the others'.
func (s *separation) resumeFromLedger(ctx workflow.Context) bool {
	if workflow.GetVersion(ctx, "ledger-before-giving-up", workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return false
	}
	var found activityapi.PreparedArchive
	err := briefly(prepareOptions(ctx), activityapi.ActivityPrepareArchive, s.prepareInput(), &found)
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

// polled: polling has found the end, or the deadline has. At the deadline the engine reports either a time-out or the last
// "still pending": both mean the same.
func (w *wait) polled(ctx workflow.Context, poll workflow.Future) error {
	w.poll = nil
	var record activityapi.SeparationRecord
	err := poll.Get(ctx, &record)
	if kind, _ := applicationError(err); kind == activityapi.ActivityErrorNotOwn {
		w.forget(ctx)
		return nil
	}
	if err != nil {
		return w.s.recordFailure(ctx, err)
	}
	w.s.claim(ctx, record)
	w.s.settle(ctx, stemflow.SettledByPoll, record)
	return nil
}

// heed handles a callback. It may be early, late, a duplicate, for another task, or forged: the record decides.
func (w *wait) heed(ctx workflow.Context, callback stemflow.Callback) error {
	s := w.s
	log := s.log(ctx)
	if s.ownership >= given && callback.TaskID != s.taskID {
		s.hearForeign(ctx, callback.TaskID)
		return nil
	}
	w.disarm()
	if s.ownership < given {
		return w.learn(ctx, callback)
	}

	w.polling = true // whatever it said, there is no other callback to wait for
	succeeded := callback.Code == stemflow.CodeOK
	look := s.aboutOwn()
	look.ReportPending = !succeeded // after a success the record is given some seconds to follow
	record, err := s.confirm(ctx, look)
	kind, _ := applicationError(err)
	switch {
	case err == nil && !record.Pending:
		s.claim(ctx, record)
		s.settle(ctx, stemflow.SettledByCallback, record)
	case err == nil:
		log.Warn("the callback reports a failure that the record does not confirm: polling goes on",
			"code", callback.Code, "message", callback.Message)
	case temporal.IsCanceledError(err):
		return err
	case kind == activityapi.ActivityErrorPending:
		// A body is easily forged by whoever has the callback's address: what the record denies is not fetched.
		log.Warn("the record does not confirm the callback: polling goes on", "error", err)
	case s.ownership == proved && kind != stemflow.ErrorSeparationFailed && succeeded && len(callback.Stems) > 0:
		log.Warn("the record cannot give the links: they are taken from the callback", "error", err)
		s.settle(ctx, stemflow.SettledByCallback,
			activityapi.SeparationRecord{Stems: callback.Stems, OriginURL: callback.OriginURL})
	case isErrorType(kind):
		return s.recordFailure(ctx, err)
	default:
		log.Warn("the callback could not be confirmed yet: polling goes on", "error", err)
	}
	return nil
}

// learn takes the task id of an unknown submit from a callback: its URL named this run. The record must prove it.
func (w *wait) learn(ctx workflow.Context, callback stemflow.Callback) error {
	s := w.s
	s.taskID, s.ownership = callback.TaskID, claimed
	look := s.aboutOwn()
	look.ReportPending = true
	record, err := s.confirm(ctx, look)
	w.polling = true
	kind, _ := applicationError(err)
	switch {
	case temporal.IsCanceledError(err):
		return err
	case kind == activityapi.ActivityErrorNotOwn:
		w.forget(ctx)
	case err == nil:
		s.claim(ctx, record)
		if !record.Pending {
			s.settle(ctx, stemflow.SettledByCallback, record)
		}
	case toldByRecord(kind):
		return s.recordFailure(ctx, err)
	}
	return nil
}

// forget drops a task id that proved to be another run's.
func (w *wait) forget(ctx workflow.Context) {
	named := w.s.taskID
	w.s.taskID, w.s.ownership = "", notKnown
	w.s.hearForeign(ctx, named)
	w.polling = !w.s.archive.CallbacksExpected
}

// claim makes a task that a callback or the input named, and the record proved, this run's own, and puts it on the ledger. The
// record also says since when it exists.
func (s *separation) claim(ctx workflow.Context, record activityapi.SeparationRecord) {
	if s.ownership == proved {
		return
	}
	s.own(ctx)
	s.payer = record.Owner
	if s.submittedAt.IsZero() {
		s.submittedAt = record.CreatedAt
	}
	s.recordSubmission(ctx, stemflow.Submission{State: stemflow.SubmissionPaid})
}

func (s *separation) own(ctx workflow.Context) {
	if s.ownership == claimed {
		s.know(ctx, s.taskID)
		s.behind = true
	}
	s.ownership = proved
}

func clock(t time.Time) string { return t.UTC().Format("15:04 MST") }
