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
	// LinkAccessKey and LinkSecretKey sign links, which show the access key. Without them AccessKey
	// and SecretKey do. The worker makes no links, and does not read them.
	LinkAccessKey string
	LinkSecretKey Secret
	// Secure is TLS. RootCAs is nil for the system's certificates.
	Secure  bool
	RootCAs *x509.CertPool
	// PublicEndpoint and PublicSecure are where links to objects lead. The worker makes none, and
	// does not read them.
	PublicEndpoint string
	PublicSecure   bool
}

// LoadMinIO reads the MINIO_ variables alone, for what shows the archive. The error is an [*Error].
func LoadMinIO(lookup Lookup) (MinIO, error) {
	v := &variables{lookup: lookup}
	m := v.minIO()
	m.PublicEndpoint, m.PublicSecure = m.Endpoint, m.Secure
	const name = "MINIO_PUBLIC_ENDPOINT"
	if endpoint := v.text(name, ""); endpoint != "" {
		var scheme string
		m.PublicEndpoint, scheme = v.endpoint(name, endpoint)
		if scheme != "" {
			m.PublicSecure = scheme == "https"
		}
	}
	v.linkKey(&m)
	return m, v.err()
}

// MinIORoot is the administrator of an object store; both are empty where none is given.
type MinIORoot struct {
	AccessKey string
	SecretKey Secret
}

// LoadMinIORoot reads who administers the store, for the developers' programs that look into what
// stemflow's own user may do. The error is an [*Error].
func LoadMinIORoot(lookup Lookup) (MinIORoot, error) {
	v := &variables{lookup: lookup}
	const user, password = "MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD"
	root := MinIORoot{AccessKey: v.text(user, ""), SecretKey: v.secret(password)}
	if (root.AccessKey == "") != (root.SecretKey.Reveal() == "") {
		v.report(user, "and %s belong together: give both, or none", password)
	}
	return root, v.err()
}

const (
	linkAccessKey = "MINIO_LINK_ACCESS_KEY"
	linkSecretKey = "MINIO_LINK_SECRET_KEY"
	linkRemedy    = "give the key of a user that may read objects and nothing else"
)

func (v *variables) linkKey(m *MinIO) {
	m.LinkAccessKey, m.LinkSecretKey = v.text(linkAccessKey, ""), v.secret(linkSecretKey)
	switch hasSecret := m.LinkSecretKey.Reveal() != ""; {
	case m.LinkAccessKey == "" && hasSecret:
		v.report(linkAccessKey, "is required with %s, or leave both out", linkSecretKey)
	case m.LinkAccessKey != "" && !hasSecret:
		v.report(linkSecretKey, "is required with %s, or leave both out", linkAccessKey)
	case m.LinkAccessKey != "" && m.LinkAccessKey == m.AccessKey:
		v.report(linkAccessKey, "is MINIO_ACCESS_KEY, which may write: %s", linkRemedy)
	}
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
	const name = "MINIO_ENDPOINT"
	endpoint := v.required(name, `give "host:port", like "localhost:9000"`)
	if endpoint == "" {
		return m
	}
	var scheme string
	m.Endpoint, scheme = v.endpoint(name, endpoint)
	if scheme == "" {
		return m
	}
	secure := scheme == "https"
	if v.text("MINIO_SECURE", "") != "" && m.Secure != secure {
		v.report(name, "says %s and MINIO_SECURE says %t: leave the scheme out or make them agree", scheme, m.Secure)
	}
	m.Secure = secure
	return m
}

// endpoint takes "host:port" and, because people paste it, a URL. Its scheme, where there is one,
// decides about TLS.
func (v *variables) endpoint(name, value string) (host, scheme string) {
	text, hasScheme := value, strings.Contains(value, "://")
	if !hasScheme {
		text = "none://" + value
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" ||
		u.Fragment != "" {
		v.report(name, `is not "host:port": give it like "localhost:9000", without path, user or query`)
		return "", ""
	}
	if !hasScheme {
		return u.Host, ""
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		v.report(name, `has the scheme %q: give "host:port", or a URL with http or https`, u.Scheme)
		return "", ""
	}
	return u.Host, u.Scheme
}
