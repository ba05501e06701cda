package integration

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	activitypb "go.temporal.io/api/activity/v1"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/kiesim"
)

// givenUpAfter is how long nobody has asked the store again after a request failed, when an
// activity surely has given up. It serves where Temporal is away and cannot say so.
const givenUpAfter = 10 * time.Second

// faultRun is a track that is separated while both faults come.
type faultRun struct {
	*faultStage
	pair     faultPair
	passages map[runMoment]*passage
	books    books
	thawing  sync.WaitGroup
}

// faultOutcome is a row of the table.
type faultOutcome struct {
	billed int
	// ended is how each run ended, broken which promises were not kept.
	ended, broken []string
	took          time.Duration
}

func (o faultOutcome) String() string {
	text := fmt.Sprintf("billed %d, %s, %v", o.billed, strings.Join(o.ended, ", then "), o.took.Round(time.Second))
	if len(o.broken) > 0 {
		text += ": " + strings.Join(o.broken, "; ")
	}
	return text
}

// playPair runs a track with both faults to its end, starts it again where it says so, and
// reconciles.
func playPair(t testing.TB, pair faultPair) faultOutcome {
	t.Helper()
	begun := time.Now()
	r := newFaultRun(t, pair)
	r.books.run = r.start(r.books.in)
	r.play()
	end := r.books.close(r.thawing.Wait)
	r.stopWorkers()
	if end.err == nil {
		r.books.checkArchived(end)
	} else {
		r.books.check(end.err.Type() == stemflow.ErrorSubmissionUnknown, "the last run failed: %s", end.err.Error())
		r.books.checkUnknown(end)
	}
	return faultOutcome{
		billed: r.billed(r.books.in), ended: r.books.ended, broken: r.books.broken, took: time.Since(begun),
	}
}

func newFaultRun(t testing.TB, pair faultPair) *faultRun {
	t.Helper()
	r := &faultRun{pair: pair}
	r.passages = map[runMoment]*passage{
		atPreparing: newPassage(object("GET", "submission.json", "")),
		atIntent:    newPassage(object("PUT", "submission.json", `"intended"`)),
		atCall:      newPassage(call("/vocal-removal/generate")),
		atAnswer:    newPassage(call("/vocal-removal/generate")),
		atReceipt:   newPassage(object("PUT", "submission.json", `"paid"`)),
		atCallback:  newPassage(anyCall),
		atPolling:   newPassage(call("/vocal-removal/record-info")),
		atArchiving: newPassage(object("PUT", "vocals.mp3", "")),
		atManifest:  newPassage(object("PUT", "manifest.json", "")),
	}
	r.passages[atAnswer].answer = true
	r.passages[atArchiving].pass = true
	r.faultStage = newFaultStage(t, stageOptions{
		ownTemporal: pair.has("Temporal"), ownStore: pair.has("store"),
		store:    r.at(atPreparing, atIntent, atReceipt, atArchiving, atManifest),
		provider: r.at(atCall, atAnswer, atPolling),
		bridge:   r.at(atCallback),
	})
	in := track(stemflow.SeparateVocal)
	in.Deadline, in.CallbackGrace = stemflow.Duration(time.Minute), stemflow.Duration(30*time.Second)
	switch {
	case pair.at(atPolling):
		in.CallbackGrace = stemflow.Duration(time.Second)
	case pair.at(atWaiting) || pair.at(atCallback):
		// It must be waiting still when a slow machine gets round to it.
		in.Deadline, in.CallbackGrace = stemflow.Duration(3*time.Minute), stemflow.Duration(3*time.Minute)
	}
	r.sim.SetScenario(in.AudioID, pair.scenario())
	r.books = books{s: r.stack, in: in}
	return r
}

// at are the passages of those of the moments that the pair is about.
func (r *faultRun) at(among ...runMoment) []*passage {
	var passages []*passage
	for _, m := range among {
		if r.pair.at(m) {
			passages = append(passages, r.passages[m])
		}
	}
	return passages
}

// scenario is how the provider behaves, so that the moments come about and its own faults happen.
func (p faultPair) scenario() kiesim.Scenario {
	answers := map[fault]kiesim.Answer{
		hangProvider: kiesim.AnswerHang, cutProvider: kiesim.AnswerCut, garbleProvider: kiesim.AnswerUnreadable,
	}
	var scenario kiesim.Scenario
	scenario.Outcome.Pending = p.at(atWaiting) || p.at(atCallback) || p.at(atPolling)
	scenario.Callback.Lost = p.at(atPolling) && !p.has("bridge")
	if p.at(atArchiving) {
		scenario.Files = slowFiles()
	}
	for _, m := range moments {
		f, ok := p.provider(m)
		switch {
		case !ok:
		case m == atCall || m == atAnswer:
			scenario.Submit = kiesim.Fault{Answer: answers[f], Accept: m == atAnswer, Times: 1}
		default:
			scenario.RecordInfo = kiesim.Fault{Answer: answers[f], Times: 2}
		}
	}
	return scenario
}

// play brings both faults about, and what they hit back.
func (r *faultRun) play() {
	first, second := r.pair.first, r.pair.second
	r.reach(first.at)
	r.inject(first)
	if first.at != second.at {
		r.release(first.at)
		if !r.pair.overlap {
			r.heal(first)
		}
		r.reach(second.at)
		r.inject(second)
		r.release(second.at)
		if r.pair.overlap {
			r.heal(first)
		}
		r.heal(second)
		return
	}
	r.inject(second)
	r.release(first.at)
	r.heal(first)
	r.heal(second)
}

