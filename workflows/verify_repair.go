package workflows

import (
	"errors"
	"slices"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/outcome"
)

// repair mends what a page has found, a few tracks at a time, and returns the findings with what
// came of it. Nothing here can pay: a separation that is resumed is named, and a run that is given
// one never submits.
func (v *verification) repair(
	ctx workflow.Context, findings []activityapi.Finding,
) ([]activityapi.Finding, error) {
	var done []activityapi.Finding
	group := workflow.NewWaitGroup(ctx)
	room := workflow.NewSemaphore(ctx, repairsAtOnce)
	for len(findings) > 0 {
		var track []activityapi.Finding
		track, findings = takeTrack(findings)
		if !slices.ContainsFunc(track, repairable) {
			done = append(done, track...)
			continue
		}
		if err := room.Acquire(ctx, 1); err != nil {
			done = append(append(done, track...), findings...)
			break
		}
		group.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer group.Done()
			defer room.Release(1)
			done = append(done, v.repairTrack(ctx, track)...)
		})
	}
	group.Wait(ctx)
	return done, ctx.Err()
}

// takeTrack takes the findings that are of the same track, in the same place, as the first.
func takeTrack(findings []activityapi.Finding) (track, others []activityapi.Finding) {
	first := findings[0]
	for _, f := range findings {
		if first.Track != nil && f.Track != nil && *f.Track == *first.Track && f.At == first.At {
			track = append(track, f)
		} else if first.Track == nil && len(track) == 0 {
			track = append(track, f)
		} else {
			others = append(others, f)
		}
	}
	return track, others
}

func repairable(f activityapi.Finding) bool {
	return f.Track != nil && (f.Resume != "" || derivable(f.Kind))
}

func derivable(kind stemflow.FindingKind) bool {
	t, _ := stemflow.LookupFindingType(kind)
	return t.Repair == stemflow.RepairDerive
}

// repairLookChange is the change that looks at a track once more before it is repaired.
const repairLookChange = "look-before-repair"

// repairTrack mends what was found of one track, and looks again. What it mends it has looked at
// just before: a page may have much to repair, and a person may have deleted the track meanwhile.
func (v *verification) repairTrack(ctx workflow.Context, findings []activityapi.Finding) []activityapi.Finding {
	failed, there := "", findings
	if workflow.GetVersion(ctx, repairLookChange, workflow.DefaultVersion, 1) >= 1 {
		var err error
		if there, err = v.lookAgain(ctx, findings[0]); err != nil {
			return notRepaired(findings, reasonOf(err, ""))
		}
	}
	for _, f := range there {
		if derivable(f.Kind) {
			failed = reasonOf(v.derive(ctx, f), failed)
		}
	}
	resumed := stemflow.RepairFailed
	i := slices.IndexFunc(there, func(f activityapi.Finding) bool { return f.Resume != "" })
	if i >= 0 && ctx.Err() == nil {
		end := v.resume(ctx, resumeInput(there[i]))
		if end.Result == nil {
			failed = end.Reason
			if gone(end) {
				resumed = stemflow.RepairLost
			}
		}
	}
	left, err := v.lookAgain(ctx, findings[0])
	if err != nil {
		return notRepaired(findings, reasonOf(err, failed))
	}
	is := func(f activityapi.Finding) func(activityapi.Finding) bool {
		return func(o activityapi.Finding) bool { return o.Kind == f.Kind && o.Bucket == f.Bucket && o.Key == f.Key }
	}
	for i := range findings {
		f := &findings[i]
		switch {
		case !slices.ContainsFunc(left, is(*f)):
			f.Repair = stemflow.RepairDone
		case f.Resume != "":
			f.Repair, f.RepairError = resumed, failed
		case derivable(f.Kind):
			f.Repair, f.RepairError = stemflow.RepairFailed, failed
		}
	}
	for _, f := range left { // a repair that went halfway may leave something else behind
		if !slices.ContainsFunc(findings, is(f)) {
			f.Repair, f.RepairError = resumed, failed
			findings = append(findings, f)
		}
	}
	return findings
}

// notRepaired are findings whose repair did not come to an end that is known.
func notRepaired(findings []activityapi.Finding, reason string) []activityapi.Finding {
	for i := range findings {
		if repairable(findings[i]) {
			findings[i].Repair, findings[i].RepairError = stemflow.RepairFailed, reason
		}
	}
	return findings
}

// resumeInput is the input with which a repair resumes a separation.
func resumeInput(f activityapi.Finding) stemflow.SeparateStemsInput {
	return stemflow.SeparateStemsInput{
		TaskID: f.Track.TaskID, AudioID: f.Track.AudioID, Type: f.Track.Type, StemName: f.Track.StemName,
		Bucket: f.At.Bucket, Prefix: "/" + f.At.Prefix, SeparationTaskID: f.Resume,
	}
}

