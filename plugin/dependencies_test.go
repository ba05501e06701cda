package plugin_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// modules are what a package and all that it imports come from.
func modules(t *testing.T, pkg string) []string {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", pkg).Output()
	require.NoError(t, err)
	found := strings.Fields(string(out))
	slices.Sort(found)
	return slices.Compact(found)
}

// A caller of stemflow takes on the standard library, and a host the SDK and minio-go.
// What is not theirs is listed here with its reason, so that nothing is added unseen.
func TestEmbeddingIsCheap(t *testing.T) {
	require.Equal(t, []string{"stemflow"}, modules(t, ".."))

	allowed := slices.Concat([]string{"stemflow"},
		modules(t, "go.temporal.io/sdk/worker"), modules(t, "go.temporal.io/sdk/temporalnexus"),
		modules(t, "github.com/minio/minio-go/v7"),
		[]string{
			"go.temporal.io/sdk/contrib/envconfig", // FromEnv: the connection to Temporal as its command line finds it
			"github.com/BurntSushi/toml",           // of envconfig
			"golang.org/x/text",                    // names of instruments without their accents
			"gitlab.com/gomidi/midi/v2",            // Standard MIDI Files; it needs nothing else
			"go.opentelemetry.io/otel",             // the API of traces, for the host's own provider
			"go.opentelemetry.io/otel/trace",       // of the same
			// the signature of webhooks: one file on the standard library
			"github.com/standard-webhooks/standard-webhooks/libraries",
		})
	for _, module := range modules(t, "stemflow/plugin") {
		require.Contains(t, allowed, module)
	}
}
