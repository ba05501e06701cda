package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"stemflow/internal/hook"
)

// published are the secrets of the local stacks, which stand in this repository for everybody to
// read: in docker-compose.yml, in localstack as it was, and in the documents' examples. The last
// one is of the examples of standard-webhooks.com.
var published = []string{
	"local", "local-api-key", "local-callback-secret", "local-webhook-key", "stemflow-local", "minio-root-local",
	"minioadmin", "stemflow-local-links", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
}

// isPublished reports whether a secret is known to everybody.
func isPublished(secret string) bool { return slices.Contains(published, strings.TrimSpace(secret)) }

// IsRealProvider reports whether what answers at a base URL bills somebody, as far as its address
// says: everything does but the simulator, on this machine or under its name in a local stack.
// Empty is the provider's own address.
func IsRealProvider(baseURL string) bool {
	base, err := url.Parse(baseURL)
	if err != nil || base.Hostname() == "" {
		return true
	}
	host := strings.TrimSuffix(strings.ToLower(base.Hostname()), ".")
	if ip, err := netip.ParseAddr(host); err == nil {
		return !ip.Unmap().IsLoopback()
	}
	return host != "kiesim" && host != "localhost" && !strings.HasSuffix(host, ".localhost")
}

// Setting is a part of a configuration that may be for a local stack alone.
type Setting struct {
	// Name is that of a variable, or of a field.
	Name string
	// Secrets are the setting's; Remedy says what to give in their place.
	Secrets []string
	Remedy  string
	// Insecure is a setting that lets links lead into the network; Remedy says what to do.
	Insecure bool
}

// CheckProvider tells report of every setting that is for a local stack alone, if what answers at
// the provider's base URL is no simulator. It is the one rule for whoever configures stemflow.
func CheckProvider(baseURL string, settings []Setting, report func(name, problem string)) {
	if !IsRealProvider(baseURL) {
		return
	}
	for _, s := range settings {
		for i, secret := range s.Secrets {
			if !isPublished(secret) {
				continue
			}
			which := ""
			if len(s.Secrets) > 1 {
				which = fmt.Sprintf("secret %d of %d ", i+1, len(s.Secrets))
			}
			report(s.Name, which+"is published and known to everybody, so it goes with the simulator only: "+s.Remedy)
		}
		if s.Insecure {
			report(s.Name, "is true with the real provider, whose links could then lead into your network: "+s.Remedy)
		}
	}
}

// checkProvider reports of the environment what is for a local stack alone.
func (v *variables) checkProvider(baseURL string, settings ...Setting) {
	CheckProvider(baseURL, settings, func(name, problem string) { v.report(name, "%s", problem) })
}

// settings are those of the worker that may be for a local stack alone.
func (w Worker) settings() []Setting {
	return []Setting{
		{Name: "KIE_API_KEY", Secrets: []string{w.KIE.APIKey.Reveal()}, Remedy: "make one at https://kie.ai/api-key"},
		{Name: callbackSecrets, Secrets: Reveal(w.Callback.Secrets), Remedy: "give another, " + secretRemedy},
		{Name: "MINIO_SECRET_KEY", Secrets: []string{w.MinIO.SecretKey.Reveal()},
			Remedy: "give the store's user another, " + secretRemedy},
		{Name: "MINIO_LINK_SECRET_KEY", Secrets: []string{w.MinIO.LinkSecretKey.Reveal()},
			Remedy: "give the user whose key signs links another, " + secretRemedy},
		{Name: webhookSecret, Secrets: Reveal(w.Hooks.WebhookSecrets), Remedy: "give another, " + hook.Remedy},
		{Name: "STEMFLOW_ALLOW_INSECURE_SOURCES", Insecure: w.AllowInsecureSources,
			Remedy: "leave it out (docker compose: LOCAL_KIESIM=0), or name the simulator with KIE_BASE_URL"},
	}
}
