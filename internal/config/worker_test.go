package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow/internal/allowed"
	"stemflow/internal/certtest"
	"stemflow/internal/kie"
)

func from(variables map[string]string) Lookup {
	return func(name string) (string, bool) {
		value, set := variables[name]
		return value, set
	}
}

// complete is the least with which every program starts.
func complete() map[string]string {
	return map[string]string{
		"KIE_API_KEY": "key-0123456789", "STEMFLOW_CALLBACK_SECRETS": "0123456789abcdef",
		"MINIO_ENDPOINT": "minio.example.com:9000", "MINIO_ACCESS_KEY": "access", "MINIO_SECRET_KEY": "secret-key",
	}
}

func with(name, value string) Lookup {
	variables := complete()
	variables[name] = value
	return from(variables)
}

func TestWorkerDefaults(t *testing.T) {
	w, err := LoadWorker(from(complete()))
	require.NoError(t, err)
	require.Equal(t, Worker{
		KIE:      KIE{APIKey: NewSecret("key-0123456789"), BaseURL: "https://api.kie.ai", UploadURL: "https://kieai.redpandaai.co"},
		Callback: Callback{Secrets: []Secret{NewSecret("0123456789abcdef")}},
		MinIO:    MinIO{Endpoint: "minio.example.com:9000", AccessKey: "access", SecretKey: NewSecret("secret-key")},
		Bucket:   "stems", LedgerBucket: "stems", TaskQueue: "stemflow", SubmitTaskQueue: "stemflow-submit", SubmitRate: 1.5,
		ArchiveConcurrency: 24, MaxStemSize: 1 << 30,
		SourceHosts: []string{"aiquickdraw.com", "kie.ai", "redpandaai.co", "removeai.ai", "erweima.ai"},
		Allowed:     allowed.Places{{Bucket: "stems"}},
		MetricsAddr: ":9464", LookupInterval: 5 * time.Minute,
	}, w)
}

func TestWorkerTakesEverySetting(t *testing.T) {
	w, err := LoadWorker(from(map[string]string{
		"KIE_BASE_URL":                    "http://127.0.0.1:9/kie/",
		"KIE_ROUTE":                       "jobs",
		"KIE_UPLOAD_URL":                  "http://127.0.0.1:9/files",
		"STEMFLOW_CALLBACK_BASE_URL":      "https://stems.example.com/hooks/",
		"STEMFLOW_CALLBACK_SECRETS":       "new-secret-0123456789, old-secret-0123456789,",
		"MINIO_ENDPOINT":                  "https://minio.example.com",
		"MINIO_ACCESS_KEY":                " access\n",
		"MINIO_SECRET_KEY":                "secret-key",
		"MINIO_REGION":                    "eu-north-1",
		"STEMFLOW_BUCKET":                 "my.stems",
		"STEMFLOW_PREFIX":                 "a/b",
		"STEMFLOW_LEDGER_BUCKET":          "ledgers",
		"STEMFLOW_LEDGER_PREFIX":          "account",
		"STEMFLOW_TASK_QUEUE":             "pipeline",
		"STEMFLOW_SUBMIT_RATE":            "0.5",
		"STEMFLOW_ARCHIVE_CONCURRENCY":    "3",
		"STEMFLOW_MAX_STEM_SIZE":          "500MB",
		"STEMFLOW_SOURCE_HOSTS":           "Files.Example.com,127.0.0.1, .example.org",
		"STEMFLOW_ALLOW_INSECURE_SOURCES": "TRUE",
		"STEMFLOW_METRICS_ADDR":           "127.0.0.1:1",
		"STEMFLOW_LOOKUP_INTERVAL":        "10m",
		"STEMFLOW_ALLOWED_BUCKETS":        "my.stems, lists/june/",
		"STEMFLOW_NEXUS_FORCE":            "false",
		"STEMFLOW_NEXUS_CREDIT_BUDGET":    "500",
	}))
	require.NoError(t, err)
	require.Equal(t, Worker{
		KIE: KIE{BaseURL: "http://127.0.0.1:9/kie", UploadURL: "http://127.0.0.1:9/files", Route: kie.RouteJobs},
		Callback: Callback{
			BaseURL: "https://stems.example.com/hooks",
			Secrets: []Secret{NewSecret("new-secret-0123456789"), NewSecret("old-secret-0123456789")},
		},
		MinIO: MinIO{
			Endpoint: "minio.example.com", AccessKey: "access", SecretKey: NewSecret("secret-key"), Region: "eu-north-1", Secure: true,
		},
		Bucket: "my.stems", Prefix: "a/b", LedgerBucket: "ledgers", LedgerPrefix: "account", TaskQueue: "pipeline", SubmitTaskQueue: "pipeline-submit", SubmitRate: 0.5,
		ArchiveConcurrency: 3, MaxStemSize: 500e6,
		SourceHosts: []string{"files.example.com", "127.0.0.1", ".example.org"}, AllowInsecureSources: true,
		MetricsAddr: "127.0.0.1:1", LookupInterval: 10 * time.Minute,
		Allowed: allowed.Places{{Bucket: "my.stems"}, {Bucket: "lists", Prefix: "june"}},
		Nexus:   Nexus{ForbidForce: true, CreditBudget: new(500)},
	}, w)
}