// resume resumes a separation. A run of the track that is open is awaited first: it may be mending
// the same, and it does not know what was found.
func (v *verification) resume(ctx workflow.Context, in stemflow.SeparateStemsInput) activityapi.EndedSeparation {
	if in.Type == stemflow.TypeWAV {
		return v.resumeWAV(ctx, in)
	}
	for range repairTries {
		child := workflow.ExecuteChildWorkflow(trackOptions(ctx, in), stemflow.WorkflowSeparateStems, in)
		result := &stemflow.SeparateStemsResult{}
		err := child.Get(ctx, result)
		if err == nil {
			return activityapi.EndedSeparation{Result: result}
		}
		if !temporal.IsWorkflowExecutionAlreadyStartedError(err) {
			return endedWith(err)
		}
		var end activityapi.EndedSeparation
		err = workflow.ExecuteActivity(awaitOptions(ctx, in), activityapi.ActivityAwaitSeparation,
			activityapi.AwaitSeparationInput{WorkflowID: stemflow.WorkflowID(in)}).
			Get(ctx, &end)
		if err != nil {
			return endedWith(err)
		}
	}
	return activityapi.EndedSeparation{Reason: stemflow.ErrorArchiveUnavailable}
}

// resumeWAV resumes a conversion. One that is open is given some time to end.
func (v *verification) resumeWAV(
	ctx workflow.Context, task stemflow.SeparateStemsInput,
) activityapi.EndedSeparation {
	in := stemflow.ConvertToWAVInput{
		TaskID: task.TaskID, AudioID: task.AudioID, WAVTaskID: task.SeparationTaskID,
		Bucket: task.Bucket, Prefix: task.Prefix,
	}
	for range repairTries {
		var made stemflow.ConvertToWAVResult
		err := workflow.ExecuteChildWorkflow(trackOptions(ctx, task), stemflow.WorkflowConvertToWAV, in).Get(ctx, &made)
		if err == nil {
			return activityapi.EndedSeparation{Result: &stemflow.SeparateStemsResult{SeparationTaskID: made.WAVTaskID}}
		}
		if !temporal.IsWorkflowExecutionAlreadyStartedError(err) {
			return endedWith(err)
		}
		if err := workflow.Sleep(ctx, midiJoinPause); err != nil {
			return endedWith(err)
		}
	}
	return activityapi.EndedSeparation{Reason: stemflow.ErrorArchiveUnavailable}
}

// gone reports whether a run ended because the provider no longer has what it was to fetch.
func gone(end activityapi.EndedSeparation) bool {
	if end.Reason == stemflow.ErrorSourceExpired {
		return true
	}
	return end.Reason == stemflow.ErrorArchiveIncomplete && end.Details != nil &&
		!slices.ContainsFunc(end.Details.Failed, func(s stemflow.FailedStem) bool {
			return s.Type != stemflow.ErrorSourceExpired
		})
}

// derive writes what follows from what is there.
func (v *verification) derive(ctx workflow.Context, f activityapi.Finding) error {
	return workflow.ExecuteActivity(ledgerOptions(ctx), activityapi.ActivityRepairArchive,
		activityapi.RepairArchiveInput{
			Kind: f.Kind, At: f.At, Track: *f.Track, Separation: f.SeparationTaskID, SubmittedAt: f.SubmittedAt,
		}).
		Get(ctx, nil)
}

// lookAgain is what is found of the track of a finding now.
func (v *verification) lookAgain(ctx workflow.Context, f activityapi.Finding) ([]activityapi.Finding, error) {
	in := stemflow.VerifyArchiveInput{
		Bucket: f.At.Bucket, Prefix: "/" + f.At.Prefix, Deadline: v.in.Deadline,
		TaskID: f.Track.TaskID, AudioID: f.Track.AudioID, Type: f.Track.Type, StemName: f.Track.StemName,
	}
	if v.in.ReadData != "" {
		in.ReadData, in.LimitRate = "all", v.in.LimitRate
	}
	var left []activityapi.Finding
	var state activityapi.VerifyState
	for {
		page, err := v.checkPage(ctx, in, state)
		if err != nil {
			return nil, err
		}
		left = append(left, page.Findings...)
		if page.Done {
			return left, nil
		}
		state = page.State
	}
}

// reasonOf is the type of an error, or what there was before.
func reasonOf(err error, before string) string {
	if err == nil {
		return before
	}
	if end, ok := outcome.FromError(err); ok {
		return end.Reason
	}
	if e, ok := errors.AsType[*ending](err); ok {
		return e.kind
	}
	return stemflow.ReasonLost
}
