package outcome

import enumspb "go.temporal.io/api/enums/v1"

// IsOpen reports whether a run of this status has not ended. One that an operator has paused goes
// on later.
func IsOpen(status enumspb.WorkflowExecutionStatus) bool {
	return status == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING || status == enumspb.WORKFLOW_EXECUTION_STATUS_PAUSED
}