func TestOneErrorNamesEverythingMissing(t *testing.T) {
	_, err := LoadWorker(from(nil))
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, []string{
		"KIE_API_KEY: is required, make one at https://kie.ai/api-key",
		"MINIO_ACCESS_KEY: is required, give the access key of a user that may read and write the bucket",
		"MINIO_SECRET_KEY: is required, give the secret key that belongs to MINIO_ACCESS_KEY",
		`MINIO_ENDPOINT: is required, give "host:port", like "localhost:9000"`,
	}, e.Problems)
	require.EqualError(
		t,
		err,
		"the environment has 4 problems:\n  "+e.Problems[0]+"\n  "+e.Problems[1]+"\n  "+e.Problems[2]+"\n  "+e.Problems[3],
	)

	_, err = LoadBridge(from(nil))
	require.EqualError(t, err, "the environment has a problem: STEMFLOW_CALLBACK_SECRETS: is required, "+
		"give the workers' secrets, made for example with: openssl rand -hex 32")

	_, err = LoadMinIO(from(map[string]string{"MINIO_ENDPOINT": "", "MINIO_ACCESS_KEY": "a", "MINIO_SECRET_KEY": "s"}))
	require.ErrorContains(t, err, "MINIO_ENDPOINT: is required", "a variable set to nothing is not set")
}

