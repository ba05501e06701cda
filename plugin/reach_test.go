package plugin

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func complete() Config {
	return Config{
		APIKey: "key-0123456789", CallbackBaseURL: "https://stems.example.com", CallbackSecrets: []string{"0123456789abcdef"},
		MinIO: MinIO{Endpoint: "minio:9000", AccessKey: "access", SecretKey: "secret-key"},
	}
}

// A host that sets the configuration itself is told what one that reads the environment is.
func TestWhatIsForALocalStackIsRefusedWithTheRealProvider(t *testing.T) {
	_, err := New(complete())
	require.NoError(t, err)
	for want, change := range map[string]func(*Config){
		"Config.APIKey is published":                                 func(c *Config) { c.APIKey = "local-api-key" },
		"Config.CallbackSecrets secret 2 of 2 is published":          func(c *Config) { c.CallbackSecrets = append(c.CallbackSecrets, "local-callback-secret") },
		"Config.MinIO.SecretKey is published":                        func(c *Config) { c.MinIO.SecretKey = "stemflow-local" },
		"Config.AllowInsecureSources is true with the real provider": func(c *Config) { c.AllowInsecureSources = true },
	} {
		cfg := complete()
		change(&cfg)
		_, err := New(cfg)
		require.ErrorContains(t, err, want)
		cfg.BaseURL = "http://127.0.0.1:8090"
		_, err = New(cfg)
		require.NoError(t, err, "it goes with the simulator")
	}
	cfg := complete()
	cfg.AllowedBuckets = []string{"stems", "../etc"}
	_, err = New(cfg)
	require.ErrorContains(t, err, "Config.AllowedBuckets")
}

func TestHostsReachWhatIsConfigured(t *testing.T) {
	cfg := complete()
	cfg.Bucket, cfg.Prefix = "music", "tenants"
	h, err := newHost(cfg)
	require.NoError(t, err)
	require.True(t, h.limits.All().Folder("music", "tenants/a"))
	require.False(t, h.limits.All().Folder("music", ""))
	require.False(t, h.limits.All().Folder("stems", "tenants"))
	require.Equal(t, h.limits, h.nexusLimits().Store)
	cfg.AllowedBuckets, cfg.NexusForbidForce, cfg.NexusCreditBudget = []string{"music/tenants", "lists"}, true, new(5)
	h, err = newHost(cfg)
	require.NoError(t, err)
	require.True(t, h.limits.All().Object("lists", "june.csv"))
	require.True(t, h.nexusLimits().ForbidForce)
	require.Equal(t, 5, *h.nexusLimits().CreditBudget)
}
