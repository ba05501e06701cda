package config

import (
	"crypto/tls"
	"net/netip"
	"strings"
	"time"

	"stemflow"
)

// DefaultTolerance is how old the provider's timestamp may be: as old as the token that comes with
// it gets at most. A retry may carry the timestamp of the first attempt, and what a repeated
// callback does is bounded elsewhere: the run looks at the record.
const DefaultTolerance = time.Duration(stemflow.MaxDeadline) + time.Hour

// Bridge is what the callback bridge needs.
type Bridge struct {
	// Addr is the address to listen on, like ":8088".
	Addr string
	// Secrets verify the tokens in callback URLs: at least one.
	Secrets []Secret
	// HMACKeys verify the provider's signature; none: it is not demanded. Tolerance is how old it
	// may be. RequireSignature makes a missing key an error.
	HMACKeys         []Secret
	RequireSignature bool
	Tolerance        time.Duration
	// TLS is the certificate to serve with; nil: the bridge speaks plain HTTP, to a proxy that does
	// TLS.
	TLS *CertificateFiles
	// TrustedProxies are the addresses whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// PrivateProbes takes health and readiness off Addr: they are then at MetricsAddr alone.
	PrivateProbes bool
	// MetricsAddr is the address on which metrics are served, and health and readiness.
	MetricsAddr string
}

// CertificateFiles are a certificate, with its chain, and its key, in PEM form.
type CertificateFiles struct{ Cert, Key string }

// LoadBridge reads what the callback bridge needs. The error is an [*Error].
func LoadBridge(lookup Lookup) (Bridge, error) {
	v := &variables{lookup: lookup}
	b := Bridge{
		Addr:      v.listenAddress("STEMFLOW_BRIDGE_ADDR", ":8088"),
		Secrets:   v.callbackSecrets(),
		HMACKeys:  v.webhookKeys(),
		Tolerance: v.duration("STEMFLOW_CALLBACK_TOLERANCE", DefaultTolerance),

		TLS:            v.certificateFiles("STEMFLOW_BRIDGE_TLS_CERT_FILE", "STEMFLOW_BRIDGE_TLS_KEY_FILE"),
		TrustedProxies: v.networks("STEMFLOW_TRUSTED_PROXIES"),
		PrivateProbes:  v.flag("STEMFLOW_PRIVATE_PROBES"),
		MetricsAddr:    v.listenAddress("STEMFLOW_METRICS_ADDR", ":9465"),
	}
	b.RequireSignature = v.flag(requireSignature)
	if b.RequireSignature && len(b.HMACKeys) == 0 && v.text(webhookKey, "") == "" {
		v.report(webhookKey, "is required with %s: give the webhook key of https://kie.ai/settings", requireSignature)
	}
	base := "" // a wrong address is no simulator's
	if given := v.baseURL("KIE_BASE_URL", DefaultKIEBaseURL); given != nil {
		base = given.String()
	}
	v.checkProvider(base,
		Setting{
			Name: callbackSecrets, Secrets: Reveal(b.Secrets), Remedy: "give the workers' other ones, " + secretRemedy,
		},
		Setting{Name: webhookKey, Secrets: Reveal(b.HMACKeys), Remedy: webhookRemedy})
	if len(b.Secrets) == 0 {
		v.report(callbackSecrets, "is required, give the workers' secrets, %s", secretRemedy)
	}
	return b, v.err()
}

const (
	webhookKey       = "KIE_WEBHOOK_HMAC_KEY"
	requireSignature = "STEMFLOW_REQUIRE_SIGNATURE"
	webhookRemedy    = "give the webhook key of https://kie.ai/settings"
	// MinWebhookKey is the length of the shortest webhook key that is taken, in bytes.
	MinWebhookKey = 8
)

// webhookKeys are comma-separated. One that is empty or short would let everybody sign, or nobody's
// signature be demanded, so it is an error; as is a variable that has white space only. One that is
// set to nothing at all is unset.
func (v *variables) webhookKeys() []Secret {
	value, _ := v.lookup(webhookKey)
	if value == "" {
		return nil
	}
	texts := strings.Split(value, ",")
	var keys []Secret
	for i, text := range texts {
		text = strings.TrimSpace(text)
		if len(text) < MinWebhookKey {
			v.report(webhookKey, "key %d of %d is %d bytes long: %s, of at least %d, or unset the variable",
				i+1, len(texts), len(text), webhookRemedy, MinWebhookKey)
			continue
		}
		keys = append(keys, NewSecret(text))
	}
	return keys
}

// certificateFiles are two files that belong together; nil if neither is named.
func (v *variables) certificateFiles(certName, keyName string) *CertificateFiles {
	files := CertificateFiles{Cert: v.text(certName, ""), Key: v.text(keyName, "")}
	switch {
	case files == CertificateFiles{}:
		return nil
	case files.Key == "":
		v.report(keyName, "is required with %s", certName)
		return nil
	case files.Cert == "":
		v.report(certName, "is required with %s", keyName)
		return nil
	}
	if _, err := tls.LoadX509KeyPair(files.Cert, files.Key); err != nil {
		v.report(certName, "with %s: no certificate and key in PEM form that fit: %v", keyName, err)
	}
	return &files
}

// networks are comma-separated: "10.0.0.0/8" or a single address.
func (v *variables) networks(name string) []netip.Prefix {
	var networks []netip.Prefix
	for _, text := range v.list(name) {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			var single netip.Addr
			if single, err = netip.ParseAddr(text); err == nil && single.Zone() == "" {
				network, err = single.Prefix(single.BitLen())
			}
		}
		if err != nil || !network.IsValid() {
			v.report(name, "%q is neither an address nor a network, like 10.0.0.0/8", text)
			continue
		}
		networks = append(networks, network.Masked())
	}
	return networks
}
