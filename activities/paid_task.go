package activities

import (
	"stemflow/internal/activityapi"
	"stemflow/internal/kie"
)

// paidTask is the kind of task that an activity is for; the zero value is separations. The
// activities of a paid task are the same for each kind, and are registered once for each.
type paidTask struct{ kind *activityapi.Task }

func (t paidTask) task() *activityapi.Task {
	if t.kind == nil {
		return activityapi.Separation
	}
	return t.kind
}

// atProvider is the kind as the provider has it.
func (t paidTask) atProvider() *kie.Task { return kie.TaskOf(string(t.task().Types[0])) }

// of is the activity for tasks of a kind.
func (a *SubmitSeparation) of(kind *activityapi.Task) *SubmitSeparation {
	b := copyOf(a)
	b.paidTask = paidTask{kind}
	return b
}

// of is the activity for tasks of a kind.
func (a *GetSeparationRecord) of(kind *activityapi.Task) *GetSeparationRecord {
	b := copyOf(a)
	b.paidTask = paidTask{kind}
	return b
}

// of is the activity for tasks of a kind.
func (a *RenewSource) of(kind *activityapi.Task) *RenewSource {
	b := copyOf(a)
	b.paidTask = paidTask{kind}
	return b
}

// of is the activity for tasks of a kind.
func (a *ArchiveStem) of(kind *activityapi.Task) *ArchiveStem {
	b := copyOf(a)
	b.paidTask = paidTask{kind}
	return b
}

// copyOf is a copy of what is there; registered without it, an activity must not be called.
func copyOf[A any](a *A) *A {
	b := new(A)
	if a != nil {
		*b = *a
	}
	return b
}
