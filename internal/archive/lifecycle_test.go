package archive_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/minio/minio-go/v7/pkg/lifecycle"
	"github.com/stretchr/testify/require"
)

// deploy/minio/lifecycle.json is taken by a store, and lets no object that counts expire: without
// its ledger a track is paid for again.
func TestTheLifecycleKeepsWhatCounts(t *testing.T) {
	text, err := os.ReadFile("../../deploy/minio/lifecycle.json")
	require.NoError(t, err)
	var rules lifecycle.Configuration
	require.NoError(t, json.Unmarshal(text, &rules))
	require.Len(t, rules.Rules, 1)
	for _, rule := range rules.Rules {
		require.True(t, rule.Expiration.IsNull(), rule.ID)
	}
	f := newFixture(t)
	require.NoError(t, f.raw.EnableVersioning(t.Context(), f.bucket))
	require.NoError(t, f.raw.SetBucketLifecycle(t.Context(), f.bucket, &rules))
	taken, err := f.raw.GetBucketLifecycle(t.Context(), f.bucket)
	require.NoError(t, err)
	require.EqualValues(t, 30, taken.Rules[0].NoncurrentVersionExpiration.NoncurrentDays)
	f.archiveTrack("folder/")
}
