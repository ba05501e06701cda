package workflows

import (
	"go/ast"
	"go/parser"
	"go/token"
	"testing"

	"github.com/stretchr/testify/require"
)

// A task that is handed out and reaches no worker holds its run up until a timeout of its attempt.
func TestWhatTakesLongerThanARequestSendsHeartbeats(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "policies.go", nil, 0)
	require.NoError(t, err)
	short := map[string]bool{
		"requestTimeout": true,
		"submitTimeout":  true, // a single attempt, whose end is what counts
	}
	long := 0
	ast.Inspect(file, func(n ast.Node) bool {
		options, ok := n.(*ast.CompositeLit)
		if !ok {
			return true
		}
		fields := map[string]string{}
		for _, element := range options.Elts {
			if field, ok := element.(*ast.KeyValueExpr); ok {
				if value, ok := field.Value.(*ast.Ident); ok {
					fields[field.Key.(*ast.Ident).Name] = value.Name
				}
			}
		}
		if timeout := fields["StartToCloseTimeout"]; timeout != "" && !short[timeout] {
			long++
			require.Equal(t, "longHeartbeat", fields["HeartbeatTimeout"], timeout)
		}
		return true
	})
	require.Greater(t, long, 6)
}
