package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/activityapi"
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
	record = s.bounded(ctx, record)
	s.settledBy, s.record, s.settledAt = by, record, workflow.Now(ctx)
	s.progress.SettledBy = by
	s.log(ctx).Info(s.task.Name+" settled", "settledBy", by, "stems", len(record.Stems))
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
	err := localFirst(confirmOptions(ctx), s.task.GetRecord, in, &record)
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
			fmt.Sprintf("the provider keeps %[3]ss for 14 days and no longer "+
				"knows %[1]s, %[2]s; if KIE_API_KEY is of the account that paid for it, only a start with force, "+
				"which pays, makes new %[4]ss", s.separationTaskID, paid, s.task.Name, s.task.Part),
		)
	}
	return endWith(stemflow.ErrorSourceExpired, fmt.Sprintf("the provider has had no record of %s, %s, for %v; "+
		"start the track again later, which pays nothing, and check that KIE_API_KEY is of the account that paid "+
		"for it; "+
		"only if it stays so for hours, a start with force, which pays, makes new %ss",
		s.separationTaskID, paid, stemflow.Duration(absentFor), s.task.Part))
}

// timedOut is the ending at the deadline.
func (s *separation) timedOut(last error) error {
	if s.ownership < fromInput {
		return endWith(stemflow.ErrorSubmissionUnknown, fmt.Sprintf("the outcome of the submit is unknown and no "+
			"callback reported it within %v. It may have been accepted and paid", s.in.Deadline))
	}
	message := fmt.Sprintf("the provider was not done with %s within %v; start the track again to resume it, unpaid",
		s.separationTaskID, s.in.Deadline)
	if last != nil {
		if _, app := applicationError(last); app != nil {
			message += " (" + app.Message() + ")"
		}
	}
	return endWith(s.task.TimedOut, message)
}

// wait is the state of the waiting itself: what is armed beside the signal channel.
type wait struct {
	s         *separation
	callbacks workflow.ReceiveChannel
	// polling is set once the callback alone is not waited for any more.
	polling bool

	timer     workflow.Future
	stopTimer workflow.CancelFunc
	// due is what the timer was started for.
	due      func(workflow.Context) error
	poll     workflow.Future
	stopPoll workflow.CancelFunc

	// heard is what callbacks have said, once each, and looks how many of them made the run look,
	// the last one at lookedAt. notOwn are tasks that callbacks named and that proved to be other
	// runs'. displaced are those that gave way to another before the record said whose they are.
	heard     []news
	looks     int
	lookedAt  time.Time
	notOwn    []string
	displaced []string

	// partial is a record that was done and lacked stems; lackedAt is when that was seen first, and
	// lacked how often.
	partial  *activityapi.SeparationRecord
	lackedAt time.Time
	lacked   int
	// pollFrom is when the next poll may begin, after one that found such a record.
	pollFrom time.Time
	// listening says that polling has come to its end before the deadline: it is still listened.
	// pollErr is how it ended, and lastLooked says that there was a look after the deadline.
	listening  bool
	pollErr    error
	lastLooked bool
}

