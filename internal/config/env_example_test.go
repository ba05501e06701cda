package config

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// example is .env.example: the variables that must be given, and the defaults of the others.
func example(t *testing.T) (required []string, defaults map[string]string) {
	text, err := os.ReadFile("../../.env.example")
	require.NoError(t, err)
	defaults = map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, value, assigned := strings.Cut(strings.TrimSpace(line), "=")
		switch {
		case !assigned || strings.Contains(name, " "):
		case strings.HasPrefix(name, "#"):
			defaults[name[1:]] = value
		default:
			require.Empty(t, value, "the example gives no value for a variable that must be given")
			required = append(required, name)
		}
	}
	return required, defaults
}

func TestExampleNamesEveryVariable(t *testing.T) {
	required, defaults := example(t)
	asked := map[string]bool{}
	lookup := func(name string) (string, bool) {
		asked[name] = true
		value, set := complete()[name]
		return value, set
	}
	_, err := LoadWorker(lookup)
	require.NoError(t, err)
	_, err = LoadBridge(lookup)
	require.NoError(t, err)
	_, err = LoadStarter(lookup)
	require.NoError(t, err)
	_, err = LoadTracing(lookup)
	require.NoError(t, err)
	_, err = LoadMinIO(lookup)
	require.NoError(t, err)
	for name := range asked {
		// The variables of the proxy have two spellings.
		_, optional := defaults[strings.ToUpper(name)]
		require.True(t, optional || slices.Contains(required, name), "%s is read and missing in .env.example", name)
	}

	// What the OpenTelemetry SDK reads by itself; internal/telemetry's tests show that it does.
	for _, name := range []string{"OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"} {
		asked[name] = true
	}
	// What belongs to Temporal's client is a choice of its variables, written with the values of a
	// set one.
	_, err = temporalOptions(
		noted{variables: map[string]string{"TEMPORAL_CONFIG_FILE": t.TempDir() + "/none.toml"}, asked: asked},
	)
	require.NoError(t, err)
	for _, name := range required {
		require.True(t, asked[name], "%s stands in .env.example and nothing reads it", name)
	}
	for name := range defaults {
		require.True(t, asked[name], "%s stands in .env.example and nothing reads it", name)
	}
}

func TestExampleShowsTheDefaults(t *testing.T) {
	_, defaults := example(t)
	for name, value := range complete() {
		_, isDefault := defaults[name]
		require.False(t, isDefault, "%s has no default and must be given", name)
		defaults[name] = value
	}
	worker, err := LoadWorker(from(defaults))
	require.NoError(t, err)
	plain, err := LoadWorker(from(complete()))
	require.NoError(t, err)
	require.Equal(t, plain, worker)

	bridge, err := LoadBridge(from(defaults))
	require.NoError(t, err)
	plainBridge, err := LoadBridge(from(complete()))
	require.NoError(t, err)
	require.Equal(t, plainBridge, bridge)

	tracing, err := LoadTracing(from(defaults))
	require.NoError(t, err)
	require.Zero(t, tracing)

	starter, err := LoadStarter(from(defaults))
	require.NoError(t, err)
	plainStarter, err := LoadStarter(from(nil))
	require.NoError(t, err)
	require.Equal(t, plainStarter, starter)
}
