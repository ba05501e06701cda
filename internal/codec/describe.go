package codec

import (
	commonpb "go.temporal.io/api/common/v1"
	failurepb "go.temporal.io/api/failure/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"
)

// DecodeDescription decodes what a client hands on as the server has it: the memo of a run, and the
// heartbeats and failures of its pending activities. What does not decode stays as it is.
func DecodeDescription(dc converter.DataConverter, d *workflowservice.DescribeWorkflowExecutionResponse) {
	for _, payload := range d.GetWorkflowExecutionInfo().GetMemo().GetFields() {
		decode(dc, payload)
	}
	for _, activity := range d.GetPendingActivities() {
		for _, payload := range activity.GetHeartbeatDetails().GetPayloads() {
			decode(dc, payload)
		}
		decodeFailure(dc, activity.GetLastFailure())
	}
}

// decodeFailure decodes messages that a worker's failure converter has encoded too.
func decodeFailure(dc converter.DataConverter, failure *failurepb.Failure) {
	for ; failure != nil; failure = failure.GetCause() {
		converter.DecodeCommonFailureAttributes(dc, failure)
	}
}

func decode(dc converter.DataConverter, payload *commonpb.Payload) {
	var raw converter.RawValue
	if dc.FromPayload(payload, &raw) == nil {
		payload.Metadata, payload.Data = raw.Payload().GetMetadata(), raw.Payload().GetData()
	}
}
