package config

import (
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

// IsPublished reports whether a secret is known to everybody.
func IsPublished(secret string) bool { return slices.Contains(published, strings.TrimSpace(secret)) }

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

const publishedRemedy = "is published and known to everybody, so it goes with the simulator only: "

// checkProvider refuses with the real provider what is for a local stack.
func (v *variables) checkProvider(w Worker) {
	if !IsRealProvider(w.KIE.BaseURL) {
		return
	}
	if IsPublished(w.KIE.APIKey.Reveal()) {
		v.report("KIE_API_KEY", publishedRemedy+"make one at https://kie.ai/api-key")
	}
	v.checkPublished(callbackSecrets, w.Callback.Secrets, "give another, "+secretRemedy)
	v.checkPublished("MINIO_SECRET_KEY", []Secret{w.MinIO.SecretKey},
		"give the store's user another, "+secretRemedy)
	v.checkPublished("MINIO_LINK_SECRET_KEY", []Secret{w.MinIO.LinkSecretKey},
		"give the user whose key signs links another, "+secretRemedy)
	v.checkPublished(webhookSecret, w.Hooks.WebhookSecrets, "give another, "+hook.Remedy)
	if w.AllowInsecureSources {
		v.report("STEMFLOW_ALLOW_INSECURE_SOURCES", "is true with the real provider, whose links could then lead into "+
			"your network: leave it out (docker compose: LOCAL_KIESIM=0), or name the simulator with KIE_BASE_URL")
	}
}

func (v *variables) checkPublished(name string, secrets []Secret, remedy string) {
	for i, s := range secrets {
		if !IsPublished(s.Reveal()) {
			continue
		}
		if len(secrets) == 1 {
			v.report(name, "%s%s", publishedRemedy, remedy)
		} else {
			v.report(name, "secret %d of %d %s%s", i+1, len(secrets), publishedRemedy, remedy)
		}
	}
}
