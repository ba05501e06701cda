package config

import (
	"crypto/tls"
	"net/netip"
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
	// may be.
	HMACKeys  []Secret
	Tolerance time.Duration
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
		HMACKeys:  v.secrets("KIE_WEBHOOK_HMAC_KEY"),
		Tolerance: v.duration("STEMFLOW_CALLBACK_TOLERANCE", DefaultTolerance),

		TLS:            v.certificateFiles("STEMFLOW_BRIDGE_TLS_CERT_FILE", "STEMFLOW_BRIDGE_TLS_KEY_FILE"),
		TrustedProxies: v.networks("STEMFLOW_TRUSTED_PROXIES"),
		PrivateProbes:  v.flag("STEMFLOW_PRIVATE_PROBES"),
		MetricsAddr:    v.listenAddress("STEMFLOW_METRICS_ADDR", ":9465"),
	}
	if len(b.Secrets) == 0 {
		v.report(callbackSecrets, "is required, give the workers' secrets, %s", secretRemedy)
	}
	return b, v.err()
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
