package config

import (
	"crypto/x509"
	"net/url"
	"strings"
)

// MinIO says how to reach an S3-compatible object store.
type MinIO struct {
	// Endpoint is "host" or "host:port".
	Endpoint  string
	AccessKey string
	SecretKey Secret
	Region    string
	// Secure is TLS. RootCAs is nil for the system's certificates.
	Secure  bool
	RootCAs *x509.CertPool
}

// LoadMinIO reads the MINIO_ variables alone, for what only reads the archive. The error is an [*Error].
func LoadMinIO(lookup Lookup) (MinIO, error) {
	v := &variables{lookup: lookup}
	m := v.minIO()
	return m, v.err()
}

func (v *variables) minIO() MinIO {
	m := MinIO{
		AccessKey: v.required("MINIO_ACCESS_KEY", "give the access key of a user that may read and write the bucket"),
		SecretKey: v.secret("MINIO_SECRET_KEY"),
		Region:    v.text("MINIO_REGION", ""),
		Secure:    v.flag("MINIO_SECURE"),
		RootCAs:   v.certificates("MINIO_CA_FILE"),
	}
	if m.SecretKey.Reveal() == "" {
		v.report("MINIO_SECRET_KEY", "is required, give the secret key that belongs to MINIO_ACCESS_KEY")
	}
	if endpoint := v.required("MINIO_ENDPOINT", `give "host:port", like "localhost:9000"`); endpoint != "" {
		v.endpoint(endpoint, &m)
	}
	return m
}

// endpoint takes "host:port" and, because people paste it, a URL. Its scheme then decides about TLS.
func (v *variables) endpoint(value string, m *MinIO) {
	const name = "MINIO_ENDPOINT"
	text, hasScheme := value, strings.Contains(value, "://")
	if !hasScheme {
		text = "none://" + value
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		v.report(name, `is not "host:port": give it like "localhost:9000", without path, user or query`)
		return
	}
	m.Endpoint = u.Host
	if !hasScheme {
		return
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		v.report(name, `has the scheme %q: give "host:port", or a URL with http or https`, u.Scheme)
		return
	}
	secure := u.Scheme == "https"
	if v.text("MINIO_SECURE", "") != "" && m.Secure != secure {
		v.report(name, "says %s and MINIO_SECURE says %t: leave the scheme out or make them agree", u.Scheme, m.Secure)
	}
	m.Secure = secure
}