// news is what a callback says: that a task was done, or that it failed.
type news struct {
	separationTaskID string
	done             bool
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
			callback.Stems = w.s.task.Results(callback.Stems)
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
				w.onUnknown,
			)
		}
	case !w.polling:
		if w.timer == nil {
			grace := min(time.Duration(s.in.CallbackGrace), remaining)
			s.progress.PollingFrom = workflow.Now(ctx).Add(grace)
			s.enter(ctx, stemflow.PhaseWaiting)
			w.startTimer(ctx, grace, "waiting for the callback, polling from "+clock(s.progress.PollingFrom),
				w.onGrace)
		}
	case w.listening:
		if w.timer == nil {
			s.enter(ctx, stemflow.PhasePolling)
			w.startTimer(ctx, remaining, "listening until the deadline, then looking once more", w.lastLook)
		}
	case workflow.Now(ctx).Before(w.pollFrom):
		if w.timer == nil {
			s.enter(ctx, stemflow.PhasePolling)
			w.startTimer(ctx, w.pollFrom.Sub(workflow.Now(ctx)), "waiting for the links that are missing",
				func(workflow.Context) error { return nil })
		}
	case w.poll == nil:
		w.disarm()
		s.enter(ctx, stemflow.PhasePolling)
		pollCtx, stop := workflow.WithCancel(ctx)
		w.stopPoll = stop
		look := s.aboutOwn()
		look.EmptyLooks, look.AbsentLooks = emptyLooks, s.absentLooks(ctx)
		look.EmptyFor = stemflow.Duration(emptyFor)
		look.EmptyPause = min(stemflow.Duration(emptyPause), s.in.PollInterval)
		look.PossibleFor = stemflow.Duration(possibleFor)
		look.PossiblePause = min(stemflow.Duration(possiblePause), s.in.PollInterval)
		look.Expected = s.expectation()
		w.poll = workflow.ExecuteActivity(
			pollOptions(pollCtx, s.in.PollInterval, max(remaining, time.Second)),
			s.task.GetRecord,
			look,
		)
	}
}

