package simulation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"golang.org/x/sync/semaphore"

	"stemflow"
	"stemflow/activities"
	"stemflow/internal/allowed"
	"stemflow/workflows"
)

// run is one run of the workflow.
type run struct {
	sim *sim
	// id is its run id, owner that of the first run of its chain.
	id, owner, workflowID string
	in                    stemflow.SeparateStemsInput
	env                   *testsuite.TestWorkflowEnvironment
	closed                chan struct{}

	options         map[string]activityOptions
	open            bool
	cancelRequested bool
	// resumable is what the ledger named when it started that it could have resumed; empty:
	// nothing.
	resumable string
	// mayHavePaid is what the ledger said of its owner when it ended, and named what it named then
	// that can be resumed.
	mayHavePaid bool
	named       string
	// interrupted is what was done to it from outside.
	interrupted kind

	result  *stemflow.SeparateStemsResult
	failure *temporal.ApplicationError
	// cancelled says that it ended so. Details are those of a failure or a cancellation.
	cancelled bool
	details   stemflow.ErrorDetails
	err       error
}

// start starts a run. The owner is empty except for a run that goes on with what another one began.
func (s *sim) start(workflowID, owner string, in stemflow.SeparateStemsInput) *run {
	s.turn("start " + workflowID)
	s.mu.Lock()
	id := fmt.Sprintf("run%d", len(s.runs)+1)
	if owner == "" {
		owner = id
	}
	r := s.newRun(id, owner, workflowID)
	r.in = in
	s.runs = append(s.runs, r)
	s.mu.Unlock()
	if paid, ok := s.ledger(in.Type).Paid(); ok {
		r.resumable = paid.SeparationTaskID
	}
	return r
}

// newRun is a run in an environment of its own, ready to be executed.
func (s *sim) newRun(id, owner, workflowID string) *run {
	r := &run{
		sim: s, id: id, owner: owner, workflowID: workflowID, closed: make(chan struct{}), open: true,
		options: map[string]activityOptions{},
	}
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	r.env = suite.NewTestWorkflowEnvironment()
	r.env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: workflowID, TaskQueue: stemflow.TaskQueue})
	r.env.SetWorkerOptions(worker.Options{Interceptors: []workerInterceptor{&engine{run: r}}})
	r.env.SetTestTimeout(forEver)
	r.env.RegisterActivityWithOptions(func(context.Context) error { return nil },
		activity.RegisterOptions{Name: keepAlive})
	workflows.Register(r.env)
	s.activities.Register(r.env)
	s.activities.RegisterSubmit(r.env)
	return r
}

// execute executes a workflow to its end. Signals reach the run no more once it has ended, as with
// Temporal.
func (r *run) execute(workflow string, in any) {
	s := r.sim
	r.env.SetStartTime(time.Now())
	r.env.ExecuteWorkflow(workflow, in)
	s.mu.Lock()
	r.open = false
	s.mu.Unlock()
	s.turn("end " + r.id)
	close(r.closed)
	r.err = r.env.GetWorkflowError()
}

// perform runs it to its end.
func (r *run) perform() {
	s := r.sim
	s.note("%s starts as %s of owner %s, force: %v, separationTaskId: %q, bucket: %q", r.id, r.workflowID, r.owner,
		r.in.Force, r.in.SeparationTaskID, r.in.Bucket)
	if r.in.Type == stemflow.TypeWAV {
		r.execute(stemflow.WorkflowConvertToWAV, stemflow.ConvertToWAVInput{
			TaskID: r.in.TaskID, AudioID: r.in.AudioID, WAVTaskID: r.in.SeparationTaskID,
			Bucket: r.in.Bucket, Force: r.in.Force,
		})
	} else {
		r.execute(stemflow.WorkflowSeparateStems, r.in)
	}
	if r.interrupted == terminateRun || r.interrupted == resetRun {
		s.note("%s was interrupted", r.id)
		return
	}
	r.mayHavePaid = s.ledger(r.in.Type).MayHavePaid(r.owner)
	if paid, ok := s.ledger(r.in.Type).Paid(); ok {
		r.named = paid.SeparationTaskID
	}
	var cancelled *temporal.CanceledError
	switch {
	case r.err == nil:
		r.readResult()
		s.note("%s ends: %s settled by %s, paid: %v, missing: %d", r.id, r.result.SeparationTaskID,
			r.result.SettledBy, r.result.Paid, len(r.result.Missing))
	case errors.As(r.err, &r.failure):
		r.readDetails(r.failure.Details)
		s.note("%s fails: %s, paid: %v, separation %q: %s", r.id, r.failure.Type(), r.details.Paid,
			r.details.SeparationTaskID, r.failure.Message())
	case errors.As(r.err, &cancelled):
		r.cancelled = true
		r.readDetails(cancelled.Details)
		s.note("%s is cancelled, paid: %v, separation %q", r.id, r.details.Paid, r.details.SeparationTaskID)
	default:
		s.note("%s ends with what is no failure of the contract: %v", r.id, r.err)
	}
}

// readResult reads the result, that of a WAV as one with a single stem.
func (r *run) readResult() {
	r.result = &stemflow.SeparateStemsResult{}
	if r.in.Type != stemflow.TypeWAV {
		if err := r.env.GetWorkflowResult(r.result); err != nil {
			panic(err)
		}
		return
	}
	var made stemflow.ConvertToWAVResult
	if err := r.env.GetWorkflowResult(&made); err != nil {
		panic(err)
	}
	*r.result = stemflow.SeparateStemsResult{
		SeparationTaskID: made.WAVTaskID, Type: stemflow.TypeWAV, SettledBy: made.SettledBy, Paid: made.Paid,
		Manifest: made.Manifest, Stems: []stemflow.Stem{{
			Name: stemflow.WAVName, Bucket: made.WAV.Bucket, Key: made.WAV.Key,
			Size: made.WAV.Size, SHA256: made.WAV.SHA256,
		}},
	}
}

