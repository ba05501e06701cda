package plugin

import (
	"crypto/x509"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow/internal/archive"
	"stemflow/internal/config"
)

// What the environment says of the store reaches it unchanged, on every way.
func TestStoreCoordinatesAreHandedOnCompletely(t *testing.T) {
	minIO, err := config.LoadMinIO(func(name string) (string, bool) {
		value, ok := map[string]string{
			"MINIO_ENDPOINT": "https://store:9000", "MINIO_ACCESS_KEY": "access", "MINIO_SECRET_KEY": "secretkey",
			"MINIO_REGION": "eu-1", "MINIO_PUBLIC_ENDPOINT": "https://public",
			"MINIO_LINK_ACCESS_KEY": "links", "MINIO_LINK_SECRET_KEY": "linkskey",
		}[name]
		return value, ok
	})
	require.NoError(t, err)
	minIO.RootCAs = x509.NewCertPool()
	want := archive.Options{
		Endpoint: "store:9000", AccessKey: "access", SecretKey: "secretkey", Region: "eu-1", Secure: true, RootCAs: minIO.RootCAs,
		PublicEndpoint: "public", PublicSecure: true, LinkAccessKey: "links", LinkSecretKey: "linkskey",
	}
	require.Equal(t, want, archive.OptionsOf(minIO))
	for field := range reflect.TypeFor[archive.Options]().Fields() {
		require.False(t, reflect.ValueOf(want).FieldByIndex(field.Index).IsZero(), "the test leaves %s out", field.Name)
	}

	want.PublicEndpoint, want.PublicSecure = "", false // a host makes no links
	want.LinkAccessKey, want.LinkSecretKey = "", ""
	require.Equal(t, want, fromWorker(nil, config.Worker{MinIO: minIO}).MinIO.options())
}

// STEMFLOW_TASK_QUEUE is of stemflow's own worker. A host's submits wait in a queue of its own,
// unless one is named.
func TestSubmitQueueFollowsTheHost(t *testing.T) {
	unnamed := config.Worker{TaskQueue: "stemflow", SubmitTaskQueue: "stemflow-submit"}
	require.Empty(t, fromWorker(nil, unnamed).SubmitTaskQueue)
	named := config.Worker{TaskQueue: "stemflow", SubmitTaskQueue: "paid"}
	require.Equal(t, "paid", fromWorker(nil, named).SubmitTaskQueue)
}

func TestSecretsOfAHost(t *testing.T) {
	c := Config{
		APIKey: "key", CallbackSecrets: []string{"one", "two"}, HiddenSecrets: []string{"more"},
		MinIO: MinIO{SecretKey: "store"},
		Proxy: Proxy{HTTPS: "http://user:p%40ss@proxy:3128", HTTP: "token@proxy:3128"},
		Hooks: Hooks{WebhookURL: "https://hooks.example/x0123456789x", WebhookSecrets: []string{"hook"}},
	}
	require.ElementsMatch(t,
		[]string{"key", "one", "two", "more", "store", "p@ss", "token", "hook", "x0123456789x"}, c.secrets())
}
