package contractschema

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

// Regular expressions of JavaScript differ from Go's, and so may what the schema means there.
func TestTheSchemaMeansTheSameInJavaScript(t *testing.T) {
	const caller = "../../examples/typescript"
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("there is no node")
	}
	if _, err := os.Stat(filepath.Join(caller, "node_modules", "ajv")); err != nil {
		t.Skip("Ajv is not there, run npm ci in examples/typescript")
	}
	schemas := inputSchemas(t)
	r := rand.New(rand.NewPCG(7, 8))
	var in bytes.Buffer
	var pairs []string
	var want []bool
	for range 150 {
		for _, kind := range inputs {
			document := randomInput(r, kind)
			if bytes.Contains(document, []byte("922337203685477580")) ||
				bytes.Contains(document, []byte("9007199254740993")) {
				continue // JavaScript has no such numbers
			}
			instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
			require.NoError(t, err)
			pair, err := json.Marshal([]any{kind.Name(), json.RawMessage(document)})
			require.NoError(t, err)
			pairs, want = append(pairs, string(pair)), append(want, schemas[kind].Validate(instance) == nil)
			in.Write(append(pair, '\n'))
		}
	}
	script, err := filepath.Abs("testdata/validate.mjs")
	require.NoError(t, err)
	schema, err := filepath.Abs("../../" + File)
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), "node", script, schema)
	cmd.Dir, cmd.Stdin = caller, &in
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	answers := strings.Fields(string(out))
	require.Len(t, answers, len(want))
	for i, answer := range answers {
		require.Equal(t, want[i], answer == "true", pairs[i])
	}
}
