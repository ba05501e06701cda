package config

import (
	"net/netip"
	"net/url"
	"strings"

	"stemflow/internal/hook"
)

// Warnings are what is allowed and is wise only on a local stack or as a stopgap, one sentence
// each, for the log.
func (w Worker) Warnings() []string {
	var warnings []string
	if w.AllowInsecureSources {
		warnings = append(
			warnings,
			"STEMFLOW_ALLOW_INSECURE_SOURCES is true: stems are fetched over http and from private addresses "+
				"too, which only a local stack needs",
		)
	}
	if webhook := w.Hooks.WebhookURL.Reveal(); webhook != "" && hook.CheckURL(webhook, false) != nil {
		warnings = append(
			warnings,
			allowInsecureWebhook+" is true and STEMFLOW_WEBHOOK_URL is http: everybody on the way can read what "+
				"is told",
		)
	}
	provider, _ := url.Parse(w.KIE.BaseURL)
	if provider == nil || !isProvider(provider.Hostname()) {
		return warnings
	}
	base, err := url.Parse(w.Callback.BaseURL)
	switch {
	case w.Callback.BaseURL == "" || err != nil:
		warnings = append(
			warnings,
			"STEMFLOW_CALLBACK_BASE_URL is not set: runs poll the provider and wait for no callback",
		)
	case isLocal(base.Hostname()):
		warnings = append(warnings, "STEMFLOW_CALLBACK_BASE_URL is a local address that the provider cannot reach: "+
			"every run will wait for its callback in vain and then poll")
	case base.Scheme == "http":
		warnings = append(
			warnings,
			"STEMFLOW_CALLBACK_BASE_URL is http: callback tokens travel in clear, put TLS in front of the bridge",
		)
	}
	return warnings
}

// LinkWarning is what to say before links are signed; empty if all is well.
func (m MinIO) LinkWarning() string {
	if m.LinkAccessKey != "" {
		return ""
	}
	return linkAccessKey + " and " + linkSecretKey + " are not set: links show MINIO_ACCESS_KEY, which may write, to " +
		"all who are given them; " + linkRemedy
}

func isLocal(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast() || ip.IsUnspecified()
	}
	return !strings.Contains(host, ".") || strings.HasSuffix(host, ".localhost")
}
