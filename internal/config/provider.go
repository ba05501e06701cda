package config

// Provider is what reaches the provider's account.
type Provider struct {
	KIE   KIE
	Proxy Proxy
}

// LoadProvider reads what reaches the provider's account if KIE_API_KEY is set, and returns nil
// otherwise: for what only asks for its balance. The error is an [*Error].
func LoadProvider(lookup Lookup) (*Provider, error) {
	v := &variables{lookup: lookup}
	if v.text("KIE_API_KEY", "") == "" {
		return nil, nil
	}
	p := &Provider{KIE: v.kie(), Proxy: v.proxy()}
	return p, v.err()
}
