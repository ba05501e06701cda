package integration

import (
	"context"
	"flag"
	"log/slog"
	"math/rand/v2"

	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

var loseTasks = flag.Int("lose", 0, "lose one of so many tasks that Temporal hands out to the tests' own workers")

// losingTasks makes a worker lose tasks as a broken connection does: Temporal has handed them out,
// and they reach nobody. Whatever else a test is about, it must hold then too.
func losingTasks() []grpc.DialOption {
	if *loseTasks == 0 {
		return nil
	}
	return []grpc.DialOption{grpc.WithChainUnaryInterceptor(func(
		ctx context.Context, method string, in, out any, conn *grpc.ClientConn, next grpc.UnaryInvoker,
		options ...grpc.CallOption,
	) error {
		err := next(ctx, method, in, out, conn, options...)
		task := taskIn(out)
		if err != nil || task == "" || rand.IntN(*loseTasks) != 0 {
			return err
		}
		slog.Warn("lost a task", "type", task)
		return status.Error(codes.Unavailable, "the task is lost")
	})}
}

// taskIn is what the task in an answer is about, "" if there is none.
func taskIn(answer any) string {
	switch a := answer.(type) {
	case *workflowservice.PollActivityTaskQueueResponse:
		return a.GetActivityType().GetName()
	case *workflowservice.PollWorkflowTaskQueueResponse:
		return a.GetWorkflowType().GetName()
	}
	return ""
}
