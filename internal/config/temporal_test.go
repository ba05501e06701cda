package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// environment is an envconfig.EnvLookup that notes which variables are asked for.
type environment struct {
	variables map[string]string
	asked     map[string]bool
}

func (e environment) LookupEnv(name string) (string, bool) {
	if e.asked != nil {
		e.asked[name] = true
	}
	value, set := e.variables[name]
	return value, set
}

func (e environment) Environ() []string { return nil }

func TestTemporal(t *testing.T) {
	noFile := t.TempDir() + "/none.toml"
	options, err := temporalOptions(environment{variables: map[string]string{"TEMPORAL_CONFIG_FILE": noFile}})
	require.NoError(t, err)
	require.Equal(t, "localhost:7233", options.HostPort)
	require.Equal(t, "default", options.Namespace)
	require.NotNil(t, options.Logger)

	options, err = temporalOptions(environment{variables: map[string]string{
		"TEMPORAL_CONFIG_FILE": noFile, "TEMPORAL_ADDRESS": "temporal:7233", "TEMPORAL_NAMESPACE": "music",
	}})
	require.NoError(t, err)
	require.Equal(t, "temporal:7233", options.HostPort)
	require.Equal(t, "music", options.Namespace)

	_, err = temporalOptions(environment{variables: map[string]string{
		"TEMPORAL_CONFIG_FILE": noFile, "TEMPORAL_ADDRESS": "http://temporal:7233",
	}})
	require.ErrorContains(t, err, `TEMPORAL_ADDRESS: give "host:port"`)

	_, err = temporalOptions(
		environment{variables: map[string]string{"TEMPORAL_CONFIG_FILE": noFile, "TEMPORAL_PROFILE": "gone"}},
	)
	require.ErrorContains(t, err, "unable to find profile gone")
}

func TestTemporalAtAnotherAddress(t *testing.T) {
	t.Setenv("TEMPORAL_CONFIG_FILE", t.TempDir()+"/none.toml")
	t.Setenv("TEMPORAL_ADDRESS", "http://wrong")
	t.Setenv("TEMPORAL_NAMESPACE", "music")
	options, err := TemporalAt("other:7233", "")
	require.NoError(t, err, "what is overridden does not matter")
	require.Equal(t, "other:7233", options.HostPort)
	require.Equal(t, "music", options.Namespace)

	_, err = TemporalAt("", "speech")
	require.ErrorContains(t, err, "TEMPORAL_ADDRESS")
	t.Setenv("TEMPORAL_ADDRESS", "temporal:7233")
	options, err = TemporalAt("", "speech")
	require.NoError(t, err)
	require.Equal(t, "temporal:7233", options.HostPort)
	require.Equal(t, "speech", options.Namespace)
}
