package kie

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
)

func TestPricesAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/metrics.md")
	require.NoError(t, err)
	for _, kind := range stemflow.SeparationTypes() {
		require.Contains(t, string(text), fmt.Sprintf("| `%s` | %v |\n", kind, Price(string(kind))))
	}
	require.Zero(t, Price("anything else"))
}
