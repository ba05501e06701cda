package activities

import (
	"context"

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

func (t *paidTask) setTask(kind *activityapi.Task) { t.kind = kind }

// forTask returns what executes an activity for tasks of a kind. The activity is read anew for each
// execution, and may be nil where none comes.
func forTask[A, In, Out any, P interface {
	*A
	setTask(kind *activityapi.Task)
}](
	a P, kind *activityapi.Task, execute func(P, context.Context, In) (Out, error),
) func(context.Context, In) (Out, error) {
	return func(ctx context.Context, in In) (Out, error) {
		ofKind := *a
		P(&ofKind).setTask(kind)
		return execute(&ofKind, ctx, in)
	}
}
