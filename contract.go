// Package stemflow is the contract of stemflow: the names, inputs, results and error types that a
// caller of its workflows needs, and nothing else. It depends on no other module, so that
// a pipeline can import it and call [WorkflowSeparateStems] as a child workflow without pulling in
// a client of anything.
//
// All names here are released: a name or a JSON field is never renamed or given another meaning,
// only added to.
package stemflow

import "stemflow/internal/naming"

// Names under which stemflow is reached through Temporal.
const (
	// TaskQueue is the task queue that stemflow's own worker polls. A host that embeds stemflow may
	// use any other.
	TaskQueue = "stemflow"

	// WorkflowSeparateStems separates one track: it takes a [SeparateStemsInput] and returns a
	// [SeparateStemsResult].
	WorkflowSeparateStems = "SeparateStems"

	// NexusService is the Nexus service that every host of stemflow offers. Its operations
	// SeparateStems and SeparateCatalog have the workflows' names, inputs and results.
	NexusService = "stemflow"

	// SignalSeparationCallback delivers a [Callback] to a running separation. The callback bridge
	// sends it.
	SignalSeparationCallback = "separation-callback"

	// QueryProgress answers with a [Progress].
	QueryProgress = "progress"

	// UpdatePollNow asks the provider at once and answers with a [PollNowResult]. It takes no
	// argument, does no harm when repeated, and is refused while there is no separation to ask
	// about.
	UpdatePollNow = "poll-now"

	// MemoSeparationTaskID is the memo field that holds the provider's id of a paid separation,
	// from the moment it is known.
	MemoSeparationTaskID = "separationTaskId"
)

// SubmitTaskQueue is the queue of the one paid call for a host that polls taskQueue and has not
// named another.
func SubmitTaskQueue(taskQueue string) string { return taskQueue + "-submit" }

// WorkflowID is the id under which a separation of this track is started. Two starts of one track
// under this id, with the conflict policy "use existing", join one run.
func WorkflowID(in SeparateStemsInput) string {
	return in.Track().workflowID()
}

// workflowID is the id under which what is paid for of a track is started.
func (t Track) workflowID() string {
	if t.Type == TypeWAV {
		return t.id()
	}
	return "stems:" + t.id()
}

// id is what the ids of workflows about a track have in common.
func (t Track) id() string {
	id := string(t.Type) + ":" + t.TaskID + ":" + t.AudioID
	if t.Type == SplitStemAdvanced {
		id += ":" + naming.Slug(t.StemName)
	}
	return id
}
