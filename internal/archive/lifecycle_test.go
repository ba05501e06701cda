package archive_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/lifecycle"
	"github.com/stretchr/testify/require"

	"stemflow/internal/archive"
)

// deploy/minio/lifecycle.json is taken by a store, and lets no object that counts expire: without
// its ledger a track is paid for again.
func TestTheLifecycleKeepsWhatCounts(t *testing.T) {
	text, err := os.ReadFile("../../deploy/minio/lifecycle.json")
	require.NoError(t, err)
	var rules lifecycle.Configuration
	require.NoError(t, json.Unmarshal(text, &rules))
	require.Len(t, rules.Rules, 2)
	turns := archive.TurnsKey("", "default", "stemflow-submit", time.Now())
	for _, rule := range rules.Rules {
		if !rule.Expiration.IsNull() {
			require.True(t, strings.HasPrefix(turns, rule.RuleFilter.Prefix), rule.ID)
			require.Equal(t, "_turns/", rule.RuleFilter.Prefix, "no track is below it")
		}
	}
	f := newFixture(t)
	require.NoError(t, f.raw.EnableVersioning(t.Context(), f.bucket))
	require.NoError(t, f.raw.SetBucketLifecycle(t.Context(), f.bucket, &rules))
	taken, err := f.raw.GetBucketLifecycle(t.Context(), f.bucket)
	require.NoError(t, err)
	require.EqualValues(t, 30, taken.Rules[0].NoncurrentVersionExpiration.NoncurrentDays)
	f.archiveTrack("folder/")
}
