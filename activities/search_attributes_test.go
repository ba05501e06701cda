package activities

import (
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"google.golang.org/grpc"

	"stemflow"
)

// listing is a server that lists one search attribute to a caller that waits for it.
type listing struct {
	operatorservice.OperatorServiceClient
	asked func()
}

func (l listing) ListSearchAttributes(
	ctx context.Context, _ *operatorservice.ListSearchAttributesRequest, _ ...grpc.CallOption,
) (*operatorservice.ListSearchAttributesResponse, error) {
	l.asked()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return &operatorservice.ListSearchAttributesResponse{CustomAttributes: map[string]enumspb.IndexedValueType{
		stemflow.SearchAttributes()[0]: enumspb.INDEXED_VALUE_TYPE_KEYWORD,
	}}, nil
}

// The answer is for all runs of the next seconds.
func TestARunThatIsCancelledAnswersForNoOther(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := &SearchAttributes{Operator: listing{asked: cancel}}
	run := func(ctx context.Context) (names []string) {
		var suite testsuite.WorkflowTestSuite
		suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
		env := suite.NewTestActivityEnvironment()
		env.SetWorkerOptions(worker.Options{BackgroundActivityContext: ctx})
		env.RegisterActivity(s.Execute)
		result, err := env.ExecuteActivity(s.Execute)
		require.NoError(t, err)
		require.NoError(t, result.Get(&names))
		return names
	}
	run(ctx)
	require.Equal(t, stemflow.SearchAttributes()[:1], run(t.Context()))
}