func TestBadWorkerVariable(t *testing.T) {
	notPEM := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(notPEM, []byte("no certificate"), 0o600))
	for _, c := range []struct{ name, value, problem string }{
		{"KIE_API_KEY", "two words", "KIE_API_KEY: contains a space or a line break, give the value alone"},
		{"KIE_BASE_URL", "api.kie.ai", "KIE_BASE_URL: is not an absolute http or https URL, like https://stems.example.com"},
		{"KIE_ROUTE", "market", `KIE_ROUTE: "market" is no route of the provider, give dedicated or jobs`},
		{"KIE_ROUTE", "Jobs", `KIE_ROUTE: "Jobs" is no route of the provider, give dedicated or jobs`},
		{"KIE_BASE_URL", "http://api.kie.ai", "KIE_BASE_URL: must be https with api.kie.ai, or the API key would travel in clear"},
		{"STEMFLOW_CALLBACK_BASE_URL", "https://:8088", "STEMFLOW_CALLBACK_BASE_URL: is not an absolute http or https URL, like https://stems.example.com"},
		{"STEMFLOW_CALLBACK_BASE_URL", "ftp://h", "STEMFLOW_CALLBACK_BASE_URL: is not an absolute http or https URL, like https://stems.example.com"},
		{"STEMFLOW_CALLBACK_BASE_URL", "https://h/?a=b", "STEMFLOW_CALLBACK_BASE_URL: must be a plain base URL, without user, query or fragment"},
		{"STEMFLOW_CALLBACK_BASE_URL", "https://user:pass@h", "STEMFLOW_CALLBACK_BASE_URL: must be a plain base URL, without user, query or fragment"},
		{"STEMFLOW_CALLBACK_SECRETS", "0123456789abcdef,short", "STEMFLOW_CALLBACK_SECRETS: secret 2 of 2 is 5 bytes long, " +
			"give at least 16 random ones, made for example with: openssl rand -hex 32"},
		{"MINIO_ENDPOINT", "ftp://minio:9000", `MINIO_ENDPOINT: has the scheme "ftp": give "host:port", or a URL with http or https`},
		{"MINIO_ENDPOINT", "minio:9000/bucket", `MINIO_ENDPOINT: is not "host:port": give it like "localhost:9000", without path, user or query`},
		{"MINIO_ENDPOINT", "https://key:pass@minio", `MINIO_ENDPOINT: is not "host:port": give it like "localhost:9000", without path, user or query`},
		{"MINIO_ENDPOINT", "minio:http", `MINIO_ENDPOINT: is not "host:port": give it like "localhost:9000", without path, user or query`},
		{"MINIO_SECURE", "yes", `MINIO_SECURE: "yes" is neither true nor false`},
		{"MINIO_CA_FILE", notPEM, "MINIO_CA_FILE: " + notPEM + " holds no certificate in PEM form"},
		{"MINIO_CA_FILE", notPEM + ".gone", "MINIO_CA_FILE: cannot be read: open " + notPEM + ".gone: no such file or directory"},
		{"STEMFLOW_BUCKET", "My_Bucket", `STEMFLOW_BUCKET: "My_Bucket" is not a bucket name: 3 to 63 lower-case letters, digits, '.' and '-', ` +
			"a letter or digit at both ends and on both sides of each '.', no IP address"},
		{"STEMFLOW_PREFIX", "a//b", `STEMFLOW_PREFIX: "a//b" is not a key prefix: parts separated by single slashes, none of them '.' or '..', ` +
			"no backslashes or control characters"},
		{"STEMFLOW_SUBMIT_TASK_QUEUE", "stemflow", "STEMFLOW_SUBMIT_TASK_QUEUE: is the same as STEMFLOW_TASK_QUEUE: give another, " +
			"because its rate limit holds for everything on it"},
		{"STEMFLOW_SUBMIT_RATE", "0", `STEMFLOW_SUBMIT_RATE: "0" is not a rate: give a number above 0, like 1.5`},
		{"STEMFLOW_SUBMIT_RATE", "NaN", `STEMFLOW_SUBMIT_RATE: "NaN" is not a rate: give a number above 0, like 1.5`},
		{"STEMFLOW_SUBMIT_RATE", "inf", `STEMFLOW_SUBMIT_RATE: "inf" is not a rate: give a number above 0, like 1.5`},
		{"STEMFLOW_LOOKUP_INTERVAL", "119s", `STEMFLOW_LOOKUP_INTERVAL: "119s" is neither 0, for no lookups, nor a duration of at least 2m0s: ` +
			`write it with a unit, like "5m"`},
		{"STEMFLOW_LOOKUP_INTERVAL", "-5m", `STEMFLOW_LOOKUP_INTERVAL: "-5m" is neither 0, for no lookups, nor a duration of at least 2m0s: ` +
			`write it with a unit, like "5m"`},
		{"STEMFLOW_ARCHIVE_CONCURRENCY", "0", `STEMFLOW_ARCHIVE_CONCURRENCY: "0" is not a whole number of at least 1`},
		{"STEMFLOW_MAX_STEM_SIZE", "1 gig", `STEMFLOW_MAX_STEM_SIZE: "1 gig" is not a size: give bytes, or a whole number and a unit, like "500MB", "10G" or "1GiB"`},
		{"STEMFLOW_SOURCE_HOSTS", "kie.ai,https://kie.ai", `STEMFLOW_SOURCE_HOSTS: "https://kie.ai" is not a host: ` +
			`give names like "aiquickdraw.com" (its subdomains are meant too), without scheme, port or path`},
		{"STEMFLOW_SOURCE_HOSTS", "*.kie.ai", `STEMFLOW_SOURCE_HOSTS: "*.kie.ai" is not a host: ` +
			`give names like "aiquickdraw.com" (its subdomains are meant too), without scheme, port or path`},
		{"STEMFLOW_ALLOW_INSECURE_SOURCES", "maybe", `STEMFLOW_ALLOW_INSECURE_SOURCES: "maybe" is neither true nor false`},
		{"STEMFLOW_ALLOW_INSECURE_SOURCES", "true", "STEMFLOW_ALLOW_INSECURE_SOURCES: is true with the real provider, whose links could then lead into " +
			"your network: leave it out (docker compose: LOCAL_KIESIM=0), or name the simulator with KIE_BASE_URL"},
		{"KIE_API_KEY", "local-api-key", "KIE_API_KEY: is published and known to everybody, so it goes with the simulator only: make one at https://kie.ai/api-key"},
		{"STEMFLOW_CALLBACK_SECRETS", "local-callback-secret", "STEMFLOW_CALLBACK_SECRETS: is published and known to everybody, so it goes with the simulator only: " +
			"give another, made for example with: openssl rand -hex 32"},
		{"MINIO_SECRET_KEY", "stemflow-local", "MINIO_SECRET_KEY: is published and known to everybody, so it goes with the simulator only: " +
			"give the store's user another, made for example with: openssl rand -hex 32"},
		{"STEMFLOW_ALLOWED_BUCKETS", "stems,,lists", `STEMFLOW_ALLOWED_BUCKETS: "" is not a bucket name: 3 to 63 lower-case letters, digits, '.' and '-', ` +
			`a letter or digit at both ends and on both sides of each '.', no IP address; give buckets, or folders of them like "stems/music", separated by commas`},
		{"STEMFLOW_ALLOWED_BUCKETS", "stems/../lists", `STEMFLOW_ALLOWED_BUCKETS: "../lists" is not a key prefix: parts separated by single slashes, ` +
			"none of them '.' or '..', no backslashes or control characters"},
		{"STEMFLOW_ALLOWED_BUCKETS", "lists", `STEMFLOW_ALLOWED_BUCKETS: leaves out where the worker archives by default: add "stems", or change STEMFLOW_BUCKET and ` +
			"STEMFLOW_PREFIX"},
		{"STEMFLOW_NEXUS_FORCE", "no!", `STEMFLOW_NEXUS_FORCE: "no!" is neither true nor false`},
		{"STEMFLOW_NEXUS_CREDIT_BUDGET", "-1", `STEMFLOW_NEXUS_CREDIT_BUDGET: "-1" is not a whole number of at least 0`},
	} {
		t.Run(c.name+"="+c.value, func(t *testing.T) {
			_, err := LoadWorker(with(c.name, c.value))
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, []string{c.problem}, e.Problems)
		})
	}
}

