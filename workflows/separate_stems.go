// Package workflows holds the workflows of stemflow. They decide; everything that touches the
// network, the clock or the environment is an activity, known here by its registered name and its
// messages, which are those of internal/activityapi.
package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/ledger"
)

// SeparateStems separates one track into stems, pays for it once, and archives every stem.
//
// It ends with a *temporal.ApplicationError of one of the contract's error types, whose first
// detail is a [stemflow.ErrorDetails]; or cancelled, with the same detail.
func SeparateStems(ctx workflow.Context, in stemflow.SeparateStemsInput) (*stemflow.SeparateStemsResult, error) {
	s := newSeparation(ctx, activityapi.Separation, in)
	if err := s.offerProgress(ctx); err != nil {
		return nil, err
	}
	return s.perform(ctx)
}

// perform does the job, and sees to everything that has to be done whatever became of it.
func (s *separation) perform(ctx workflow.Context) (*stemflow.SeparateStemsResult, error) {
	ctx, s.callers = shareRun(ctx, nil)
	if err := s.offerPollNow(ctx); err != nil {
		return nil, err
	}
	s.showCancellation(ctx)
	result, err := s.run(ctx)
	if err == nil && s.in.MIDI {
		s.makeMIDI(ctx, result)
	}
	if !temporal.IsCanceledError(err) { // until it has ended it is being cancelled
		s.showFailure(ctx, err)
	}
	s.finishLedger(ctx, err)
	s.tell(ctx, result, err) // before the last look at callbacks: some may come meanwhile
	awaitHandlers(ctx)
	s.recordForeign(ctx, err)
	s.countEnded(ctx, err)
	s.log(ctx).Info(s.task.Name+" ended", "outcome", s.outcome(err), "stems", len(s.stems))
	s.showFailure(ctx, err) // callbacks may have told more meanwhile
	s.progress.EndedAt = workflow.Now(ctx)
	s.showDetails(ctx)
	if err != nil {
		return nil, s.failure(err)
	}
	return result, nil
}

// separation is one run that pays for a task, awaits it and archives what it yields: what it was
// asked, and what it has learned so far. It is a run of SeparateStems, or of another kind of task,
// to which all that is said of separations and stems applies.
type separation struct {
	task *activityapi.Task
	in   stemflow.SeparateStemsInput
	// invalid says what is wrong with the input.
	invalid error
	// callers are the Nexus callers that wait for the run.
	callers *callers
	// owner is the run to the ledger and in callbacks. payer is, of a separation that the input
	// names, the owner that its record names; empty: nobody of ours.
	owner, payer string

	// archive is where the run archives to, and what stood there before.
	archive activityapi.PreparedArchive

	// song is what is submitted of a song of one's own, once it is ready, and songAt when that was
	// begun.
	song   activityapi.PreparedSong
	songAt time.Time
	// music is what the provider says of a track that it has made, once it was asked.
	music workflow.Future

	// separationTaskID is the provider's id of the paid separation, once known. ownership says
	// how sure it is that it is ours.
	separationTaskID string
	ownership        ownership
	// submits is what the run knows of its attempts to pay.
	submits ledger.Run
	// resumed says that the separation was paid for before this run; paid, that a submit of this
	// run or of one before it in its chain was accepted, or may have been.
	resumed, paid bool
	submittedAt   time.Time
	// deadline is when the run stops waiting for the provider.
	deadline time.Time
	// ledger is the pending write of what the archive must know of the payment, if there is one;
	// closing says that it ends the run's submits, and ledgerBehind that until then the ledger does
	// not know what became of one.
	ledger                workflow.Future
	closing, ledgerBehind bool
	// storeAway says that the first submit did not call for want of the store, and nothing else is
	// in doubt.
	storeAway bool
	// foreign are separations that callbacks named and that are not known to be this run's, by a
	// bounded number. Those of them that the ledger names are in recorded.
	foreign, recorded []string

	// record is what the provider made, once it is settled.
	record    activityapi.SeparationRecord
	settledBy stemflow.SettledBy
	settledAt time.Time

	// named are stems that callbacks had a link for, and seen those that a look at the record found
	// when it did not have all. Both are about this separation, and of a bounded number.
	// unread says that the record could not be read: the stems are those of a callback.
	unread bool
	// unconfirmed are those of the record above for which it has no link itself.
	named, seen []stemflow.SourceStem
	unconfirmed []string

	// asking is a look at the record that an update asked for, while it is under way; asked tells
	// the waiting what it found.
	asking workflow.Future
	asked  workflow.Channel

	stems  []stemflow.Stem
	failed []stemflow.FailedStem
	// missing are stems of which it is known why they are missing; missingStems has all.
	missing []stemflow.MissingStem

	// progress is what the run shows of itself; cancelling says that it was asked to stop.
	progress   stemflow.Progress
	cancelling bool
}

func newSeparation(
	ctx workflow.Context, task *activityapi.Task, in stemflow.SeparateStemsInput,
) *separation {
	in = in.WithDefaults()
	s := &separation{task: task, in: in, invalid: in.Validate(), owner: owner(ctx)}
	s.submits.Reset = s.owner != workflow.GetInfo(ctx).WorkflowExecution.RunID
	return s
}

// run is the job: validate, prepare the archive, pay or resume, await the settlement, archive, and
// write the manifest last.
func (s *separation) run(ctx workflow.Context) (*stemflow.SeparateStemsResult, error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	// The ledger says what the runs before it have paid. Where the input names what is paid for,
	// none of them has, though the ledger may name one as the owner.
	named := s.in.SeparationTaskID != ""
	s.paid = s.submits.Reset && !named
	if err := s.prepareArchive(ctx); err != nil {
		return nil, err
	}
	s.paid = s.archive.OwnerPaid && !named
	if archived := s.archive.Archived; archived != nil && !s.in.Force && !named {
		result := s.alreadyArchived(ctx, archived)
		s.countSettled(ctx)
		return result, nil
	}
	if partial := s.archive.Partial; partial != nil && !s.in.Force && !named {
		return s.completeArchived(ctx, partial)
	}
	if err := s.payOrResume(ctx); err != nil {
		return nil, err
	}
	s.askMusic(ctx)
	if err := s.awaitSettlement(ctx); err != nil {
		return nil, err
	}
	s.countSettled(ctx)
	if err := s.archiveStems(ctx); err != nil {
		return nil, err
	}
	return s.writeManifest(ctx)
}
