package config

import "time"

// DefaultTolerance is how far the provider's timestamp may be from now, either way.
const DefaultTolerance = 5 * time.Minute

// Bridge is what the callback bridge needs.
type Bridge struct {
	// Addr is the address to listen on, like ":8088".
	Addr string
	// Secrets verify the tokens in callback URLs: at least one.
	Secrets []Secret
	// HMACKeys verify the provider's signature; none: it is not demanded. Tolerance is how old or early it may be.
	HMACKeys  []Secret
	Tolerance time.Duration
}

// LoadBridge reads what the callback bridge needs. The error is an [*Error].
func LoadBridge(lookup Lookup) (Bridge, error) {
	v := &variables{lookup: lookup}
	b := Bridge{
		Addr:      v.listenAddress("STEMFLOW_BRIDGE_ADDR", ":8088"),
		Secrets:   v.callbackSecrets(),
		HMACKeys:  v.secrets("KIE_WEBHOOK_HMAC_KEY"),
		Tolerance: v.duration("STEMFLOW_CALLBACK_TOLERANCE", DefaultTolerance),
	}
	if len(b.Secrets) == 0 {
		v.report(callbackSecrets, "is required, give the workers' secrets, %s", secretRemedy)
	}
	return b, v.err()
}