func TestAPIKeyIsNeededForTheProviderOnly(t *testing.T) {
	variables := complete()
	delete(variables, "KIE_API_KEY")
	variables["KIE_BASE_URL"] = "http://kiesim:8090"
	_, err := LoadWorker(from(variables))
	require.NoError(t, err)

	variables["KIE_BASE_URL"] = "https://eu.api.kie.ai"
	_, err = LoadWorker(from(variables))
	require.ErrorContains(t, err, "KIE_API_KEY: is required")
}

func TestCallbackSecretsAreNeededWithACallbackURL(t *testing.T) {
	variables := complete()
	delete(variables, "STEMFLOW_CALLBACK_SECRETS")
	_, err := LoadWorker(from(variables))
	require.NoError(t, err)

	variables["STEMFLOW_CALLBACK_BASE_URL"] = "https://stems.example.com"
	_, err = LoadWorker(from(variables))
	require.ErrorContains(t, err, "STEMFLOW_CALLBACK_SECRETS: is required with STEMFLOW_CALLBACK_BASE_URL")
}

func TestEndpointTakesAURL(t *testing.T) {
	for _, c := range []struct {
		endpoint, secure string
		host             string
		tls              bool
		problem          string
	}{
		{"minio:9000", "", "minio:9000", false, ""},
		{"minio:9000", "true", "minio:9000", true, ""},
		{"https://minio:9000/", "", "minio:9000", true, ""},
		{"http://[::1]:9000", "false", "[::1]:9000", false, ""},
		{"http://minio:9000", "true", "", false, "MINIO_ENDPOINT: says http and MINIO_SECURE says true: leave the scheme out or make them agree"},
	} {
		variables := complete()
		variables["MINIO_ENDPOINT"], variables["MINIO_SECURE"] = c.endpoint, c.secure
		m, err := LoadMinIO(from(variables))
		if c.problem != "" {
			require.ErrorContains(t, err, c.problem)
			continue
		}
		require.NoError(t, err, c.endpoint)
		require.Equal(t, c.host, m.Endpoint)
		require.Equal(t, c.tls, m.Secure)
	}
}

