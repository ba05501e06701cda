package codec

import (
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	failurepb "go.temporal.io/api/failure/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"
)

func TestADescriptionIsDecoded(t *testing.T) {
	plain := converter.GetDefaultDataConverter()
	dc := converter.NewCodecDataConverter(plain, converter.NewZlibCodec(converter.ZlibCodecOptions{AlwaysEncode: true}))
	payload := func(dc converter.DataConverter, value any) *commonpb.Payload {
		p, err := dc.ToPayload(value)
		require.NoError(t, err)
		return p
	}
	failure := func(message string) *failurepb.Failure {
		f := &failurepb.Failure{Message: message}
		require.NoError(t, converter.EncodeCommonFailureAttributes(dc, f))
		require.NotEqual(t, message, f.Message)
		return f
	}
	outer := failure("outer")
	outer.Cause = failure("inner")
	d := &workflowservice.DescribeWorkflowExecutionResponse{
		WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{
			Memo: &commonpb.Memo{Fields: map[string]*commonpb.Payload{
				"encoded": payload(dc, "a"), "plain": payload(plain, "b"),
				"of another codec": {Metadata: map[string][]byte{"encoding": []byte("other")}, Data: []byte("c")},
			}},
		},
		PendingActivities: []*workflowpb.PendingActivityInfo{
			{HeartbeatDetails: &commonpb.Payloads{Payloads: []*commonpb.Payload{payload(dc, 7)}}, LastFailure: outer},
			{},
		},
	}
	DecodeDescription(dc, d)
	read := func(p *commonpb.Payload) (value any) {
		require.NoError(t, plain.FromPayload(p, &value))
		return value
	}
	fields := d.WorkflowExecutionInfo.Memo.Fields
	require.Equal(t, "a", read(fields["encoded"]))
	require.Equal(t, "b", read(fields["plain"]))
	require.Equal(t, "c", string(fields["of another codec"].Data))
	require.EqualValues(t, 7, read(d.PendingActivities[0].HeartbeatDetails.Payloads[0]))
	require.Equal(t, "outer", d.PendingActivities[0].LastFailure.Message)
	require.Equal(t, "inner", d.PendingActivities[0].LastFailure.Cause.Message)

	DecodeDescription(dc, &workflowservice.DescribeWorkflowExecutionResponse{})
}