func (w *wait) startTimer(
	ctx workflow.Context, d time.Duration, summary string, due func(workflow.Context) error,
) {
	w.due = due
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

// onTimer does what the timer was started for.
func (w *wait) onTimer(ctx workflow.Context, timer workflow.Future) error {
	if err := timer.Get(ctx, nil); err != nil {
		return err
	}
	w.timer = nil
	return w.due(ctx)
}

// onGrace: the callback has not come in time, and polling takes over.
func (w *wait) onGrace(workflow.Context) error {
	w.polling = true
	return nil
}

// onUnknown: the deadline has come, and nothing is known about the submit.
func (w *wait) onUnknown(ctx workflow.Context) error { return w.giveUp(ctx, nil) }

// giveUp ends the run at the deadline, unless it does not know what became of its submit and the
// ledger does by now. A separation that a callback named, and that no record has proved, gives way
// to the ledger's.
func (w *wait) giveUp(ctx workflow.Context, last error) error {
	s := w.s
	named := s.separationTaskID
	if s.ownership >= fromInput || !s.resumeFromLedger(ctx) {
		return s.timedOut(last)
	}
	if named != s.separationTaskID {
		if named != "" {
			s.hearForeign(ctx, named)
		}
		w.forgetSeparation()
	}
	w.polling, w.listening, w.lastLooked = true, false, false
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
	found, paid := s.readLedger(ctx)
	if paid == nil {
		return false // who starts the track again finds it
	}
	if s.in.Force && paid.Owner != s.owner {
		return false
	}
	s.paid = found.OwnerPaid // what is taken up may be another run's, and no submit of this one under way
	s.resumePaid(ctx, paid.SeparationTaskID, paid.SubmittedAt)
	return true
}

// act does what an observation says, no matter who made it: the separation is settled, or lacks
// stems that are awaited, or turns out to be another run's, or the run ends. What is open, or was
// lost, ends it as the deadline does: a run with time left does not come here with that.
func (w *wait) act(ctx workflow.Context, seen observation, by stemflow.SettledBy) error {
	s := w.s
	kind, app := applicationError(seen.err)
	switch seen.finding {
	case foundDone:
		s.recordVerified(ctx, seen.record)
		if !w.awaitRest(ctx, seen.record, false) {
			s.settle(ctx, by, s.compose(ctx, seen.record))
		}
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
		return endWith(stemflow.ErrorInvalidInput, fmt.Sprintf("%s: the provider has no record of %s; "+
			"look the id up in the provider's log, or leave it out to start a new, paid %s",
			s.task.Field, s.separationTaskID, s.task.Name))
	case seen.finding == foundNoRecord && s.outlived(ctx) &&
		workflow.GetVersion(ctx, "gone-separation", workflow.DefaultVersion, 1) >= 1:
		return s.goneFailure(ctx)
	case seen.open(), seen.finding == foundLost &&
		workflow.GetVersion(ctx, "resume-after-lost-look", workflow.DefaultVersion, 1) != workflow.DefaultVersion:
		return nil // polling goes on
	default:
		return w.act(ctx, seen, stemflow.SettledByResume)
	}
}

// awaitRest reports whether a record that is done lacks stems that may still follow, and has the
// run wait for them: polling goes on. A poll has awaited what it lacks as long as it makes sense,
// unless it was a worker of an earlier release that polled.
func (w *wait) awaitRest(ctx workflow.Context, record activityapi.SeparationRecord, polled bool) bool {
	s := w.s
	now := workflow.Now(ctx)
	required, possible := s.expectation().Lacking(record.Stems, record.Announced)
	switch {
	case len(required)+len(possible) == 0, record.Believed, polled && len(required) == 0:
		return false
	case !now.Before(s.deadline), s.longDone(now, record), !waitsForWhole(ctx):
		return false
	}
	if w.partial == nil {
		w.lackedAt = now
	}
	if polled {
		if w.lacked++; w.lacked >= emptyLooks && now.Sub(w.lackedAt) >= emptyFor {
			return false
		}
		w.pollFrom = now.Add(emptyPause)
	}
	w.keepPartial(record)
	s.log(ctx).Info("the "+s.task.Name+" is done and lacks "+s.task.Part+"s: they are awaited",
		"stems", len(record.Stems), "lacking", len(required)+len(possible))
	w.polling, w.listening = true, false
	if w.poll == nil {
		w.disarm()
	}
	return true
}

// keepPartial keeps what a record had links for.
func (w *wait) keepPartial(record activityapi.SeparationRecord) {
	w.partial = &record
	w.s.seen = activityapi.AddStems(record.Stems, w.s.seen)
}

// onPoll: polling has found the end, or has come to its own. The engine begins no poll that would
// come after the deadline, so that may be long before it. It reports either a time-out or the last
// "still pending": both mean the same.
func (w *wait) onPoll(ctx workflow.Context, poll workflow.Future) error {
	s := w.s
	w.poll = nil
	var record activityapi.SeparationRecord
	err := poll.Get(ctx, &record)
	seen := observe(s.separationTaskID, record, err)
	switch {
	case seen.finding == foundDone:
		s.recordVerified(ctx, record)
		if !w.awaitRest(ctx, record, true) {
			s.settle(ctx, stemflow.SettledByPoll, s.compose(ctx, record))
		}
		return nil
	case seen.finding == foundEmpty && w.callbackServes(ctx, true) && waitsForWhole(ctx):
		s.log(ctx).Warn("the record has no links: they are taken from the callback")
		s.recordVerified(ctx, activityapi.SeparationRecord{})
		s.unread = true
		s.settle(ctx, stemflow.SettledByCallback, s.compose(ctx, activityapi.SeparationRecord{}))
		return nil
	case (seen.open() || seen.finding == foundLost) && waitsForWhole(ctx):
		w.listening, w.pollErr = true, err
		if _, app := applicationError(err); app != nil && app.Type() == activityapi.ActivityErrorNoLinks &&
			app.Details(&record) == nil && len(record.Stems) > 0 {
			w.keepPartial(record)
		}
		return nil
	default:
		return w.act(ctx, seen, stemflow.SettledByPoll)
	}
}

// callbackServes reports whether a callback has links that may serve where the record gives none.
// proved says that the record has just shown whose the separation is. Runs from before this rule
// asked neither that nor whether the links are credible, and archived nothing where none was.
func (w *wait) callbackServes(ctx workflow.Context, proved bool) bool {
	s := w.s
	before := s.ownership == verified && len(s.named) > 0
	serves := (s.ownership == verified || s.ownership == unverified && proved) && len(s.credible(nil)) > 0
	if serves != before &&
		workflow.GetVersion(ctx, "credible-callback-serves", workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return before
	}
	return serves
}

// lastLook asks once more when the deadline has come. Nobody may have asked for long: the workers
// may have been away, or the poll interval is long. A callback that came meanwhile is heard before
// the run gives up.
func (w *wait) lastLook(ctx workflow.Context) error {
	s := w.s
	look := s.aboutOwn()
	look.ReportPending = true
	seen := s.confirm(ctx, look)
	if s.ownership == unverified && w.provedOpen(seen) &&
		workflow.GetVersion(ctx, "own-while-open", workflow.DefaultVersion, 1) != workflow.DefaultVersion {
		s.recordVerified(ctx, seen.record)
	}
	switch {
	case !seen.open() && seen.finding != foundLost:
		return w.act(ctx, seen, stemflow.SettledByPoll)
	case w.callbacks.Len() > 0 && !w.lastLooked:
		w.lastLooked = true
	case w.partial != nil:
		s.settle(ctx, stemflow.SettledByPoll, s.compose(ctx, *w.partial))
	case seen.finding != foundPending && w.callbackServes(ctx, false):
		s.log(ctx).Warn("the record cannot give the links: they are taken from the callback", "error", seen.err)
		s.unread = true
		s.settle(ctx, stemflow.SettledByCallback, s.compose(ctx, activityapi.SeparationRecord{}))
	case seen.err == nil:
		return w.giveUp(ctx, w.pollErr)
	default:
		return w.giveUp(ctx, seen.err)
	}
	return nil
}

// provedOpen reports whether the last look, or polling before it, has shown that a separation which
// a callback named is this run's, and has not come to an end: the provider is still at work, or
// gives no link yet.
func (w *wait) provedOpen(seen observation) bool {
	polled, _ := applicationError(w.pollErr)
	switch {
	case !seen.open() && seen.finding != foundLost:
		return false
	case seen.finding == foundPending:
		return true
	}
	return polled == activityapi.ActivityErrorPending || polled == activityapi.ActivityErrorNoLinks
}

// hear reports whether a callback says something new: a repeat does not, and one beyond the number
// that a run takes is not heard either.
func (w *wait) hear(now time.Time, callback stemflow.Callback) bool {
	says := news{callback.TaskID, callback.Code == stemflow.CodeOK}
	switch {
	case w.looks >= callbackLooks && (w.s.ownership >= fromInput || now.Sub(w.lookedAt) < callbackPause),
		slices.Contains(w.notOwn, callback.TaskID):
		return false
	case says.done && callback.TaskID == w.s.separationTaskID && w.s.hearStems(callback.Stems):
	case slices.Contains(w.heard, says):
		return false
	}
	if !slices.Contains(w.heard, says) {
		w.heard = append(w.heard, says)
	}
	w.looks++
	w.lookedAt = now
	return true
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
	if !w.hear(workflow.Now(ctx), callback) && waitsForWhole(ctx) {
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
	if succeeded && w.mayLack(ctx, callback, seen) {
		if err := workflow.Sleep(ctx, min(possibleFor, s.deadline.Sub(workflow.Now(ctx)))); err != nil {
			return err
		}
		seen = s.confirm(ctx, look)
	}
	switch seen.finding {
	case foundDone, foundFailed, foundCanceled:
		return w.act(ctx, seen, stemflow.SettledByCallback)
	case foundPending:
		if seen.err == nil {
			log.Warn("the callback reports a failure that the record does not confirm: polling goes on",
				"code", callback.Code, "message", callback.Message)
			return nil
		}
		// A body is easily forged by anyone who has the callback's address: what the record denies
		// is not fetched.
		log.Warn("the record does not confirm the callback: polling goes on", "error", seen.err)
		return nil
	}
	switch {
	case s.ownership == verified && succeeded && w.serves(ctx, callback, seen):
		log.Warn("the record cannot give the links: they are taken from the callback", "error", seen.err)
		s.unread = true
		s.settle(ctx, stemflow.SettledByCallback, s.fromCallback(ctx, callback))
	case seen.finding == foundEmpty, seen.finding == foundGone, seen.finding == foundRefused:
		return w.act(ctx, seen, stemflow.SettledByCallback)
	default:
		log.Warn("the callback could not be confirmed yet: polling goes on", "error", seen.err)
	}
	return nil
}

// serves reports whether the links of a callback are taken where the record gives none. Those that
// are not all serve only where there is nothing to wait for; at the deadline they are what is left.
func (w *wait) serves(ctx workflow.Context, callback stemflow.Callback, seen observation) bool {
	stems := w.s.serving(ctx, callback)
	required, _ := w.s.expectation().Lacking(stems, nil)
	mayFollow := (seen.open() || seen.finding == foundLost) && workflow.Now(ctx).Before(w.s.deadline)
	if len(stems) > 0 && (len(required) == 0 || !mayFollow) {
		return true
	}
	return len(callback.Stems) > 0 && !waitsForWhole(ctx)
}

// mayLack reports whether a callback that the record cannot confirm names some of the instruments
// that a split_stem may have. Those may be all: the record is given more time to say so.
func (w *wait) mayLack(ctx workflow.Context, callback stemflow.Callback, seen observation) bool {
	if w.s.in.Type != stemflow.SplitStem || w.s.ownership != verified || !(seen.open() || seen.finding == foundLost) {
		return false
	}
	stems := usable(callback.Stems)
	return len(stems) > 0 && lacksExpected(w.s.in, stems) && workflow.Now(ctx).Before(w.s.deadline) &&
		waitsForWhole(ctx)
}

func lacksExpected(in stemflow.SeparateStemsInput, stems []stemflow.SourceStem) bool {
	return slices.ContainsFunc(stemflow.ExpectedStems(in.Type, in.StemName), func(name string) bool {
		return !activityapi.HasStem(stems, name)
	})
}

// adoptSeparationTask takes the task id of an unknown submit from a callback: its URL named this
// run. The record must prove it.
func (w *wait) adoptSeparationTask(ctx workflow.Context, callback stemflow.Callback) error {
	s := w.s
	if s.separationTaskID != callback.TaskID {
		if s.separationTaskID != "" {
			s.hearForeign(ctx, s.separationTaskID) // the ledger learns of it at the end
			w.displace(s.separationTaskID)
		}
		w.forgetSeparation()
	}
	s.separationTaskID, s.ownership = callback.TaskID, unverified
	if callback.Code == stemflow.CodeOK {
		s.hearStems(callback.Stems)
	}
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
	w.notOwn = append(w.notOwn, named)
	w.forgetSeparation()
	w.s.separationTaskID, w.s.ownership = "", unknown
	w.s.hearForeign(ctx, named)
	w.polling = !w.s.archive.CallbacksExpected
	if last := len(w.displaced) - 1; last >= 0 {
		w.s.separationTaskID, w.s.ownership = w.displaced[last], unverified
		w.displaced = w.displaced[:last]
		w.polling = true
	}
}

// displace keeps a task id that no record has proved or denied, while another one is looked at.
func (w *wait) displace(separationTaskID string) {
	w.displaced = slices.DeleteFunc(w.displaced, func(id string) bool { return id == separationTaskID })
	if len(w.displaced) < foreignIDs {
		w.displaced = append(w.displaced, separationTaskID)
	}
}

// forgetSeparation drops what was heard and seen of the task that the run took for its own.
func (w *wait) forgetSeparation() {
	w.s.named, w.s.seen = nil, nil
	w.partial, w.lackedAt, w.lacked, w.pollFrom = nil, time.Time{}, 0, time.Time{}
	w.listening, w.pollErr = false, nil
}

// recordFailed puts a failure on the ledger: the track may be paid for again.
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
		s.ledgerBehind = true
	}
	s.ownership = verified
}

func clock(t time.Time) string { return t.UTC().Format("15:04 MST") }
