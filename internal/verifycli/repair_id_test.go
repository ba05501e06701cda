package verifycli

import (
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
)

// Who joins the repair of something else takes its findings for his own. Two deployments in one
// namespace may have buckets of their own, which nobody names.
func TestARepairIsJoinedByThoseThatCheckTheSame(t *testing.T) {
	id := func(queue string, in stemflow.VerifyArchiveInput) string {
		return (&Command{TaskQueue: queue, Input: in}).repairID()
	}
	whole := stemflow.VerifyArchiveInput{}
	track := stemflow.VerifyArchiveInput{Prefix: "/music/", TaskID: "t", AudioID: "a", Type: stemflow.SplitStem}
	require.Equal(t, id("one", whole), id("one", stemflow.VerifyArchiveInput{Repair: true}))
	require.Equal(t, id("one", track), id("one", stemflow.VerifyArchiveInput{
		Prefix: "music", TaskID: "t", AudioID: "a", Type: stemflow.SplitStem,
	}))
	require.NotEqual(t, id("one", whole), id("two", whole))
	require.NotEqual(t, id("one", whole), id("one", stemflow.VerifyArchiveInput{Bucket: "another"}))
	require.NotEqual(t, id("one", whole), id("one", stemflow.VerifyArchiveInput{Prefix: "/"}), "the whole bucket")
	require.NotEqual(t, id("one", whole), id("one", stemflow.VerifyArchiveInput{ReadData: "all"}))
	require.NotEqual(t, id("one", whole), id("one", track))
}