func TestPublicEndpoint(t *testing.T) {
	for _, c := range []struct {
		endpoint, secure, public string
		host                     string
		tls                      bool
		problem                  string
	}{
		{"minio:9000", "", "", "minio:9000", false, ""},
		{"minio:9000", "true", "", "minio:9000", true, ""},
		{"https://minio:9000", "", "", "minio:9000", true, ""},
		{"minio:9000", "", "127.0.0.1:9000", "127.0.0.1:9000", false, ""},
		{"minio:9000", "true", "stems.example.com", "stems.example.com", true, ""},
		{"minio:9000", "false", "https://stems.example.com", "stems.example.com", true, ""},
		{"https://minio:9000", "", "http://127.0.0.1:9000/", "127.0.0.1:9000", false, ""},
		{"minio:9000", "", "stems.example.com/path", "", false, `MINIO_PUBLIC_ENDPOINT: is not "host:port"`},
		{"minio:9000", "", "s3://stems", "", false, `MINIO_PUBLIC_ENDPOINT: has the scheme "s3"`},
	} {
		variables := complete()
		variables["MINIO_ENDPOINT"], variables["MINIO_SECURE"], variables["MINIO_PUBLIC_ENDPOINT"] = c.endpoint, c.secure, c.public
		m, err := LoadMinIO(from(variables))
		if c.problem != "" {
			require.ErrorContains(t, err, c.problem)
			continue
		}
		require.NoError(t, err, c.public)
		require.Equal(t, c.host, m.PublicEndpoint)
		require.Equal(t, c.tls, m.PublicSecure)
	}
}

func TestLinkKey(t *testing.T) {
	for _, c := range []struct{ access, secret, problem string }{
		{"", "", ""},
		{"reader", "a-secret", ""},
		{"reader", "", "MINIO_LINK_SECRET_KEY: is required with MINIO_LINK_ACCESS_KEY, or leave both out"},
		{"", "a-secret", "MINIO_LINK_ACCESS_KEY: is required with MINIO_LINK_SECRET_KEY, or leave both out"},
		{"reader", "a secret", "MINIO_LINK_SECRET_KEY: contains a space or a line break, give the value alone"},
		{complete()["MINIO_ACCESS_KEY"], "a-secret", "MINIO_LINK_ACCESS_KEY: is MINIO_ACCESS_KEY, which may write: give the key " +
			"of a user that may read objects and nothing else"},
	} {
		variables := complete()
		variables["MINIO_LINK_ACCESS_KEY"], variables["MINIO_LINK_SECRET_KEY"] = c.access, c.secret
		m, err := LoadMinIO(from(variables))
		if c.problem != "" {
			require.ErrorContains(t, err, c.problem)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, c.access, m.LinkAccessKey)
		require.Equal(t, c.secret, m.LinkSecretKey.Reveal())
		require.Equal(t, c.access == "", m.LinkWarning() != "")
	}
}

