// Package media is an example: a media pipeline that has a track separated on its way to a karaoke
// release. Of stemflow it imports the contract only.
package media

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"stemflow"
)

// Track is what the pipeline is started with.
type Track struct {
	TaskID  string `json:"taskId"`
	AudioID string `json:"audioId"`
	// StemsTaskQueue is where stemflow is hosted; empty: by the worker of this workflow itself.
	StemsTaskQueue string `json:"stemsTaskQueue,omitempty"`
	// MayPayAgain allows to pay for a second separation where the first one is lost.
	MayPayAgain bool `json:"mayPayAgain,omitempty"`
}

// Release is what the pipeline makes of it.
type Release struct {
	// Backing is the track without its lead vocals: all other stems, to be mixed.
	Backing []stemflow.Stem `json:"backing"`
	// Guide is the lead vocals, for the singer to learn from. A release can do without.
	Guide *stemflow.Stem `json:"guide,omitempty"`
	// Missing are stems that were announced and could not be had.
	Missing []string `json:"missing,omitempty"`
}

// String lists the release's files, one a line.
func (r Release) String() string {
	var lines strings.Builder
	if r.Guide != nil {
		fmt.Fprintf(&lines, "guide    s3://%s/%s\n", r.Guide.Bucket, r.Guide.Key)
	}
	for _, stem := range r.Backing {
		fmt.Fprintf(&lines, "backing  s3://%s/%s\n", stem.Bucket, stem.Key)
	}
	for _, stem := range r.Missing {
		fmt.Fprintf(&lines, "missing  %s\n", stem)
	}
	return lines.String()
}

// maxAttempts is how often the pipeline starts a separation that may yet succeed: half a day, at
// one an hour.
const maxAttempts = 12

// waitsBeforePaying is how often a separation is started in vain before a new one is paid for,
// where waiting may help too.
const waitsBeforePaying = 3

// Karaoke separates a track and chooses from its stems.
//
// Cancelled, it cancels the separation and waits for its end, so that what was paid for is written
// down. Terminated, it leaves a request to cancel the separation: the default would terminate it,
// in the middle of anything.
func Karaoke(ctx workflow.Context, track Track) (*Release, error) {
	in := stemflow.SeparateStemsInput{TaskID: track.TaskID, AudioID: track.AudioID, Type: stemflow.SplitStem}
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:          stemflow.WorkflowID(in),
		TaskQueue:           track.StemsTaskQueue,
		ParentClosePolicy:   enumspb.PARENT_CLOSE_POLICY_REQUEST_CANCEL,
		WaitForCancellation: true,
		StaticSummary:       "separate " + track.AudioID,
	})
	waits := 0 // starts in vain since the last payment, which waitsBeforePaying bounds
	for attempt := 1; ; attempt++ {
		var result stemflow.SeparateStemsResult
		err := workflow.ExecuteChildWorkflow(ctx, stemflow.WorkflowSeparateStems, in).Get(ctx, &result)
		if err == nil {
			return release(result.Stems, nil), nil
		}
		if temporal.IsCanceledError(err) {
			return nil, err
		}
		again, failure := react(ctx, err)
		if in.Force && failure.Paid {
			track.MayPayAgain = false // the second separation is paid for
		}
		if again == laterOrPay {
			again = later
			if waits++; waits >= waitsBeforePaying {
				again = payAgain
			}
		}
		switch {
		case again == takePartial:
			return release(failure.Stems, failure.Failed), nil
		case again == never, attempt == maxAttempts, again == payAgain && !track.MayPayAgain:
			return nil, err
		}
		if in.Force = again == payAgain; in.Force {
			waits = 0 // the new one has its own chance
		}
		if err := workflow.Sleep(ctx, time.Hour); err != nil {
			return nil, err
		}
	}
}

// reaction is what the pipeline does about an error type.
type reaction int

const (
	// never: the same input would fail in the same way, or a person has to look first.
	never reaction = iota
	// later: start again; it goes on where it stood, and pays only where nothing is paid for.
	later
	// laterOrPay: start again, as with later; if that does not help, only a new separation does.
	laterOrPay
	// payAgain: only a new separation helps.
	payAgain
	// takePartial: go on with the stems that were archived.
	takePartial
)

// reactions are by error type. A second try may mend a failed separation; it is paid for if the
// provider kept the credits.
var reactions = map[string]reaction{
	stemflow.ErrorInvalidInput:        never,
	stemflow.ErrorUnauthorized:        later, // an operator mends the key
	stemflow.ErrorInsufficientCredits: later, // or the account
	stemflow.ErrorProviderRejected:    never,
	stemflow.ErrorProviderUnavailable: later,
	stemflow.ErrorSubmissionUnknown:   never, // a person looks into the provider's log before anything is paid again
	stemflow.ErrorSeparationFailed:    payAgain,
	stemflow.ErrorSeparationTimedOut:  later,
	stemflow.ErrorNoStems:             laterOrPay,
	stemflow.ErrorSourceExpired:       laterOrPay,
	stemflow.ErrorSourceNotAudio:      later,
	stemflow.ErrorSourceTooLarge:      never, // an operator raises the limit
	stemflow.ErrorSourceForbidden:     never, // or allows the host
	stemflow.ErrorSourceBlocked:       later, // an operator has the host let the worker in
	stemflow.ErrorArchiveUnavailable:  later,
	stemflow.ErrorArchiveIncomplete:   later,
	stemflow.ErrorMIDIFailed:          never, // transcriptions alone end so, and what they did not hear is no stem
	stemflow.ErrorMIDITimedOut:        never,
	stemflow.ErrorWAVExists:           never, // and conversions to WAV alone end so
	stemflow.ErrorWAVFailed:           never,
	stemflow.ErrorWAVTimedOut:         never,
	stemflow.ErrorNoWAV:               never,
	stemflow.ErrorArchiveDamaged:      never, // checks of the archive alone end so
}

func react(ctx workflow.Context, err error) (reaction, stemflow.ErrorDetails) {
	var details stemflow.ErrorDetails
	if _, ok := errors.AsType[*temporal.ChildWorkflowExecutionAlreadyStartedError](err); ok {
		return later, details // another caller has the track separated: the archive will have it
	}
	failure, ok := errors.AsType[*temporal.ApplicationError](err)
	if !ok {
		return never, details // terminated, or timed out by the engine
	}
	if failure.HasDetails() {
		if err := failure.Details(&details); err != nil {
			workflow.GetLogger(ctx).Warn("the failure's details are not readable", "error", err)
		}
	}
	if failure.Type() == stemflow.ErrorArchiveIncomplete && missesVocalsOnly(details) {
		return takePartial, details
	}
	return reactions[failure.Type()], details
}

// missesVocalsOnly reports whether a release can be made of what was archived.
func missesVocalsOnly(details stemflow.ErrorDetails) bool {
	needed := func(f stemflow.FailedStem) bool { return f.Name != "vocals" }
	return len(details.Stems) > 0 && !slices.ContainsFunc(details.Failed, needed)
}

func release(stems []stemflow.Stem, failed []stemflow.FailedStem) *Release {
	r := &Release{}
	for _, stem := range stems {
		if stem.Name == "vocals" {
			r.Guide = &stem
			continue
		}
		r.Backing = append(r.Backing, stem)
	}
	for _, f := range failed {
		r.Missing = append(r.Missing, fmt.Sprintf("%s (%s)", f.Name, f.Type))
	}
	return r
}
