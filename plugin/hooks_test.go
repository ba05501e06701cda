package plugin

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/config"
)

const hookSecret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"

func hostWith(hooks Hooks) (*host, error) {
	return newHost(Config{
		APIKey: "a-key-0123456789", MinIO: MinIO{Endpoint: "127.0.0.1:1", AccessKey: "a", SecretKey: "b"}, Hooks: hooks,
	})
}

func TestHooksReachTheActivities(t *testing.T) {
	h, err := hostWith(Hooks{
		WebhookURL: "https://receiver.example", WebhookSecrets: []string{hookSecret},
		Command: "/bin/sh", CommandEnv: []string{"PATH=/bin"},
		Notify: func(context.Context, stemflow.Event) error { return nil },
		Events: []stemflow.EventType{stemflow.EventCatalogPaused},
	})
	require.NoError(t, err)
	defer h.close()
	set := h.activities("")
	list, err := set.Hooks.List(t.Context())
	require.NoError(t, err)
	require.Equal(t, activityapi.Hooks{
		Names: []string{"webhook", "command", "notifier"}, Events: []stemflow.EventType{stemflow.EventCatalogPaused},
	}, *list)
	require.Same(t, set.Hooks, set.PrepareArchive.Hooks)
	require.Equal(t, "[hidden]", set.Hooks.Redactor.Outside(hookSecret))

	h, err = hostWith(Hooks{})
	require.NoError(t, err)
	defer h.close()
	list, err = h.activities("").Hooks.List(t.Context())
	require.NoError(t, err)
	require.Zero(t, *list)
}

func TestWrongHooksAreRefused(t *testing.T) {
	for name, hooks := range map[string]Hooks{
		"no secret":    {WebhookURL: "https://receiver.example"},
		"no address":   {WebhookSecrets: []string{hookSecret}},
		"wrong secret": {WebhookURL: "https://receiver.example", WebhookSecrets: []string{"hunter2"}},
		"http":         {WebhookURL: "http://receiver.example", WebhookSecrets: []string{hookSecret}},
		"published":    {WebhookURL: "https://receiver.example", WebhookSecrets: []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}},
		"no program":   {Command: "nothing"},
		"no event":     {Events: []stemflow.EventType{"done"}},
	} {
		_, err := hostWith(hooks)
		require.ErrorContains(t, err, "stemflow: Config.Hooks", name)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

func TestHooksOfTheEnvironmentReachTheHost(t *testing.T) {
	env := config.Worker{Hooks: config.Hooks{
		WebhookURL: config.NewSecret("http://receiver"), WebhookSecrets: []config.Secret{config.NewSecret(hookSecret)},
		AllowInsecureWebhook: true, Command: "/bin/sh", CommandEnv: []string{"PATH=/bin"}, Events: stemflow.EventTypes(),
	}}
	require.Equal(t, Hooks{
		WebhookURL: "http://receiver", WebhookSecrets: []string{hookSecret}, AllowInsecureWebhook: true,
		Command: "/bin/sh", CommandEnv: []string{"PATH=/bin"}, Events: stemflow.EventTypes(),
	}, fromWorker(nil, env).Hooks)
}

// tracing is a transport as a host has it in place of net/http's default one.
type tracing struct{ http.RoundTripper }

func TestHostWithADefaultTransportOfItsOwn(t *testing.T) {
	own := http.DefaultTransport
	http.DefaultTransport = tracing{own}
	defer func() { http.DefaultTransport = own }()
	h, err := hostWith(Hooks{WebhookURL: "https://receiver.example", WebhookSecrets: []string{hookSecret}})
	require.NoError(t, err)
	h.close()
}