func TestBadBridgeVariable(t *testing.T) {
	b, err := LoadBridge(with("KIE_WEBHOOK_HMAC_KEY", "new-webhook-key, old-webhook-key"))
	require.NoError(t, err)
	require.Equal(t, Bridge{
		Addr: ":8088", Secrets: []Secret{NewSecret("0123456789abcdef")},
		HMACKeys: []Secret{NewSecret("new-webhook-key"), NewSecret("old-webhook-key")}, Tolerance: 337 * time.Hour, MetricsAddr: ":9465",
	}, b)
	for _, c := range []struct{ name, value, problem string }{
		{"KIE_WEBHOOK_HMAC_KEY", ",", "KIE_WEBHOOK_HMAC_KEY: key 1 of 2 is 0 bytes long: give the webhook key of https://kie.ai/settings, of at least 8, or unset the variable\n" +
			"KIE_WEBHOOK_HMAC_KEY: key 2 of 2 is 0 bytes long: give the webhook key of https://kie.ai/settings, of at least 8, or unset the variable"},
		{"KIE_WEBHOOK_HMAC_KEY", " \t", "KIE_WEBHOOK_HMAC_KEY: key 1 of 1 is 0 bytes long: give the webhook key of https://kie.ai/settings, of at least 8, or unset the variable"},
		{"KIE_WEBHOOK_HMAC_KEY", "abc", "KIE_WEBHOOK_HMAC_KEY: key 1 of 1 is 3 bytes long: give the webhook key of https://kie.ai/settings, of at least 8, or unset the variable"},
		{"KIE_WEBHOOK_HMAC_KEY", "new-webhook-key,", "KIE_WEBHOOK_HMAC_KEY: key 2 of 2 is 0 bytes long: give the webhook key of https://kie.ai/settings, of at least 8, or unset the variable"},
		{"KIE_WEBHOOK_HMAC_KEY", "local-webhook-key", "KIE_WEBHOOK_HMAC_KEY: is published and known to everybody, so it goes with the simulator only: " +
			"give the webhook key of https://kie.ai/settings"},
		{"STEMFLOW_CALLBACK_SECRETS", "0123456789abcdef,local-callback-secret", "STEMFLOW_CALLBACK_SECRETS: secret 2 of 2 is published and known to everybody, " +
			"so it goes with the simulator only: give the workers' other ones, made for example with: openssl rand -hex 32"},
		{"STEMFLOW_REQUIRE_SIGNATURE", "true", "KIE_WEBHOOK_HMAC_KEY: is required with STEMFLOW_REQUIRE_SIGNATURE: give the webhook key of https://kie.ai/settings"},
		{"STEMFLOW_REQUIRE_SIGNATURE", "yes", `STEMFLOW_REQUIRE_SIGNATURE: "yes" is neither true nor false`},
		{"KIE_BASE_URL", "kiesim", "KIE_BASE_URL: is not an absolute http or https URL, like https://stems.example.com"},
		{"STEMFLOW_BRIDGE_ADDR", "8088", `STEMFLOW_BRIDGE_ADDR: "8088" is not an address to listen on, give ":8088" or "127.0.0.1:8088"`},
		{"STEMFLOW_BRIDGE_ADDR", ":70000", `STEMFLOW_BRIDGE_ADDR: ":70000" is not an address to listen on, give ":8088" or "127.0.0.1:8088"`},
		{"STEMFLOW_CALLBACK_TOLERANCE", "300", `STEMFLOW_CALLBACK_TOLERANCE: "300" is not a duration above 0: write it with a unit, like "5m" or "90s"`},
		{"STEMFLOW_BRIDGE_TLS_CERT_FILE", "cert.pem", "STEMFLOW_BRIDGE_TLS_KEY_FILE: is required with STEMFLOW_BRIDGE_TLS_CERT_FILE"},
		{"STEMFLOW_BRIDGE_TLS_KEY_FILE", "key.pem", "STEMFLOW_BRIDGE_TLS_CERT_FILE: is required with STEMFLOW_BRIDGE_TLS_KEY_FILE"},
		{"STEMFLOW_TRUSTED_PROXIES", "10.0.0.1,proxy", `STEMFLOW_TRUSTED_PROXIES: "proxy" is neither an address nor a network, like 10.0.0.0/8`},
		{"STEMFLOW_METRICS_ADDR", "9465", `STEMFLOW_METRICS_ADDR: "9465" is not an address to listen on, give ":9465" or "127.0.0.1:9465"`},
		{"STEMFLOW_CALLBACK_TOLERANCE", "-5m", `STEMFLOW_CALLBACK_TOLERANCE: "-5m" is not a duration above 0: write it with a unit, like "5m" or "90s"`},
	} {
		_, err := LoadBridge(with(c.name, c.value))
		var e *Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, strings.Split(c.problem, "\n"), e.Problems)
	}
}

