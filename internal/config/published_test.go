package config

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRealProvider(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "providers.json")) // miniosetup's test reads it too
	require.NoError(t, err)
	var bills map[string]bool
	require.NoError(t, json.Unmarshal(text, &bills))
	require.True(t, bills[DefaultKIEBaseURL])
	for base, want := range bills {
		require.Equal(t, want, IsRealProvider(base), base)
	}
}

// What a local stack runs with must not be refused, and nothing of it must do for the real
// provider.
func TestLocalStacksSecretsGoWithTheSimulatorOnly(t *testing.T) {
	local := map[string]string{
		"KIE_API_KEY": "local-api-key", "STEMFLOW_CALLBACK_SECRETS": "local-callback-secret", "MINIO_ENDPOINT": "minio:9000",
		"MINIO_ACCESS_KEY": "stemflow", "MINIO_SECRET_KEY": "stemflow-local", "STEMFLOW_ALLOW_INSECURE_SOURCES": "1",
		"KIE_WEBHOOK_HMAC_KEY": "local-webhook-key", "KIE_BASE_URL": "http://kiesim:8090",
	}
	_, err := LoadWorker(from(local))
	require.NoError(t, err)
	_, err = LoadBridge(from(local))
	require.NoError(t, err)

	for _, base := range []string{"", " ", "https://api.kie.ai", "http://proxy:8080"} {
		local["KIE_BASE_URL"] = base
		_, err = LoadWorker(from(local))
		var e *Error
		require.ErrorAs(t, err, &e)
		require.Len(t, e.Problems, 4, base)
		_, err = LoadBridge(from(local))
		require.ErrorAs(t, err, &e)
		require.Len(t, e.Problems, 2, base)
	}
}

// Every secret that the compose file falls back on is known to be published.
func TestComposeDefaultsAreKnownAsPublished(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docker-compose.yml"))
	require.NoError(t, err)
	defaults := regexp.MustCompile(`\$\{(\w*(?:SECRET|PASSWORD|API_KEY|HMAC_KEY)\w*):?-([^${}]+)\}`).FindAllStringSubmatch(string(text), -1)
	require.GreaterOrEqual(t, len(defaults), 5)
	for _, found := range defaults {
		require.True(t, isPublished(found[2]), "%s=%s", found[1], found[2])
	}
}

// miniosetup is of another module, and so has a copy of the list.
func TestMinIOsSetupKnowsThePublishedSecrets(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "tools", "miniosetup", "main.go"))
	require.NoError(t, err)
	list := regexp.MustCompile(`var published = \[\]string\{([^}]*)\}`).FindSubmatch(text)
	require.NotNil(t, list)
	var known []string
	for _, quoted := range regexp.MustCompile(`"([^"]*)"`).FindAllSubmatch(list[1], -1) {
		known = append(known, string(quoted[1]))
	}
	require.ElementsMatch(t, published, known)
}

func TestSecretsOfTheEnvironment(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none.toml")
	secrets := func(values map[string]string) []string {
		values["TEMPORAL_CONFIG_FILE"] = cmp.Or(values["TEMPORAL_CONFIG_FILE"], none)
		return AllSecrets(from(values))
	}
	require.Equal(t, "key|store|links|temporal|one|two|new|old|codec|tok/en|blue|a%zz|p@ss|temporal|codec",
		strings.Join(secrets(map[string]string{
			"KIE_API_KEY": " key ", "KIE_WEBHOOK_HMAC_KEY": "new,old,", "STEMFLOW_CALLBACK_SECRETS": "one, two",
			"MINIO_SECRET_KEY": "store", "MINIO_ACCESS_KEY": "stemflow", "MINIO_LINK_SECRET_KEY": "links",
			"MINIO_LINK_ACCESS_KEY": "reader", "TEMPORAL_API_KEY": "temporal", "TEMPORAL_CODEC_AUTH": "Bearer codec",
			"TEMPORAL_CODEC_ENDPOINT":           "https://codec.example.com",
			"OTEL_EXPORTER_OTLP_HEADERS":        "authorization=Bearer%20tok%2Fen,x-tenant=blue",
			"OTEL_EXPORTER_OTLP_TRACES_HEADERS": "api-key=a%zz",
			"HTTPS_PROXY":                       "http://user:p%40ss@proxy:3128",
		}), "|"))
	for _, name := range []string{"MINIO_ACCESS_KEY", "MINIO_LINK_ACCESS_KEY"} {
		require.Equal(t, []string{"AKIAIOSFODNN7EXAMPLE"}, secrets(map[string]string{name: "AKIAIOSFODNN7EXAMPLE"}))
	}
	require.Equal(t, []string{"pass"}, secrets(map[string]string{"https_proxy": "user:pass@proxy:3128"}))
	require.Equal(t, []string{"apikey"}, secrets(map[string]string{"HTTP_PROXY": "http://apikey:@proxy:3128"}))
	require.Empty(t, secrets(map[string]string{}))

	file := filepath.Join(t.TempDir(), "temporal.toml")
	require.NoError(t, os.WriteFile(file, []byte(`[profile.music]
api_key = "in-a-file"
codec = { endpoint = "https://codec.example.com", auth = "Bearer decode" }
grpc_meta = { authorization = "Basic header" }
`), 0o600))
	require.Equal(t, []string{"in-a-file", "decode", "header"},
		secrets(map[string]string{"TEMPORAL_CONFIG_FILE": file, "TEMPORAL_PROFILE": "music"}))
}
