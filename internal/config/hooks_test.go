package config

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
)

const (
	newWebhookSecret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
	oldWebhookSecret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
)

// hooked is complete, with further variables.
func hooked(variables map[string]string) Lookup {
	all := complete()
	for name, value := range variables {
		all[name] = value
	}
	return from(all)
}

func TestHooksOfTheEnvironment(t *testing.T) {
	program := filepath.Join(t.TempDir(), "hook")
	require.NoError(t, os.WriteFile(program, nil, 0o700))
	w, err := LoadWorker(hooked(map[string]string{
		"STEMFLOW_WEBHOOK_URL":            " https://receiver.example/in?key=1 ",
		"STEMFLOW_WEBHOOK_SECRET":         newWebhookSecret + " ,\n" + oldWebhookSecret + " ",
		"STEMFLOW_HOOK_COMMAND":           program,
		"STEMFLOW_HOOK_EVENTS":            "catalog.paused, separation.failed,",
		"STEMFLOW_ALLOW_INSECURE_WEBHOOK": "TRUE",
		"PATH":                            "/bin", "HOME": "/home/stemflow", "LANG": "C",
	}))
	require.NoError(t, err)
	require.Equal(t, Hooks{
		WebhookURL:     NewSecret("https://receiver.example/in?key=1"),
		WebhookSecrets: []Secret{NewSecret(newWebhookSecret), NewSecret(oldWebhookSecret)}, AllowInsecureWebhook: true,
		Command: program, CommandEnv: []string{"PATH=/bin", "HOME=/home/stemflow"},
		Events: []stemflow.EventType{stemflow.EventCatalogPaused, stemflow.EventSeparationFailed},
	}, w.Hooks)
	require.NotContains(t, w.Warnings(), "STEMFLOW_WEBHOOK_URL")
}

func TestWrongHooks(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "plain")
	require.NoError(t, os.WriteFile(plain, nil, 0o600))
	const url, secret = "STEMFLOW_WEBHOOK_URL", "STEMFLOW_WEBHOOK_SECRET"
	for name, c := range map[string]struct {
		variables map[string]string
		problem   string
	}{
		"an address without a secret": {
			map[string]string{url: "https://hunter2.example"}, "STEMFLOW_WEBHOOK_SECRET: is required with STEMFLOW_WEBHOOK_URL"},
		"a secret without an address": {
			map[string]string{secret: newWebhookSecret}, "STEMFLOW_WEBHOOK_URL: is required with STEMFLOW_WEBHOOK_SECRET, or leave both out"},
		"commas for secrets": {
			map[string]string{url: "https://hunter2.example", secret: " , "}, "STEMFLOW_WEBHOOK_SECRET: is required"},
		"a secret that is none": {
			map[string]string{url: "https://hunter2.example", secret: newWebhookSecret + ",hunter2"},
			`STEMFLOW_WEBHOOK_SECRET: secret 2 of 2 is not "whsec_" and a key in base64, made for example with`},
		"a short secret": {
			map[string]string{url: "https://hunter2.example", secret: "whsec_aHVudGVyMg=="},
			"STEMFLOW_WEBHOOK_SECRET: secret 1 of 1 has a key of 7 bytes, give 24 to 64 random ones"},
		"a published secret": {
			map[string]string{url: "https://hunter2.example", secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
			"STEMFLOW_WEBHOOK_SECRET: is published and known to everybody"},
		"http": {
			map[string]string{url: "http://hunter2.example", secret: newWebhookSecret},
			"STEMFLOW_WEBHOOK_URL: is http, so everybody on the way could read and replay what is told: give an https address"},
		"no address": {
			map[string]string{url: "hunter2", secret: newWebhookSecret}, "STEMFLOW_WEBHOOK_URL: is not an absolute https URL"},
		"a flag that is none": {
			map[string]string{"STEMFLOW_ALLOW_INSECURE_WEBHOOK": "yes please"}, "STEMFLOW_ALLOW_INSECURE_WEBHOOK: "},
		"a program with arguments": {
			map[string]string{"STEMFLOW_HOOK_COMMAND": "notify --urgent"}, "STEMFLOW_HOOK_COMMAND: \"notify --urgent\" is not the absolute path"},
		"no program": {
			map[string]string{"STEMFLOW_HOOK_COMMAND": "/nowhere"}, "STEMFLOW_HOOK_COMMAND: \"/nowhere\" is no program"},
		"a file that is no program": {
			map[string]string{"STEMFLOW_HOOK_COMMAND": plain}, "make it executable (chmod +x)"},
		"an unknown event": {
			map[string]string{"STEMFLOW_HOOK_EVENTS": "separation.done"}, `STEMFLOW_HOOK_EVENTS: "separation.done" is no event, give some of `},
		"no event": {
			map[string]string{"STEMFLOW_HOOK_EVENTS": ","}, "STEMFLOW_HOOK_EVENTS: names no event"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := LoadWorker(hooked(c.variables))
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Len(t, e.Problems, 1)
			require.Contains(t, e.Problems[0], c.problem)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}

func TestInsecureWebhooksWarn(t *testing.T) {
	w, err := LoadWorker(hooked(map[string]string{
		"STEMFLOW_WEBHOOK_URL": "http://receiver:8080", "STEMFLOW_WEBHOOK_SECRET": newWebhookSecret,
		"STEMFLOW_ALLOW_INSECURE_WEBHOOK": "true",
	}))
	require.NoError(t, err)
	require.Contains(t, w.Warnings(),
		"STEMFLOW_ALLOW_INSECURE_WEBHOOK is true and STEMFLOW_WEBHOOK_URL is http: everybody on the way can read what is told")
}

func TestSecretsOfHooks(t *testing.T) {
	secrets := AllSecrets(from(map[string]string{
		"STEMFLOW_WEBHOOK_URL":    "https://user:hunter2@receiver.example/services/B0123456789XY",
		"STEMFLOW_WEBHOOK_SECRET": newWebhookSecret + " " + oldWebhookSecret,
	}))
	require.ElementsMatch(t, []string{newWebhookSecret, oldWebhookSecret, "hunter2", "B0123456789XY"}, secrets)
}
