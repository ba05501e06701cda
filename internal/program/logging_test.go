package program

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"

	"stemflow/internal/redact"
)

// written is what write leaves in a file that is no terminal.
func written(t *testing.T, write func(*os.File)) map[string]any {
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	defer file.Close()
	write(file)
	text, err := os.ReadFile(file.Name())
	require.NoError(t, err)
	var line map[string]any
	require.NoError(t, json.Unmarshal(text, &line), string(text))
	return line
}

func TestJSONWithoutATerminal(t *testing.T) {
	line := written(t, func(f *os.File) { NewLogger(f, nil).Info("started", "queue", "stemflow") })
	require.Equal(t, "started", line["msg"])
	require.Equal(t, "stemflow", line["queue"])
}

// Anyone who may start a workflow chooses its id, and logs are read on terminals.
func TestNoLogMovesTheCursor(t *testing.T) {
	const hostile = "\x1b[2J\u009b2J\u202e\u2028\x7f\U000e0041日本語"
	line := written(t, func(f *os.File) {
		NewLogger(f, nil).Warn(hostile, "workflowId", hostile, hostile, errors.New(hostile))
		text, err := os.ReadFile(f.Name())
		require.NoError(t, err)
		require.Contains(t, string(text), `\u001b[2J\u009b2J\u202e\u2028\u007f\udb40\udc41日本語`)
		for _, r := range string(text) {
			require.False(t, r != '\n' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp), "%q", r)
		}
	})
	require.Equal(t, hostile, line["workflowId"])
}

// Temporal's SDK writes to the same log, in words of its own.
func TestKeysHaveOneSpelling(t *testing.T) {
	line := written(t, func(f *os.File) {
		sdk := log.With(log.NewStructuredLogger(NewLogger(f, nil)), "WorkflowID", "w", "ActivityType", "ArchiveStem")
		sdk.Error(
			"Activity error.",
			"Error",
			errors.New("no"),
			"LinkURL",
			1,
			"separationTaskId",
			"s",
			"trace_id",
			"t",
			"",
			"nothing",
		)
	})
	delete(line, "time")
	require.Equal(t, map[string]any{
		"level": "ERROR", "msg": "Activity error.", "workflowId": "w", "activityType": "ArchiveStem", "error": "no", "linkURL": 1.0,
		"separationTaskId": "s", "trace_id": "t", "": "nothing",
	}, line)
}

func TestTheEndOfAProgramIsALineToo(t *testing.T) {
	line := written(t, func(f *os.File) { Fail(f, "worker", errors.New("two things are wrong:\n- this\n- that"), nil) })
	require.Equal(t, "worker ends", line["msg"])
	require.Equal(t, "two things are wrong:\n- this\n- that", line["error"])
}

// A value is written as JSON with all that its pointers lead to.
func TestNoSecretIsBehindAPointer(t *testing.T) {
	type header struct{ Authorization string }
	secrets := redact.New("a-secret-of-somebody")
	for name, value := range map[string]any{
		"value":   header{"Bearer a-secret-of-somebody"},
		"pointer": struct{ Header *header }{&header{"Bearer a-secret-of-somebody"}},
		"list":    []*header{{"Bearer a-secret-of-somebody"}},
		"error":   errors.New("refused: a-secret-of-somebody"),
	} {
		written(t, func(f *os.File) {
			NewLogger(f, secrets).Info("asked", "value", value)
			text, err := os.ReadFile(f.Name())
			require.NoError(t, err)
			require.NotContains(t, string(text), "a-secret-of-somebody", name)
		})
	}
	line := written(t, func(f *os.File) { NewLogger(f, secrets).Info("asked", "value", []*header{{"none"}}) })
	require.Equal(t, []any{map[string]any{"Authorization": "none"}}, line["value"])
}
