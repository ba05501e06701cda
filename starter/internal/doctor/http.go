package doctor

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/url"
)

// withoutURL drops the URL that net/http puts in front of its errors: it may be a secret.
func withoutURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

// tlsConfig trusts the given authorities, or the system's.
func tlsConfig(roots *x509.CertPool) *tls.Config {
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
}
