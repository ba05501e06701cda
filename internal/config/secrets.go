package config

import (
	"net/url"
	"slices"
	"strings"

	"go.temporal.io/sdk/contrib/envconfig"

	"stemflow/internal/egress"
	"stemflow/internal/hook"
	"stemflow/internal/redact"
)

// minNamed is the length from which on an access key is taken for a secret. A shorter one is a name
// that occurs in texts for other reasons.
const minNamed = 12

// AllSecrets are all secrets of the environment and of the profile in Temporal's configuration
// file, whichever program reads them otherwise: what is wrong with them does not matter here. They
// are for a [stemflow/internal/redact.Redactor].
func AllSecrets(lookup Lookup) []string {
	v := &variables{lookup: lookup}
	var all []string
	for _, name := range []string{"KIE_API_KEY", "MINIO_SECRET_KEY", "MINIO_LINK_SECRET_KEY", "TEMPORAL_API_KEY"} {
		all = append(all, v.text(name, ""))
	}
	for _, name := range []string{"MINIO_ACCESS_KEY", "MINIO_LINK_ACCESS_KEY"} {
		if key := v.text(name, ""); len(key) >= minNamed {
			all = append(all, key)
		}
	}
	for _, name := range []string{callbackSecrets, webhookKey} {
		all = append(all, v.list(name)...)
	}
	all = append(all, fields(v.text(webhookSecret, ""))...)
	all = append(all, hook.SecretsOf(v.text(webhookURL, ""))...)
	all = append(all, redact.Credential(v.text("TEMPORAL_CODEC_AUTH", "")))
	for _, name := range []string{"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"} {
		for _, header := range v.list(name) {
			_, value, _ := strings.Cut(header, "=")
			if plain, err := url.PathUnescape(value); err == nil {
				value = plain
			}
			all = append(all, redact.Credential(value))
		}
	}
	for _, names := range [][2]string{{"HTTPS_PROXY", "HTTP_PROXY"}, {"https_proxy", "http_proxy"}} {
		all = append(all, egress.Settings{HTTPS: v.text(names[0], ""), HTTP: v.text(names[1], "")}.Secrets()...)
	}
	all = append(all, profileSecrets(lookup)...)
	return slices.DeleteFunc(all, func(secret string) bool { return secret == "" })
}

// profileSecrets are those that only the configuration file may have. Who connects reports what is
// wrong with it.
func profileSecrets(lookup Lookup) []string {
	profile, err := envconfig.LoadClientConfigProfile(envconfig.LoadClientConfigProfileOptions{
		EnvLookup: environment{envconfig.EnvLookupOS, lookup},
	})
	if err != nil {
		return nil
	}
	secrets := []string{profile.APIKey}
	if profile.Codec != nil {
		secrets = append(secrets, redact.Credential(profile.Codec.Auth))
	}
	return append(secrets, redact.Credential(profile.GRPCMeta["authorization"]))
}
