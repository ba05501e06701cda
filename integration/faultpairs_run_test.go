package integration

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
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
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"stemflow"
	"stemflow/internal/servers"
	"stemflow/internal/servers/serverstest"
	"stemflow/kiesim"
)

const (
	// An outage lasts until somebody has met it. One that nobody meets is over after this time.
	outageMost = 100 * time.Second
	// A server that hangs, hangs for longer than any one request to it may take.
	hangTime = 12 * time.Second
	// While the paid call is under way, Temporal hangs for longer than the activity may take: the engine gives it up.
	hangOverSubmit = 80 * time.Second
	// How often a track is started again after a run that failed.
	startsMost = 3
	// So many requests that fail are those of an activity that has given up, where the engine is away and cannot say so.
	requestsGivenUp = 8
)

// faultRun is one run with its faults, on servers of its own where a fault hits them.
type faultRun struct {
	*stack
	pair faultPair
	in   stemflow.SeparateStemsInput
	run  client.WorkflowRun

	engine   *servers.Process
	engineBy *line // how worker and bridge reach it
	minio    *servers.Process
	bridge   *supervised
	worker   *supervised
	frozen   []*supervised // workers that another one has replaced

	storeDoor, providerDoor, bridgeDoor *checkpoint
	passages                            map[runMoment]*passage
	thawing                             sync.WaitGroup
	broken                              []string
}

// faultOutcome is a row of the table.
type faultOutcome struct {
	billed, starts int
	ended          []string
	broken         []string // promises
	took           time.Duration
}

// playPair runs a track with both faults to its end, starts it again where it says so, and reconciles.
func playPair(t testing.TB, pair faultPair) faultOutcome {
	t.Helper()
	begun := time.Now()
	r := newFaultRun(t, pair)
	r.run = r.start(r.in)
	r.play()
	outcome := r.finish()
	outcome.took = time.Since(begun)
	return outcome
}