func TestBridgeBehindProxies(t *testing.T) {
	b, err := LoadBridge(with("STEMFLOW_TRUSTED_PROXIES", "10.1.2.3/8, 192.0.2.7,::1"))
	require.NoError(t, err)
	require.Equal(t, []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("::1/128"),
	}, b.TrustedProxies)
}

func TestBridgeWithACertificate(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	variables := complete()
	variables["STEMFLOW_BRIDGE_TLS_CERT_FILE"], variables["STEMFLOW_BRIDGE_TLS_KEY_FILE"] = cert, key
	_, err := LoadBridge(from(variables))
	require.ErrorContains(
		t,
		err,
		"STEMFLOW_BRIDGE_TLS_CERT_FILE: with STEMFLOW_BRIDGE_TLS_KEY_FILE: no certificate and key",
	)
	require.ErrorContains(t, err, "no such file")

	certtest.Write(t, cert, key)
	b, err := LoadBridge(from(variables))
	require.NoError(t, err)
	require.Equal(t, &CertificateFiles{Cert: cert, Key: key}, b.TLS)
}

func TestStarter(t *testing.T) {
	s, err := LoadStarter(from(map[string]string{"STEMFLOW_TASK_QUEUE": "pipeline", "NO_COLOR": "1"}))
	require.NoError(t, err)
	require.Equal(t, Starter{
		TaskQueue: "pipeline", Bucket: "stems", LedgerBucket: "stems", NoColor: true,
		Allowed: allowed.Places{{Bucket: "stems"}},
	}, s)
}

func TestWarnings(t *testing.T) {
	for _, c := range []struct {
		name, callback, provider string
		warning                  string
	}{
		{"all well", "https://stems.example.com", DefaultKIEBaseURL, ""},
		{"no callbacks", "", DefaultKIEBaseURL, "STEMFLOW_CALLBACK_BASE_URL is not set"},
		{"not reachable", "http://localhost:8088", DefaultKIEBaseURL, "STEMFLOW_CALLBACK_BASE_URL is a local address"},
		{"not reachable by address", "http://192.168.1.2:8088", DefaultKIEBaseURL, "STEMFLOW_CALLBACK_BASE_URL is a local address"},
		{"in clear", "http://stems.example.com", DefaultKIEBaseURL, "STEMFLOW_CALLBACK_BASE_URL is http"},
		{"stand-in", "http://localhost:8088", "http://localhost:8090", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := Worker{KIE: KIE{BaseURL: c.provider}, Callback: Callback{BaseURL: c.callback}}
			if c.warning == "" {
				require.Empty(t, w.Warnings())
				return
			}
			require.Len(t, w.Warnings(), 1)
			require.Contains(t, w.Warnings()[0], c.warning)
		})
	}
	require.Contains(t, Worker{AllowInsecureSources: true}.Warnings()[0], "STEMFLOW_ALLOW_INSECURE_SOURCES is true")
}

func TestLookupsCanBeTurnedOff(t *testing.T) {
	variables := complete()
	variables["STEMFLOW_LOOKUP_INTERVAL"] = "0"
	w, err := LoadWorker(from(variables))
	require.NoError(t, err)
	require.Zero(t, w.LookupInterval)
}
