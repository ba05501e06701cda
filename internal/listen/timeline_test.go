package listen_test

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The part that is shown stays one when a finger that zooms is lifted and another one stays.
func TestAThirdFingerLeavesTheTimelineWhole(t *testing.T) {
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("it takes Node: ", err)
	}
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join("testdata", "fingers.js"), "timeline.js")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, "0 1\n", string(out))
}