func newFaultRun(t testing.TB, pair faultPair) *faultRun {
	t.Helper()
	r := &faultRun{pair: pair}
	if pair.has("Temporal") {
		var err error
		r.engine, err = servers.Temporal(t.Context(), servers.TemporalOptions{DBFile: filepath.Join(t.TempDir(), "temporal.db")})
		require.NoError(t, err)
		t.Cleanup(func() { r.engine.Kill() })
	} else {
		r.engine = serverstest.Temporal(t)
	}
	r.stack = newStackAt(t, r.engine.Addr)
	retries := make([]time.Duration, 60)
	for i := range retries {
		retries[i] = 2 * time.Second
	}
	r.serveProvider(retries...) // it tries for longer than anything is away
	if pair.has("store") {
		r.minio = r.newStore()
	}

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
	r.storeDoor = newCheckpoint(t, "http://"+r.cfg.MinIO.Endpoint, r.at(atPreparing, atIntent, atReceipt, atArchiving, atManifest)...)
	r.providerDoor = newCheckpoint(t, r.cfg.BaseURL, r.at(atCall, atAnswer, atPolling)...)
	r.engineBy = newLine(t, r.engine.Addr)
	r.server = r.engineBy.addr

	command, addr := bridgeCommand(t, r.server)
	r.bridge = supervise(t, command)
	ready := servers.HTTPReady("http://" + addr + "/readyz")
	r.await("the bridge is ready", func() bool { return ready(t.Context()) == nil })
	r.bridgeDoor = newCheckpoint(t, "http://"+addr, r.at(atCallback)...)

	r.cfg.MinIO.Endpoint, r.cfg.BaseURL, r.cfg.CallbackBaseURL = r.storeDoor.addr, "http://"+r.providerDoor.addr, "http://"+r.bridgeDoor.addr
	r.worker = supervise(t, r.workerCommand(buildWorker(t)))

	r.in = track(stemflow.SeparateVocal)
	r.in.Deadline, r.in.CallbackGrace = stemflow.Duration(time.Minute), stemflow.Duration(30*time.Second)
	if pair.at(atPolling) {
		r.in.CallbackGrace = stemflow.Duration(time.Second)
	}
	r.sim.SetKnobs(r.in.AudioID, pair.knobs())
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

// knobs are how the provider behaves, so that the moments come about and its own faults happen.
func (p faultPair) knobs() kiesim.Knobs {
	answers := map[fault]kiesim.Answer{
		hangProvider: kiesim.AnswerHang, cutProvider: kiesim.AnswerCut, garbleProvider: kiesim.AnswerUnreadable,
	}
	var k kiesim.Knobs
	k.Outcome.Pending = p.at(atWaiting) || p.at(atPolling)
	k.Callback.Lost = p.at(atPolling)
	if p.at(atArchiving) {
		k.Files = slowFiles()
	}
	for _, m := range moments {
		f, found := p.provider(m)
		switch {
		case !found:
		case m == atCall || m == atAnswer:
			k.Submit = kiesim.Fault{Answer: answers[f], Accept: m == atAnswer, Times: 1}
		default:
			k.RecordInfo = kiesim.Fault{Answer: answers[f], Times: 2}
		}
	}
	return k
}

// play brings both faults about, and what they hit back.
func (r *faultRun) play() {
	first, second := r.pair.first, r.pair.second
	r.reach(first.at)
	r.inject(first)
	if first.at != second.at {
		r.goOn(first.at)
		if !r.pair.overlap {
			r.heal(first)
		}
		r.reach(second.at)
		r.inject(second)
		r.goOn(second.at)
		if r.pair.overlap {
			r.heal(first)
		}
		r.heal(second)
		return
	}
	r.inject(second)
	r.goOn(first.at)
	r.heal(first)
	r.heal(second)
}

// reach waits for a moment.
func (r *faultRun) reach(m runMoment) {
	r.t.Helper()
	switch m {
	case atWaiting:
		r.awaitPhase(r.run, stemflow.PhaseWaiting)
	case atAnswer:
		r.await("the track is paid for", func() bool { return r.billed(r.in) == 1 })
	default:
		select {
		case <-r.passages[m].reached:
		case <-time.After(patience):
			require.FailNow(r.t, "waited in vain for the moment: "+string(m))
		}
	}
}

// goOn lets what is held at a moment go on. A separation that was pending until then is done.
func (r *faultRun) goOn(m runMoment) {
	later := r.pair.second.at
	if (m == atWaiting || m == atPolling) && (m == later || later != atPolling) {
		r.settle(r.in)
	}
	if p := r.passages[m]; p != nil {
		p.release()
	}
}

func (r *faultRun) inject(f faultAt) {
	r.t.Helper()
	switch f.fault {
	case killWorker:
		r.worker.kill()
	case freezeWorker:
		r.worker.freeze(r.t)
	case killStore:
		r.minio.Kill()
	case freezeStore:
		require.NoError(r.t, r.minio.Freeze())
	case killTemporal:
		r.engine.Kill()
	case freezeTemporal:
		require.NoError(r.t, r.engine.Freeze())
	case killBridge:
		r.bridge.kill()
	case freezeBridge:
		r.bridge.freeze(r.t)
	case repeatSubmit:
		r.letTheEngineRepeat(stemflow.ActivitySubmitSeparation)
	}
}

// heal ends a fault, once it has been met.
func (r *faultRun) heal(f faultAt) {
	r.t.Helper()
	switch f.fault {
	case killWorker:
		r.worker.revive()
	case freezeWorker:
		r.replaceWorker()
	case killStore:
		r.missStore()
		r.restart(&r.minio)
	case freezeStore:
		r.missStore()
		require.NoError(r.t, r.minio.Thaw())
	case killTemporal:
		before := r.engineBy.refused.Load()
		r.soon(func() bool { return r.engineBy.refused.Load() > before })
		r.restart(&r.engine)
	case freezeTemporal:
		hang := hangTime
		if f.at == atCall || f.at == atAnswer || f.at == atReceipt {
			hang = hangOverSubmit
		}
		time.Sleep(hang)
		require.NoError(r.t, r.engine.Thaw())
	case killBridge, freezeBridge:
		before := r.bridgeDoor.failed.Load()
		r.soon(func() bool { return r.bridgeDoor.failed.Load() > before || r.sim.Bill().Callbacks.Refused > 0 })
		r.bridge.revive()
		r.bridge.thaw()
	}
}

// soon waits until an outage has been met, or has lasted for long enough.
func (r *faultRun) soon(met func() bool) {
	ctx, cancel := context.WithTimeout(r.t.Context(), outageMost)
	defer cancel()
	for !met() {
		select {
		case <-ctx.Done():
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// missStore waits until an activity has failed for want of the store, or has done without.
func (r *faultRun) missStore() {
	before := r.storeDoor.failed.Load()
	ended := -1
	looked := time.Now()
	r.soon(func() bool {
		failed := r.storeDoor.failed.Load() - before
		if failed >= requestsGivenUp {
			return true
		}
		if time.Since(looked) < time.Second {
			return false
		}
		looked = time.Now()
		state := r.state()
		if failed == 0 {
			return state.closed
		}
		if ended < 0 && state.known {
			ended = state.ended
		}
		return state.closed || state.attempts > 1 || state.ended > ended && state.known
	})
}

// runState is what the engine knows of a run.
type runState struct {
	known, closed bool
	// attempts are those of the activity that was tried most often; 0 when nothing is under way.
	attempts int32
	// ended counts the activities that completed or failed, timedOut those that the engine has given up.
	ended, timedOut int
}

// state asks the engine, which may be away: then nothing is known.
func (r *faultRun) state() runState {
	ctx, cancel := context.WithTimeout(r.t.Context(), 5*time.Second)
	defer cancel()
	var state runState
	d, err := r.client.DescribeWorkflowExecution(ctx, r.run.GetID(), r.run.GetRunID())
	if err != nil {
		return state
	}
	state.closed = d.WorkflowExecutionInfo.Status != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
	for _, pending := range d.PendingActivities {
		state.attempts = max(state.attempts, pending.Attempt)
	}
	events := r.client.GetWorkflowHistory(ctx, r.run.GetID(), r.run.GetRunID(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
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

// replaceWorker starts another worker beside the one that is frozen. The old one goes on when the engine has given up what it
// was doing, so that both are at it, or when the run is over.
func (r *faultRun) replaceWorker() {
	old := r.worker
	r.worker = supervise(r.t, old.command)
	r.frozen = append(r.frozen, old)
	r.thawing.Go(func() {
		defer old.thaw()
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
	})
}

func (r *faultRun) restart(server **servers.Process) {
	r.t.Helper()
	again, err := (*server).Restart(r.t.Context())
	require.NoError(r.t, err)
	r.t.Cleanup(again.Kill)
	*server = again
}

// letTheEngineRepeat takes the limit off the attempts of an activity that is under way, as an operator can.
func (r *faultRun) letTheEngineRepeat(activity string) {
	r.t.Helper()
	_, err := r.client.WorkflowService().UpdateActivityOptions(r.t.Context(), &workflowservice.UpdateActivityOptionsRequest{
		Namespace:       client.DefaultNamespace,
		Execution:       &commonpb.WorkflowExecution{WorkflowId: r.run.GetID(), RunId: r.run.GetRunID()},
		Activity:        &workflowservice.UpdateActivityOptionsRequest_Type{Type: activity},
		ActivityOptions: &activitypb.ActivityOptions{RetryPolicy: &commonpb.RetryPolicy{MaximumAttempts: 5}},
		UpdateMask:      &fieldmaskpb.FieldMask{Paths: []string{"retry_policy.maximum_attempts"}},
	})
	require.NoError(r.t, err)
}

// finish waits for the end of the run and of those that its message advises, where the advice costs nothing, and reconciles each.
func (r *faultRun) finish() faultOutcome {
	r.t.Helper()
	var outcome faultOutcome
	before := 0
	for {
		outcome.starts++
		end := r.end()
		outcome.ended = append(outcome.ended, end.String())
		charges := len(r.charges(r.in))
		r.checkHonest(end, before, charges)
		r.thawing.Wait()
		if end.err == nil || outcome.starts == startsMost || !r.startAgain(end) {
			r.stopWorkers()
			outcome.billed = r.billed(r.in)
			r.reconcile(end, outcome.billed)
			outcome.broken = r.broken
			return outcome
		}
		before = charges
	}
}

// runEnd is how a run ended.
type runEnd struct {
	result  stemflow.SeparateStemsResult
	err     *temporal.ApplicationError
	details stemflow.ErrorDetails
}

func (e runEnd) String() string {
	if e.err == nil {
		return "archived, settled by " + string(e.result.SettledBy)
	}
	return e.err.Type()
}

// paid is whether the run says that it paid, or may have.
func (e runEnd) paid() bool {
	if e.err == nil {
		return e.result.Paid
	}
	return e.details.Paid && !strings.Contains(e.err.Message(), "nothing was paid")
}

func (r *faultRun) end() runEnd {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	var end runEnd
	err := r.run.Get(ctx, &end.result)
	if err != nil {
		require.True(r.t, errors.As(err, &end.err), "how the run ended: %v", err)
		require.NoError(r.t, end.err.Details(&end.details))
	}
	return end
}

// checkHonest holds what a run says about money against the bill and the ledger of that moment.
func (r *faultRun) checkHonest(end runEnd, before, after int) {
	r.t.Helper()
	r.check(end.paid() || before == after, "the run ended with %s, says that it paid nothing, and paid", end)
	if after == 0 {
		return
	}
	ledger := r.ledger(r.in)
	r.check(ledger.State != stemflow.SubmissionRefused, "the ledger says refused after %s, but the track is paid for", end)
	r.check(ledger.State != stemflow.SubmissionPaid || r.chargedFor(ledger.SeparationTaskID),
		"the ledger names a separation that is not on the bill: %s", ledger.SeparationTaskID)
}

// chargedFor reports whether the provider was paid for a separation.
func (r *faultRun) chargedFor(separationTaskID string) bool {
	return slices.ContainsFunc(r.charges(r.in), func(c kiesim.Charge) bool { return c.TaskID == separationTaskID })
}

// check notes a promise that is broken. The run goes on: what comes of it is worth knowing too.
func (r *faultRun) check(kept bool, format string, args ...any) {
	if !kept {
		r.broken = append(r.broken, fmt.Sprintf(format, args...))
	}
}

// startAgain does what the message of a run that failed advises. It reports whether there is something that costs nothing.
func (r *faultRun) startAgain(end runEnd) bool {
	switch end.err.Type() {
	case stemflow.ErrorArchiveUnavailable, stemflow.ErrorArchiveIncomplete, stemflow.ErrorSeparationTimedOut, stemflow.ErrorProviderUnavailable:
	case stemflow.ErrorSubmissionUnknown:
		charges := r.charges(r.in) // the provider's log
		if len(charges) == 0 {
			return false // to be sure of that and start with force is a person's decision
		}
		r.in.SeparationTaskID = charges[0].TaskID
	default:
		return false
	}
	r.run = r.start(r.in)
	return true
}

// stopWorkers lets the workers finish what they have begun: whatever they still pay for is on the bill then.
func (r *faultRun) stopWorkers() {
	r.worker.stop()
	for _, worker := range r.frozen {
		worker.stop()
	}
}

// reconcile compares the last end with the bill and the archive.
func (r *faultRun) reconcile(end runEnd, billed int) {
	r.t.Helper()
	r.check(billed <= 1, "paid %d times", billed)
	if end.err == nil {
		r.check(billed >= 1, "archived, and never paid")
		r.check(r.chargedFor(end.result.SeparationTaskID), "the separation is not on the bill: %s", end.result.SeparationTaskID)
		r.requireArchived(r.in, end.result)
		return
	}
	r.check(end.err.Type() == stemflow.ErrorSubmissionUnknown, "the last run failed: %s", end.err.Error())
	r.check(billed == 0, "what is paid for is not archived: %s", end.err.Error())
	_, found := r.manifest(r.in)
	r.check(!found, "a run that failed has committed a manifest")
	if billed == 0 {
		state := r.ledger(r.in).State
		r.check(state == stemflow.SubmissionIntended, "the outcome is unknown, and the ledger says %s: the next run is not warned", state)
	}
}

func (o faultOutcome) String() string {
	text := fmt.Sprintf("billed %d, %d starts, %s, %v", o.billed, o.starts, strings.Join(o.ended, ", then "), o.took.Round(time.Second))
	if len(o.broken) > 0 {
		text += ": " + strings.Join(o.broken, "; ")
	}
	return text
}
