package logging

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestJSONWithoutATerminal(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	defer file.Close()
	New(file).Info("started", "queue", "stemflow")

	written, err := os.ReadFile(file.Name())
	require.NoError(t, err)
	var line map[string]any
	require.NoError(t, json.Unmarshal(written, &line))
	require.Equal(t, "started", line["msg"])
	require.Equal(t, "stemflow", line["queue"])
}
