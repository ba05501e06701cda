package config

import (
	"net/url"
	"strings"

	"go.temporal.io/sdk/contrib/envconfig"

	"stemflow/internal/hook"
)

// minNamed is the length from which on an access key is taken for a secret. A shorter one is a name
// that occurs in texts for other reasons.
const minNamed = 12

// AllSecrets are those of [Secrets], and the API key in the profile of Temporal's configuration
// file.
func AllSecrets(lookup Lookup) []Secret {
	secrets := Secrets(lookup)
	profile, err := envconfig.LoadClientConfigProfile(envconfig.LoadClientConfigProfileOptions{})
	if err == nil && profile.APIKey != "" { // who connects reports the error
		secrets = append(secrets, NewSecret(profile.APIKey))
	}
	return secrets
}

// Secrets are all secrets that the environment has, whichever program reads them otherwise: what is
// wrong with them does not matter here. They are for a [stemflow/internal/redact.Redactor].
func Secrets(lookup Lookup) []Secret {
	v := &variables{lookup: lookup}
	var all []string
	for _, name := range []string{"KIE_API_KEY", "MINIO_SECRET_KEY", "TEMPORAL_API_KEY"} {
		all = append(all, v.text(name, ""))
	}
	if key := v.text("MINIO_ACCESS_KEY", ""); len(key) >= minNamed {
		all = append(all, key)
	}
	for _, name := range []string{callbackSecrets, webhookKey} {
		all = append(all, v.list(name)...)
	}
	all = append(all, fields(v.text(webhookSecret, ""))...)
	all = append(all, hook.SecretsOf(v.text(webhookURL, ""))...)
	for _, name := range []string{"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"} {
		for _, header := range v.list(name) {
			_, value, _ := strings.Cut(header, "=")
			if plain, err := url.PathUnescape(value); err == nil {
				value = plain
			}
			// The scheme of a credential is none of it.
			all = append(all, value[strings.LastIndex(value, " ")+1:])
		}
	}
	for _, name := range []string{"HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"} {
		if proxy, err := url.Parse(v.text(name, "")); err == nil && proxy.User != nil {
			password, _ := proxy.User.Password()
			all = append(all, password)
		}
	}
	var secrets []Secret
	for _, text := range all {
		if text != "" {
			secrets = append(secrets, NewSecret(text))
		}
	}
	return secrets
}
