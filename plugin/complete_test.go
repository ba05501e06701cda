package plugin

import (
	"net/netip"
	"os"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/internal/config"
)

const webhookSecret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"

// fromEverything is the configuration of an environment that sets all there is.
func fromEverything(t *testing.T) Config {
	t.Helper()
	for name, value := range map[string]string{
		"KIE_API_KEY": "key-0123456789", "KIE_BASE_URL": "http://127.0.0.1:8090",
		"KIE_UPLOAD_URL": "http://127.0.0.1:8091",
		"KIE_ROUTE":      "jobs", "STEMFLOW_CALLBACK_BASE_URL": "https://stems.example.com",
		"STEMFLOW_CALLBACK_SECRETS": "0123456789abcdef,fedcba9876543210", "MINIO_ENDPOINT": "https://minio:9000",
		"MINIO_ACCESS_KEY": "access", "MINIO_SECRET_KEY": "secret-key", "MINIO_REGION": "eu-1",
		"STEMFLOW_BUCKET": "music", "STEMFLOW_PREFIX": "tenants", "STEMFLOW_LEDGER_BUCKET": "books",
		"STEMFLOW_LEDGER_PREFIX": "paid", "STEMFLOW_ALLOWED_BUCKETS": "music/tenants,lists",
		"STEMFLOW_NEXUS_FORCE": "false", "STEMFLOW_NEXUS_CREDIT_BUDGET": "7", "STEMFLOW_TASK_QUEUE": "stemflow",
		"STEMFLOW_SUBMIT_TASK_QUEUE": "paid-calls", "STEMFLOW_SUBMIT_RATE": "0.5", "STEMFLOW_ARCHIVE_CONCURRENCY": "3",
		"STEMFLOW_MAX_STEM_SIZE": "1000", "STEMFLOW_SOURCE_HOSTS": "files.example",
		"STEMFLOW_ALLOW_INSECURE_SOURCES": "true", "STEMFLOW_SOURCE_NETWORKS": "10.1.0.0/16",
		"HTTPS_PROXY": "http://proxy:1", "HTTP_PROXY": "http://proxy:2", "NO_PROXY": "minio",
		"STEMFLOW_WEBHOOK_URL": "http://hooks.example/in", "STEMFLOW_WEBHOOK_SECRET": webhookSecret,
		"STEMFLOW_ALLOW_INSECURE_WEBHOOK": "true", "STEMFLOW_HOOK_COMMAND": os.Args[0],
		"STEMFLOW_HOOK_EVENTS": "catalog.ended",
	} {
		t.Setenv(name, value)
	}
	c, err := client.NewLazyClient(client.Options{HostPort: "127.0.0.1:1"})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	cfg, err := FromEnv(c)
	require.NoError(t, err)
	return cfg
}

func TestWhatTheEnvironmentSaysReachesTheHost(t *testing.T) {
	cfg := fromEverything(t)
	want := Config{
		Client: cfg.Client, APIKey: "key-0123456789", BaseURL: "http://127.0.0.1:8090",
		UploadURL: "http://127.0.0.1:8091",
		Route:     "jobs", CallbackBaseURL: "https://stems.example.com",
		CallbackSecrets: []string{"0123456789abcdef", "fedcba9876543210"},
		MinIO: MinIO{
			Endpoint: "minio:9000", AccessKey: "access", SecretKey: "secret-key", Region: "eu-1", Secure: true,
		},
		Bucket: "music", Prefix: "tenants", LedgerBucket: "books", LedgerPrefix: "paid",
		AllowedBuckets: []string{"music/tenants", "lists"}, NexusForbidForce: true, NexusCreditBudget: new(7),
		SubmitTaskQueue: "paid-calls", SubmitRate: 0.5, ArchiveConcurrency: 3, MaxStemSize: 1000,
		SourceHosts: []string{"files.example"}, AllowInsecureSources: true,
		SourceNetworks: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")},
		Proxy:          Proxy{HTTPS: "http://proxy:1", HTTP: "http://proxy:2", NoProxy: "minio"},
		Hooks: Hooks{
			WebhookURL: "http://hooks.example/in", WebhookSecrets: []string{webhookSecret}, AllowInsecureWebhook: true,
			Command: os.Args[0], CommandEnv: cfg.Hooks.CommandEnv,
			Events: []stemflow.EventType{stemflow.EventCatalogEnded},
		},
		HiddenSecrets: cfg.HiddenSecrets,
	}
	require.Equal(t, want, cfg)
	require.Subset(t, cfg.HiddenSecrets, []string{"key-0123456789", "secret-key", "fedcba9876543210"})
	for field := range reflect.TypeFor[Config]().Fields() {
		if field.Name != "WorkerOptions" { // the SDK's
			value := reflect.ValueOf(cfg).FieldByIndex(field.Index)
			require.False(t, value.IsZero(), "the test leaves %s out", field.Name)
		}
	}

	t.Setenv("KIE_API_KEY", "")
	t.Setenv("KIE_BASE_URL", "")
	_, err := FromEnv(nil)
	require.ErrorContains(t, err, "KIE_API_KEY")
}

func TestZeroValuesAreTheDefaults(t *testing.T) {
	worker, err := config.LoadWorker(func(name string) (string, bool) {
		value, ok := map[string]string{
			"KIE_API_KEY": "key-0123456789", "MINIO_ENDPOINT": "https://minio:9000", "MINIO_ACCESS_KEY": "access",
			"MINIO_SECRET_KEY": "secret-key",
		}[name]
		return value, ok
	})
	require.NoError(t, err)
	want := fromWorker(nil, worker)
	got := Config{
		APIKey: want.APIKey, MinIO: want.MinIO, Route: want.Route, AllowedBuckets: want.AllowedBuckets,
		CallbackSecrets: want.CallbackSecrets, Hooks: want.Hooks,
	}.withDefaults()
	require.Equal(t, want, got)
}

// What an activity lacks it would miss when it is needed, perhaps after a payment.
func TestActivitiesHaveAllThatTheyNeed(t *testing.T) {
	cfg := fromEverything(t)
	h, err := newHost(cfg)
	require.NoError(t, err)
	t.Cleanup(h.close)
	later := map[string]bool{
		"Turns": true, "HeartbeatThrottle": true, // by the worker
		"Notify": true, // of hosts in Go
	}
	set := reflect.ValueOf(h.activities("paid-calls"))
	for field := range set.Type().Fields() {
		of := set.FieldByIndex(field.Index)
		require.False(t, of.IsNil(), field.Name)
		for part := range of.Elem().Type().Fields() {
			if part.IsExported() && !later[part.Name] {
				require.False(t, of.Elem().FieldByIndex(part.Index).IsZero(), "%s.%s", field.Name, part.Name)
			}
		}
	}
	require.Equal(t, "music", h.activities("paid-calls").PrepareArchive.Bucket)
	require.Equal(t, "books", h.activities("paid-calls").PrepareArchive.LedgerBucket)
	require.Equal(t, "paid-calls", h.activities("paid-calls").PrepareArchive.SubmitTaskQueue)
}
