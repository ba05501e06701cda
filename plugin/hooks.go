package plugin

import (
	"stemflow/activities"
	"stemflow/internal/egress"
	"stemflow/internal/hook"
	"stemflow/internal/redact"
)

// activities are the hooks as activities tell them.
func (cfg Hooks) activities(proxy *egress.Proxy, secrets *redact.Redactor) (*activities.Hooks, error) {
	hooks := &activities.Hooks{Notify: cfg.Notify, Events: cfg.Events, Redactor: secrets}
	if err := hook.CheckEvents(cfg.Events); err != nil {
		return nil, err
	}
	if cfg.WebhookURL != "" || len(cfg.WebhookSecrets) > 0 {
		webhook, err := hook.NewWebhook(hook.WebhookOptions{
			URL: cfg.WebhookURL, Secrets: cfg.WebhookSecrets, Insecure: cfg.AllowInsecureWebhook, Proxy: proxy,
			Redactor: secrets,
		})
		if err != nil {
			return nil, err
		}
		hooks.Webhook = webhook
	}
	if cfg.Command != "" {
		if err := hook.CheckCommand(cfg.Command); err != nil {
			return nil, err
		}
		hooks.Command = &hook.Command{Path: cfg.Command, Env: cfg.CommandEnv, Redactor: secrets}
	}
	return hooks, nil
}
