package config

import (
	"strings"
	"unicode"

	"stemflow"
	"stemflow/internal/hook"
)

const (
	webhookURL           = "STEMFLOW_WEBHOOK_URL"
	webhookSecret        = "STEMFLOW_WEBHOOK_SECRET"
	allowInsecureWebhook = "STEMFLOW_ALLOW_INSECURE_WEBHOOK"
	hookCommand          = "STEMFLOW_HOOK_COMMAND"
	hookEvents           = "STEMFLOW_HOOK_EVENTS"
)

// Hooks are told how runs and catalogues end, and that catalogues pause.
type Hooks struct {
	// WebhookURL may hold a credential; empty: there is no webhook. WebhookSecrets sign what it is
	// sent, each of them.
	WebhookURL     Secret
	WebhookSecrets []Secret
	// AllowInsecureWebhook lets http through to other machines.
	AllowInsecureWebhook bool
	// Command is the absolute path of a program; empty: there is none. CommandEnv is its
	// environment: of the worker's, what a program needs to find others, and no secret.
	Command    string
	CommandEnv []string
	// Events are what they are told; empty: everything.
	Events []stemflow.EventType
}

func (v *variables) hooks() Hooks {
	h := Hooks{AllowInsecureWebhook: v.flag(allowInsecureWebhook)}
	v.webhook(&h)
	if h.Command = v.text(hookCommand, ""); h.Command != "" {
		if err := hook.CheckCommand(h.Command); err != nil {
			v.report(hookCommand, "%v", err)
		}
		for _, name := range []string{"PATH", "HOME"} {
			if value, set := v.lookup(name); set {
				h.CommandEnv = append(h.CommandEnv, name+"="+value)
			}
		}
	}
	for _, name := range v.list(hookEvents) {
		h.Events = append(h.Events, stemflow.EventType(name))
	}
	if err := hook.CheckEvents(h.Events); err != nil {
		v.report(hookEvents, "%v", err)
	} else if len(h.Events) == 0 && v.text(hookEvents, "") != "" {
		v.report(hookEvents, "names no event: name some, or unset it to be told of all")
	}
	return h
}

func (v *variables) webhook(h *Hooks) {
	address, secrets := v.text(webhookURL, ""), fields(v.text(webhookSecret, ""))
	for i, secret := range secrets {
		h.WebhookSecrets = append(h.WebhookSecrets, NewSecret(secret))
		if err := hook.CheckSecret(secret); err != nil {
			v.report(webhookSecret, "secret %d of %d %v", i+1, len(secrets), err)
		}
	}
	switch {
	case address == "" && len(secrets) > 0:
		v.report(webhookURL, "is required with %s, or leave both out", webhookSecret)
	case address == "":
		return
	case len(secrets) == 0:
		v.report(webhookSecret, "is required with %s, or receivers could not know who calls: give one, %s",
			webhookURL, hook.Remedy)
	}
	h.WebhookURL = NewSecret(address)
	if err := hook.CheckURL(address, h.AllowInsecureWebhook); address != "" && err != nil {
		v.report(webhookURL, "%v", err)
	}
}

// fields are separated by space or commas.
func fields(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
}
