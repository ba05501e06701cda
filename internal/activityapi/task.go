package activityapi

import (
	"slices"

	"stemflow"
)

// Task is a kind of task that the provider is paid for once. Everything about paying, waiting and
// archiving takes one, and knows nothing else of what kinds there are. The [stemflow.Track] of a
// task, with its type, is where its ledger is, what it is archived under and what its callbacks are
// for: two kinds of task of the same music have nothing in common.
type Task struct {
	// Types are the types of its tracks.
	Types []stemflow.SeparationType
	// Name is what messages call it, Part what it yields, and Field the field of the input that
	// names one that is paid for.
	Name, Part, Field string
	// Memo is the memo field that holds its id.
	Memo string
	// Submit, GetRecord, Renew and Archive are the activities that do for it what those of
	// separations do. They have names of their own, since a worker of a release that does not know
	// the kind must not take one for a separation.
	Submit, GetRecord, Renew, Archive string
	// Failed, TimedOut and Empty are the error types for a task that the provider has failed, that
	// was not done at the deadline, and that has yielded nothing. Exists is that for one which the
	// provider makes once for each track and has made before, where it does so.
	Failed, TimedOut, Empty, Exists string
	// ContentType, where given, is what the objects must be.
	ContentType string

	results func([]stemflow.SourceStem) []stemflow.SourceStem
	details func(stemflow.ErrorDetails) any
}

// Separation is a separation of any type.
var Separation = &Task{
	Types: stemflow.SeparationTypes(),
	Name:  "separation", Part: "stem", Field: "separationTaskId", Memo: stemflow.MemoSeparationTaskID,
	Submit: ActivitySubmitSeparation, GetRecord: ActivityGetSeparationRecord,
	Renew: ActivityRenewSource, Archive: ActivityArchiveStem,
	Failed: stemflow.ErrorSeparationFailed, TimedOut: stemflow.ErrorSeparationTimedOut, Empty: stemflow.ErrorNoStems,
}

// Tasks are all kinds.
func Tasks() []*Task { return []*Task{Separation, WAV} }

// TaskOf is the kind of task that tracks of a type have. Whatever is of no type that is known is a
// separation, as in earlier releases.
func TaskOf(t stemflow.SeparationType) *Task {
	for _, task := range Tasks() {
		if slices.Contains(task.Types, t) {
			return task
		}
	}
	return Separation
}

// IsFailed reports whether an error type says that the provider has failed a task, whatever its
// kind.
func IsFailed(kind string) bool {
	return slices.ContainsFunc(Tasks(), func(t *Task) bool { return t.Failed == kind })
}

// IsEmpty reports whether an error type says that a task has yielded nothing, whatever its kind.
func IsEmpty(kind string) bool {
	return slices.ContainsFunc(Tasks(), func(t *Task) bool { return t.Empty == kind })
}

// Results are what a record or a callback of the task has links for, by the names under which it is
// archived.
func (t *Task) Results(stems []stemflow.SourceStem) []stemflow.SourceStem {
	if t.results == nil {
		return stems
	}
	return t.results(stems)
}

// Details are the details of an error with which a run ends, in the task's own form.
func (t *Task) Details(d stemflow.ErrorDetails) any {
	if t.details == nil {
		return d
	}
	return t.details(d)
}