// reach waits for a moment.
func (r *faultRun) reach(m runMoment) {
	r.t.Helper()
	switch m {
	case atWaiting:
		r.awaitPhase(r.books.run, stemflow.PhaseWaiting)
	case atAnswer:
		r.await("the track is paid for", func() bool { return r.billed(r.books.in) == 1 })
	case atCallback:
		// The submit is over before the callback comes.
		r.awaitPhase(r.books.run, stemflow.PhaseWaiting)
		r.settle(r.books.in)
		r.pass(m)
	default:
		r.pass(m)
	}
}

func (r *faultRun) pass(m runMoment) {
	r.t.Helper()
	select {
	case <-r.passages[m].reached:
	case <-time.After(patience):
		require.FailNow(r.t, "waited in vain for the moment: "+string(m))
	}
}

// release lets what is held at a moment go on. A separation that was pending until then is done.
func (r *faultRun) release(m runMoment) {
	later := r.pair.second.at
	if (m == atWaiting || m == atPolling) && (m == later || later != atPolling) {
		r.settle(r.books.in)
	}
	if p := r.passages[m]; p != nil {
		p.release()
	}
}

func (r *faultRun) inject(f faultAt) {
	r.t.Helper()
	if f.fault == repeatSubmit {
		r.letTheEngineRepeat(activityapi.ActivitySubmitSeparation)
		return
	}
	r.faultStage.inject(f.fault)
}

// heal ends a fault, once it has been met.
func (r *faultRun) heal(f faultAt) {
	r.t.Helper()
	switch {
	case f.fault.of("store"):
		r.missStore()
	case f.fault == freezeTemporal && (f.at == atCall || f.at == atAnswer || f.at == atReceipt):
		time.Sleep(hangOverSubmit)
	case f.fault.of("bridge") && r.sim.Bill().Callbacks.Refused > 0:
		// It has been met.
	default:
		r.meet(f.fault)
	}
	r.back(f.fault)
	if f.fault == freezeWorker {
		r.thawWhenGivenUp(r.frozen[len(r.frozen)-1])
	}
}

// missStore waits until an activity has failed for want of the store, or has done without.
func (r *faultRun) missStore() {
	before := r.storeDoor.failed.Load()
	last, lastAt, looked := before, time.Now(), time.Now()
	endedBefore := -1
	r.soon(func() bool {
		failed := r.storeDoor.failed.Load()
		if failed > last {
			last, lastAt = failed, time.Now()
		}
		if time.Since(looked) < time.Second {
			return false
		}
		looked = time.Now()
		state := r.state()
		if state.known && last == before {
			return state.closed
		}
		if state.known && endedBefore < 0 {
			endedBefore = state.ended
		}
		return state.closed || state.attempts > 1 || state.known && state.ended > endedBefore ||
			time.Since(lastAt) > givenUpAfter
	})
}

// runState is what the engine knows of a run.
type runState struct {
	known, closed bool
	// attempts are those of the activity that was tried most often; 0 when nothing is under way.
	attempts int32
	// ended counts the activities that completed or failed, timedOut those that the engine has
	// given up.
	ended, timedOut int
}

// state asks the engine, which may be away: then nothing is known.
func (r *faultRun) state() runState {
	ctx, cancel := context.WithTimeout(r.t.Context(), 5*time.Second)
	defer cancel()
	var state runState
	described, err := r.client.DescribeWorkflow(ctx, r.books.run.GetID(), r.books.run.GetRunID())
	if err != nil {
		return state
	}
	d := described.RawResponse
	state.closed = d.WorkflowExecutionInfo.Status != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
	for _, pending := range d.PendingActivities {
		state.attempts = max(state.attempts, pending.Attempt)
	}
	events := r.client.GetWorkflowHistory(ctx, r.books.run.GetID(), r.books.run.GetRunID(), false,
		enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			return state
		}
		switch event.EventType {
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_COMPLETED, enumspb.EVENT_TYPE_ACTIVITY_TASK_FAILED:
			state.ended++
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
			state.timedOut++
		}
	}
	state.known = true
	return state
}

// thawWhenGivenUp lets a worker that was replaced go on when the engine has given up what it was
// doing, so that both are at it, or when the run is over.
func (r *faultRun) thawWhenGivenUp(worker *supervised) {
	r.thawing.Go(func() {
		defer worker.thaw()
		r.awaitGivenUp()
	})
}

func (r *faultRun) awaitGivenUp() {
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	for {
		state := r.state()
		if state.closed || state.attempts > 1 || state.timedOut > 0 {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// letTheEngineRepeat takes the limit off the attempts of an activity that is under way, as an
// operator can.
func (r *faultRun) letTheEngineRepeat(activity string) {
	r.t.Helper()
	request := &workflowservice.UpdateActivityOptionsRequest{
		Namespace:       client.DefaultNamespace,
		Execution:       &commonpb.WorkflowExecution{WorkflowId: r.books.run.GetID(), RunId: r.books.run.GetRunID()},
		Activity:        &workflowservice.UpdateActivityOptionsRequest_Type{Type: activity},
		ActivityOptions: &activitypb.ActivityOptions{RetryPolicy: &commonpb.RetryPolicy{MaximumAttempts: 5}},
		UpdateMask:      &fieldmaskpb.FieldMask{Paths: []string{"retry_policy.maximum_attempts"}},
	}
	_, err := r.client.WorkflowService().UpdateActivityOptions(r.t.Context(), request)
	require.NoError(r.t, err)
}
