package outcome_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"stemflow/internal/outcome"
)

func TestRunsAreOpenUntilTheyEnd(t *testing.T) {
	var open []enumspb.WorkflowExecutionStatus
	for value := range enumspb.WorkflowExecutionStatus_name {
		if status := enumspb.WorkflowExecutionStatus(value); outcome.IsOpen(status) {
			open = append(open, status)
		}
	}
	require.ElementsMatch(t, []enumspb.WorkflowExecutionStatus{
		enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, enumspb.WORKFLOW_EXECUTION_STATUS_PAUSED,
	}, open)
}