// readDetails reads the details of a failure or a cancellation.
func (r *run) readDetails(read func(...any) error) {
	if r.in.Type != stemflow.TypeWAV {
		_ = read(&r.details)
		return
	}
	var details stemflow.WAVErrorDetails
	_ = read(&details)
	r.details = stemflow.ErrorDetails{SeparationTaskID: details.WAVTaskID, Paid: details.Paid}
}

// paid is what the run reports about its own paying.
func (r *run) paid() bool {
	if r.result != nil {
		return r.result.Paid
	}
	return r.details.Paid
}

// reported reports whether it reported anything.
func (r *run) reported() bool { return r.result != nil || r.failure != nil || r.cancelled }

func (r *run) interrupt(k kind) {
	switch k {
	case cancelRun:
		r.syncClock()
		r.env.CancelWorkflow()
	default:
		r.interrupted = k
		r.env.SignalWorkflow(terminate, nil)
	}
}

// syncClock brings the run's clock, which follows timers alone, to the bubble's.
func (r *run) syncClock() {
	r.env.RegisterDelayedCallback(func() { r.env.SetStartTime(time.Now()) }, 0)
}

// chain is what becomes of one workflow id: a run, and what is started after it. What is reset goes
// on under the same owner.
func (s *sim) chain(workflowID string, in stemflow.SeparateStemsInput) {
	owner := ""
	for n := range 3 {
		r := s.start(workflowID, owner, in)
		r.perform()
		owner = ""
		switch {
		case r.interrupted == resetRun:
			owner = r.owner
		case r.interrupted == terminateRun:
		case n == 0 && s.chance(2, "again", workflowID):
			in.Force = s.chance(4, "force again", workflowID)
		default:
			return
		}
		s.sleep(pick(s.dice, []time.Duration{1300 * time.Millisecond, 50 * time.Second,
			7*time.Minute + 3*time.Second, 4 * time.Hour}, "before again", workflowID, n))
	}
}

// perform runs the seed: one or two chains of runs of one track with faults, then rest, then what
// heals it.
func (s *sim) perform() {
	in := stemflow.SeparateStemsInput{TaskID: "music", AudioID: "track", Force: s.chance(6, "force")}
	done := make(chan struct{}, 3)
	chains := 1
	s.spawn(func() { s.chain("first", in); done <- struct{}{} })
	if s.chance(3, "second") {
		chains++
		s.spawn(func() {
			s.sleep(pick(s.dice, []time.Duration{time.Millisecond, 900 * time.Millisecond, 33 * time.Second,
				11 * time.Minute}, "second after"))
			in := in
			in.Force = s.chance(4, "second forces")
			if s.chance(3, "second bucket") {
				in.Bucket = "elsewhere"
			}
			s.chain("second", in)
			done <- struct{}{}
		})
	}
	if s.withWAV {
		chains++
		s.spawn(func() {
			s.sleep(pick(s.dice, []time.Duration{time.Millisecond, 700 * time.Millisecond, 29 * time.Second,
				9 * time.Minute}, "WAV after"))
			in := in
			in.Type, in.Force = stemflow.TypeWAV, s.chance(5, "WAV forces")
			s.chain("wav", in)
			done <- struct{}{}
		})
	}
	for range chains {
		select {
		case <-done:
		case <-s.over:
			runtime.Goexit()
		}
	}
	s.mu.Lock()
	s.calm = true
	s.mu.Unlock()
	s.rest()
	s.store.awayUntil, s.provider.awayUntil = time.Time{}, time.Time{}
}

// plain starts the track again, without faults, and waits for the end.
func (s *sim) plain(in stemflow.SeparateStemsInput) *run {
	in.TaskID, in.AudioID = "music", "track"
	r := s.start("heal "+string(in.Type), "", in)
	r.perform()
	return r
}

// newActivities are the product's own, over the store and the provider of the simulation.
func (s *sim) newActivities(callback activities.CallbackAddress) activities.Set {
	provider, sources := s.clients()
	transfers := semaphore.NewWeighted(4)
	places := allowed.Places{{Bucket: "stems"}, {Bucket: "elsewhere"}}
	store := activities.GuardStore(s.store, places, allowed.Place{Bucket: "stems"})
	prepare := &activities.PrepareArchive{
		Store: store, Bucket: "stems", LedgerBucket: "stems", Allowed: places,
		SubmitTaskQueue: stemflow.SubmitTaskQueue(stemflow.TaskQueue), CallbacksExpected: callback.Expected(),
	}
	return activities.Set{
		PrepareArchive:   prepare,
		SubmitSeparation: &activities.SubmitSeparation{Store: store, Provider: provider, Callback: callback},
		RecordSubmission: &activities.RecordSubmission{Store: store},
		AdoptCallback: &activities.AdoptCallback{
			Store: store, Provider: provider, Callback: callback, Archive: prepare,
		},
		GetSeparationRecord: &activities.GetSeparationRecord{Provider: provider, Callback: callback},
		GetMusicRecord:      &activities.GetMusicRecord{Provider: provider},
		RenewSource:         &activities.RenewSource{Provider: provider},
		ArchiveStem:         &activities.ArchiveStem{Store: store, Sources: sources, Transfers: transfers},
		WriteManifest:       &activities.WriteManifest{Store: store},
	}
}
