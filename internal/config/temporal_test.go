package config

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// noted is an envconfig.EnvLookup that notes which variables are asked for.
type noted struct {
	variables map[string]string
	asked     map[string]bool
}

func (e noted) LookupEnv(name string) (string, bool) {
	if e.asked != nil {
		e.asked[name] = true
	}
	value, set := e.variables[name]
	return value, set
}

func (e noted) Environ() []string { return nil }

func TestTemporal(t *testing.T) {
	noFile := t.TempDir() + "/none.toml"
	options, err := temporalOptions(noted{variables: map[string]string{"TEMPORAL_CONFIG_FILE": noFile}})
	require.NoError(t, err)
	require.Equal(t, "localhost:7233", options.HostPort)
	require.Equal(t, "default", options.Namespace)
	require.NotNil(t, options.Logger)

	options, err = temporalOptions(noted{variables: map[string]string{
		"TEMPORAL_CONFIG_FILE": noFile, "TEMPORAL_ADDRESS": "temporal:7233", "TEMPORAL_NAMESPACE": "music",
	}})
	require.NoError(t, err)
	require.Equal(t, "temporal:7233", options.HostPort)
	require.Equal(t, "music", options.Namespace)

	_, err = temporalOptions(noted{variables: map[string]string{
		"TEMPORAL_CONFIG_FILE": noFile, "TEMPORAL_ADDRESS": "http://temporal:7233",
	}})
	require.ErrorContains(t, err, `TEMPORAL_ADDRESS: give "host:port"`)

	_, err = temporalOptions(
		noted{variables: map[string]string{"TEMPORAL_CONFIG_FILE": noFile, "TEMPORAL_PROFILE": "gone"}},
	)
	require.ErrorContains(t, err,
		`unable to find profile gone in config data, give one that "temporal config list" shows`)
}

func TestTemporalAtAnotherAddress(t *testing.T) {
	t.Setenv("TEMPORAL_CONFIG_FILE", t.TempDir()+"/none.toml")
	t.Setenv("TEMPORAL_ADDRESS", "http://wrong")
	t.Setenv("TEMPORAL_NAMESPACE", "music")
	options, err := TemporalAt("other:7233", "", "")
	require.NoError(t, err, "what is overridden does not matter")
	require.Equal(t, "other:7233", options.HostPort)
	require.Equal(t, "music", options.Namespace)

	_, err = TemporalAt("", "speech", "")
	require.ErrorContains(t, err, "TEMPORAL_ADDRESS")
	t.Setenv("TEMPORAL_ADDRESS", "temporal:7233")
	options, err = TemporalAt("", "speech", "")
	require.NoError(t, err)
	require.Equal(t, "temporal:7233", options.HostPort)
	require.Equal(t, "speech", options.Namespace)

	file := filepath.Join(t.TempDir(), "temporal.toml")
	require.NoError(t, os.WriteFile(file, []byte("[profile.films]\nnamespace = \"films\"\n"), 0o600))
	t.Setenv("TEMPORAL_CONFIG_FILE", file)
	require.NoError(t, os.Unsetenv("TEMPORAL_NAMESPACE")) // as it is put back in the end
	options, err = TemporalAt("", "", "films")
	require.NoError(t, err)
	require.Equal(t, "films", options.Namespace)
	_, err = TemporalAt("", "", "gone")
	require.ErrorContains(t, err, "unable to find profile gone")
}

func TestTemporalWithACodecServer(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path+" "+r.Header.Get("X-Namespace")+" "+r.Header.Get("Authorization"))
		_, _ = io.Copy(w, r.Body)
	}))
	t.Cleanup(server.Close)
	file := t.TempDir() + "/temporal.toml"
	require.NoError(t, os.WriteFile(file, []byte(
		"[profile.default]\nnamespace = \"music\"\n[profile.default.codec]\n"+
			"endpoint = \""+server.URL+"/{namespace}\"\nauth = \"Bearer file\"\n"), 0o600))
	none := t.TempDir() + "/none.toml"
	for name, c := range map[string]struct {
		variables map[string]string
		want      string
	}{
		"profile": {map[string]string{"TEMPORAL_CONFIG_FILE": file}, "/music/encode music Bearer file"},
		"environment": {
			map[string]string{"TEMPORAL_CONFIG_FILE": none, "TEMPORAL_CODEC_ENDPOINT": server.URL + "/"},
			"/encode default ",
		},
		"both": {
			map[string]string{
				"TEMPORAL_CONFIG_FILE": file, "TEMPORAL_NAMESPACE": "jazz", "TEMPORAL_CODEC_AUTH": "Bearer environment",
			},
			"/jazz/encode jazz Bearer environment",
		},
	} {
		t.Run(name, func(t *testing.T) {
			asked = nil
			options, err := temporalOptions(noted{variables: c.variables})
			require.NoError(t, err)
			require.NotNil(t, options.FailureConverter)
			_, err = options.DataConverter.ToPayload("secret")
			require.NoError(t, err)
			require.Equal(t, []string{c.want}, asked)
		})
	}

	for name, c := range map[string]struct{ endpoint, auth, want string }{
		"no scheme":       {"codec.example.com", "", "TEMPORAL_CODEC_ENDPOINT"},
		"another scheme":  {"grpc://codec.example.com", "", "TEMPORAL_CODEC_ENDPOINT"},
		"a query":         {"https://codec.example.com?a=b", "", "TEMPORAL_CODEC_ENDPOINT"},
		"no host":         {"https://", "", "TEMPORAL_CODEC_ENDPOINT"},
		"auth alone":      {"", "Bearer x", "TEMPORAL_CODEC_AUTH"},
		"auth of 2 lines": {"https://codec.example.com", "Bearer x\ny", "TEMPORAL_CODEC_AUTH"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := temporalOptions(noted{variables: map[string]string{
				"TEMPORAL_CONFIG_FILE": none, "TEMPORAL_CODEC_ENDPOINT": c.endpoint, "TEMPORAL_CODEC_AUTH": c.auth,
			}})
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "Bearer", "a credential is not shown")
		})
	}

	options, err := temporalOptions(noted{variables: map[string]string{
		"TEMPORAL_CONFIG_FILE": none, "TEMPORAL_CODEC_ENDPOINT": "", "TEMPORAL_CODEC_AUTH": "",
	}})
	require.NoError(t, err)
	require.Nil(t, options.DataConverter, "what compose sets to nothing is unset")
}
