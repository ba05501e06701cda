package simulation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/api/serviceerror"

	"stemflow"
	"stemflow/internal/activityapi"
)

// heard is a callback that Temporal took.
type heard struct {
	separationTaskID string
	// by is the run that was signalled; nil: its run was over, and it was handed on to be recorded.
	by *run
}

// recording is a run that records callbacks for a run that is over.
type recording struct {
	*run
	in       activityapi.RecordCallbackInput
	recorded *activityapi.RecordedCallback
}

var _ activityapi.CallbackRecorder = (*sim)(nil)

// SignalWorkflow implements callbackbridge.Signaler: as with Temporal, the signal goes to the run
// that is open under the id.
func (s *sim) SignalWorkflow(_ context.Context, _, workflowID, signal string, arg any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.runs {
		if r.open && r.workflowID == workflowID {
			r.syncClock()
			r.env.SignalWorkflow(signal, arg)
			s.heard = append(s.heard, heard{arg.(stemflow.Callback).TaskID, r})
			return nil
		}
	}
	return serviceerror.NewNotFound("no run is open under " + workflowID)
}

// RecordCallback implements activityapi.CallbackRecorder: as with Temporal's signal-with-start,
// one run at a time hears all callbacks for an owner, and once one has succeeded no other is
// started. Now and then what Temporal says is lost.
func (s *sim) RecordCallback(
	_ context.Context, _, _ string, in activityapi.RecordCallbackInput, callback stemflow.Callback,
) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = append(s.heard, heard{callback.TaskID, nil})
	ofOwner := func(r *recording) bool { return r.in.Owner == in.Owner }
	open := slices.IndexFunc(s.recordings, func(r *recording) bool { return ofOwner(r) && r.open })
	switch {
	case s.breakage == lateDropped:
	case open >= 0:
		r := s.recordings[open]
		r.syncClock()
		r.env.SignalWorkflow(stemflow.SignalSeparationCallback, callback)
	case slices.ContainsFunc(s.recordings, func(r *recording) bool { return ofOwner(r) && r.recorded != nil }):
	default:
		s.startRecording(in, callback)
	}
	if s.chance(8, "signal's answer", callback.TaskID, len(s.heard)) {
		return errLost
	}
	return nil
}

// startRecording takes no step: the caller's is the one that starts it.
func (s *sim) startRecording(in activityapi.RecordCallbackInput, callback stemflow.Callback) {
	id := fmt.Sprintf("recording%d", len(s.recordings)+1)
	r := &recording{run: s.newRun(id, id, activityapi.RecordCallbackWorkflowID(in.Owner)), in: in}
	s.recordings = append(s.recordings, r)
	r.env.RegisterDelayedCallback(func() { r.env.SignalWorkflow(stemflow.SignalSeparationCallback, callback) }, 0)
	s.spawn(func() {
		r.execute(activityapi.WorkflowRecordCallback, in)
		if r.err == nil {
			var recorded activityapi.RecordedCallback
			if err := r.env.GetWorkflowResult(&recorded); err != nil {
				panic(err)
			}
			s.mu.Lock()
			r.recorded = &recorded
			s.mu.Unlock()
		}
		s.note("%s for %s ends: %+v %v", r.id, in.Owner, r.recorded, r.err)
	})
}

// rest lets all that is still under way come to its end: zombies thaw, requests arrive late,
// callbacks come, are given up and are recorded.
func (s *sim) rest() {
	s.sleep(24 * time.Hour)
	s.turn("rest")
}

// reconcileCallbacks: what a callback named that came when its run was over is on the ledger, and
// so the next plain start resumes it.
func (s *sim) reconcileCallbacks(v *violations) {
	for _, h := range s.heard {
		if h.by != nil && !h.by.mustRecord(s.provider.find(h.separationTaskID)) {
			continue
		}
		kind := stemflow.SeparationType("")
		if t := s.provider.find(h.separationTaskID); t != nil && t.isWAV {
			kind = stemflow.TypeWAV
		}
		known := slices.ContainsFunc(s.ledger(kind).Entries(), func(e stemflow.Submission) bool {
			return e.SeparationTaskID == h.separationTaskID &&
				(e.State == stemflow.SubmissionPaid || e.State == stemflow.SubmissionFailed)
		})
		v.check(known, "a callback named %s, and the ledger does not", h.separationTaskID)
	}
	for _, r := range s.recordings {
		v.check(!r.open, "%s does not come to an end", r.id)
		v.check(r.open || r.recorded != nil && r.recorded.Owner == r.in.Owner &&
			r.recorded.Outcome != activityapi.CallbackLeft, "%s for %s recorded %+v: %v", r.id, r.in.Owner, r.recorded, r.err)
	}
}

// mustRecord reports whether a run that has heard of a separation must have put it on the ledger. A
// run that ends does not wait for long for a store or a provider that is away, longest for what it
// paid for itself. What it could not record its failure and its memo name.
func (r *run) mustRecord(t *task) bool {
	return r.reported() && !r.cancelled && !slices.ContainsFunc(r.sim.faults, func(f *fault) bool {
		short := f.kind == storeAway && f.d < 30*time.Minute && t.run.owner == r.owner
		return f.scope == scopeWorld && !short
	})
}
