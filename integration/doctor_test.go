package integration

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"log"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/callbackbridge"
	"stemflow/internal/archive"
	"stemflow/internal/certtest"
	"stemflow/internal/devservers/serverstest"
	"stemflow/kiesim"
)

// examined is what "doctor -o json" says of one check.
type examined struct {
	Check, Status, Summary string
	Facts                  []string
	Findings               []finding
}

type finding struct{ Status, Problem, Remedy string }

// examination is what it says of all.
type examination struct {
	code   int
	checks map[string]examined
}

// named are the checks that ended so, sorted.
func (e examination) named(status string) []string {
	var names []string
	for name, c := range e.checks {
		if c.Status == status {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// doctor runs "doctor" in an environment with further variables.
func (s *stack) doctor(variables map[string]string) examination {
	s.t.Helper()
	cmd := s.starterCommand("doctor", "-o", "json")
	for name, value := range variables {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	r := runStarter(s.t, cmd)
	for name, value := range variables {
		if value != "" && (strings.Contains(name, "SECRET") || strings.HasSuffix(name, "_KEY") && !strings.HasSuffix(name, "ACCESS_KEY")) {
			require.NotContains(s.t, r.stdout+r.stderr, value, "%s is a secret", name)
		}
	}
	require.Empty(s.t, r.stderr)
	var printed struct{ Checks []examined }
	require.NoError(s.t, json.Unmarshal([]byte(r.stdout), &printed), r.stdout)
	e := examination{r.code, map[string]examined{}}
	for _, c := range printed.Checks {
		e.checks[c.Check] = c
	}
	return e
}

// Each misconfiguration is named by the check that is about it, with its remedy, and hides nothing
// else.
func TestDoctorNamesMisconfigurations(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	user := serverstest.User(t, s.root, s.bucket)
	well := map[string]string{
		"KIE_API_KEY": apiKey, "KIE_BASE_URL": s.cfg.BaseURL, "KIE_WEBHOOK_HMAC_KEY": webhookKey,
		"STEMFLOW_CALLBACK_BASE_URL": s.cfg.CallbackBaseURL, "STEMFLOW_CALLBACK_SECRETS": callbackSecret,
		"STEMFLOW_SOURCE_HOSTS": "127.0.0.1", "STEMFLOW_ALLOW_INSECURE_SOURCES": "true",
		"MINIO_ACCESS_KEY": user.AccessKey, "MINIO_SECRET_KEY": user.SecretKey,
		"MINIO_LINK_ACCESS_KEY": user.LinkAccessKey, "MINIO_LINK_SECRET_KEY": user.LinkSecretKey,
	}
	in := track(stemflow.SeparateVocal)
	s.result(s.start(in))

	// What depends on what, so that no more is skipped than cannot be asked.
	afterKey := []string{"provider-balance", "provider-route"}
	afterWrite := []string{"store-conditions", "store-delete", "store-links"}
	afterBucket := append([]string{"ledger", "store-write"}, afterWrite...)
	afterNamespace := []string{"nexus", "paid-queue", "search-attributes", "workers"}
	afterBridge := []string{"bridge-ready", "bridge-secret", "bridge-signature"}
	alwaysSkipped := []string{"bridge-certificate", "codec", "nexus", "proxy"} // nothing of that is configured

	nowhere := httptest.NewServer(nil)
	nowhere.Close()
	page := s.serve(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!DOCTYPE html><p>You are about to visit a tunnel.</p>"))
	})
	redirecting := s.serve(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://"+r.Host+r.URL.Path, http.StatusMovedPermanently)
	})
	unsigned, err := callbackbridge.New(callbackbridge.Config{
		Signaler: callbackbridge.NewSignaler(s.client, client.Options{HostPort: s.server, Logger: quiet()}),
		Secrets:  []string{callbackSecret}, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	provider, err := url.Parse(s.cfg.BaseURL)
	require.NoError(t, err)
	late := httputil.NewSingleHostReverseProxy(provider)
	late.ModifyResponse = func(r *http.Response) error {
		r.Header.Set("Date", time.Now().Add(-10*time.Minute).UTC().Format(http.TimeFormat))
		return nil
	}
	poor := httptest.NewServer(kiesim.New(kiesim.Options{
		APIKey: apiKey, Credits: 0.5, Logger: slog.New(slog.DiscardHandler),
	}))
	t.Cleanup(poor.Close)
	ignoring, readOnly := serverstest.NewFaultyStore(t, s.root), serverstest.NewFaultyStore(t, s.root)
	ignoring.SetFaults(serverstest.Dropping("If-None-Match"))
	readOnly.SetFaults(serverstest.Fault{Answer: func(r *http.Request, _ []byte) *http.Response {
		if serverstest.IsObjectPut(r) {
			return serverstest.S3Answer(http.StatusForbidden, "AccessDenied")
		}
		return nil
	}})
	authority := certtest.NewAuthority(t)
	cert, key := filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	authority.Issue(cert, key)
	pair, err := tls.LoadX509KeyPair(cert, key)
	require.NoError(t, err)
	secure := httptest.NewUnstartedServer(s.bridge.Config.Handler)
	secure.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	billing := map[string]string{ // by its address, and nothing on the Internet is asked
		"KIE_BASE_URL": "http://provider.example", "HTTP_PROXY": nowhere.URL, "HTTPS_PROXY": nowhere.URL,
	}
	const other = "another-secret-of-the-callbacks!"

	plants := map[string]struct {
		variables map[string]string
		// check is the one that names it, as a warning where that is said.
		check, problem, remedy string
		warning                bool
		// skipped are the checks that then have nothing to ask; others have failed with it.
		skipped, others []string
		code            int
	}{
		"API key": {
			variables: map[string]string{"KIE_API_KEY": "wrong-api-key"},
			check:     "provider-key", problem: "the API key is refused", remedy: "set KIE_API_KEY to a key of https://kie.ai/api-key",
			skipped: afterKey,
		},
		"empty account": {
			variables: map[string]string{"KIE_BASE_URL": poor.URL},
			check:     "provider-balance", problem: "0.5 credits are left, and the cheapest separation (separate_vocal) costs 10",
			remedy: "top the account up",
		},
		"another site as the provider": {
			variables: map[string]string{"KIE_BASE_URL": page},
			check:     "provider-key", problem: "no usable answer", remedy: "check KIE_BASE_URL", skipped: afterKey,
		},
		"clock of the provider": {
			variables: map[string]string{"KIE_BASE_URL": s.serve(late.ServeHTTP)},
			check:     "clock", problem: "the clock of the provider is wrong", remedy: "by NTP",
		},
		"no bucket": {
			variables: map[string]string{"MINIO_ACCESS_KEY": s.root.AccessKey, "MINIO_SECRET_KEY": s.root.SecretKey,
				"STEMFLOW_BUCKET": "no-such-bucket"},
			check: "bucket", problem: `there is no bucket "no-such-bucket"`, remedy: "mc mb store/no-such-bucket", skipped: afterBucket,
		},
		"store's secret key": {
			variables: map[string]string{"MINIO_SECRET_KEY": "a-wrong-secret-key"},
			check:     "store", problem: "SignatureDoesNotMatch", remedy: "check MINIO_ACCESS_KEY and MINIO_SECRET_KEY",
			skipped: append([]string{"bucket"}, afterBucket...),
		},
		"store's access key": {
			variables: map[string]string{"MINIO_ACCESS_KEY": "nobody"},
			check:     "store", problem: "InvalidAccessKeyId", remedy: "check MINIO_ACCESS_KEY and MINIO_SECRET_KEY",
			skipped: append([]string{"bucket"}, afterBucket...),
		},
		"store's address": {
			variables: map[string]string{"MINIO_ENDPOINT": nowhere.Listener.Addr().String()},
			check:     "store", problem: "connection refused", remedy: "check MINIO_ENDPOINT",
			skipped: append([]string{"bucket"}, afterBucket...),
		},
		"store's TLS": {
			variables: map[string]string{"MINIO_SECURE": "true"},
			check:     "store", problem: "HTTP response to HTTPS client", remedy: "set MINIO_SECURE=false",
			skipped: append([]string{"bucket"}, afterBucket...),
		},
		"store's key without a right": {
			variables: map[string]string{"MINIO_ACCESS_KEY": user.LinkAccessKey, "MINIO_SECRET_KEY": user.LinkSecretKey,
				"MINIO_LINK_ACCESS_KEY": "", "MINIO_LINK_SECRET_KEY": ""},
			check: "bucket", problem: "AccessDenied", remedy: "s3:PutObject", skipped: afterBucket,
		},
		"store's key may not write": {
			variables: map[string]string{"MINIO_ENDPOINT": readOnly.Endpoint},
			check:     "store-write", problem: "AccessDenied", remedy: "s3:PutObject",
			skipped: afterWrite,
		},
		"store that ignores conditions": {
			variables: map[string]string{"MINIO_ENDPOINT": ignoring.Endpoint, "MINIO_PUBLIC_ENDPOINT": user.Endpoint},
			check:     "store-conditions", problem: "ignores If-None-Match", remedy: "use a store that keeps to conditional writes",
			others: []string{"store-links"}, // the proxy signs for all
		},
		"link key that may write": {
			variables: map[string]string{"MINIO_LINK_ACCESS_KEY": s.root.AccessKey, "MINIO_LINK_SECRET_KEY": s.root.SecretKey},
			check:     "store-links", problem: "MINIO_LINK_ACCESS_KEY, may write", remedy: "deploy/minio/link-policy.json",
		},
		"worker's key signs links": {
			variables: map[string]string{"MINIO_LINK_ACCESS_KEY": "", "MINIO_LINK_SECRET_KEY": "", "MINIO_PUBLIC_ENDPOINT": user.Endpoint},
			check:     "store-links", problem: "links show MINIO_ACCESS_KEY, which may write", remedy: "may read objects", warning: true,
		},
		"link key is the worker's": {
			variables: map[string]string{"MINIO_LINK_ACCESS_KEY": user.AccessKey, "MINIO_LINK_SECRET_KEY": user.SecretKey},
			check:     "configuration", problem: "MINIO_LINK_ACCESS_KEY: is MINIO_ACCESS_KEY, which may write",
			remedy: "give the key of a user that may read objects", code: 2,
		},
		"links lead nowhere": {
			variables: map[string]string{"MINIO_PUBLIC_ENDPOINT": nowhere.Listener.Addr().String()},
			check:     "store-links", problem: "a link to " + nowhere.Listener.Addr().String() + " does not work", remedy: "MINIO_PUBLIC_ENDPOINT",
		},
		"ledgers elsewhere": {
			variables: map[string]string{"STEMFLOW_PREFIX": "", "STEMFLOW_LEDGER_PREFIX": "accounts/a"},
			check:     "ledger", problem: "no ledger is in s3://" + s.bucket + "/accounts/a",
			remedy: "set STEMFLOW_LEDGER_BUCKET and STEMFLOW_LEDGER_PREFIX",
		},
		"Temporal's address": {
			variables: map[string]string{"TEMPORAL_ADDRESS": nowhere.Listener.Addr().String()},
			check:     "temporal", problem: "cannot be reached", remedy: "check TEMPORAL_ADDRESS",
			skipped: append([]string{"namespace"}, afterNamespace...),
		},
		"namespace": {
			variables: map[string]string{"TEMPORAL_NAMESPACE": "nobodys"},
			check:     "namespace", problem: `no namespace "nobodys"`, remedy: "temporal operator namespace create --namespace nobodys",
			skipped: afterNamespace,
		},
		"search attributes": {
			check: "search-attributes", problem: "not registered: StemflowTaskId", warning: true,
			remedy: "temporal operator search-attribute create --namespace default --name StemflowTaskId --type Keyword",
		},
		"task queue without workers": {
			variables: map[string]string{"STEMFLOW_TASK_QUEUE": "nobodys", "STEMFLOW_SUBMIT_TASK_QUEUE": stemflow.SubmitTaskQueue(s.queue)},
			check:     "workers", problem: `no worker polls the task queue "nobodys" for workflow tasks`, remedy: "STEMFLOW_TASK_QUEUE=nobodys",
		},
		"paid queue without workers": {
			variables: map[string]string{"STEMFLOW_SUBMIT_TASK_QUEUE": "nobodys"},
			check:     "paid-queue", problem: `no worker polls the task queue "nobodys" for activity tasks`, remedy: "STEMFLOW_SUBMIT_TASK_QUEUE",
		},
		"codec server": {
			variables: map[string]string{"TEMPORAL_CODEC_ENDPOINT": nowhere.URL},
			check:     "codec", problem: "the codec server does not encode", remedy: "check TEMPORAL_CODEC_ENDPOINT",
		},
		"bridge away": {
			variables: map[string]string{"STEMFLOW_CALLBACK_BASE_URL": nowhere.URL},
			check:     "bridge", problem: "does not answer", remedy: "start the bridge, open the firewall", skipped: afterBridge,
		},
		"tunnel's page": {
			variables: map[string]string{"STEMFLOW_CALLBACK_BASE_URL": page},
			check:     "bridge", problem: "it is a web page", remedy: "turn off the tunnel's page", skipped: afterBridge,
		},
		"redirect to https": {
			variables: map[string]string{"STEMFLOW_CALLBACK_BASE_URL": redirecting},
			check:     "bridge", problem: "redirects to https", remedy: "set STEMFLOW_CALLBACK_BASE_URL to https://127.0.0.1:", skipped: afterBridge,
		},
		"path that nothing forwards": {
			variables: map[string]string{"STEMFLOW_CALLBACK_BASE_URL": s.cfg.CallbackBaseURL + "/stems"},
			check:     "bridge", problem: "it does not know the path", remedy: "taken off by the proxy", skipped: afterBridge,
		},
		"bridge with another secret": {
			variables: map[string]string{"STEMFLOW_CALLBACK_SECRETS": other},
			check:     "bridge-secret", problem: "does not know the secret that signs callback addresses",
			remedy: "give bridges and workers the same STEMFLOW_CALLBACK_SECRETS", skipped: []string{"bridge-signature"},
		},
		"bridge without the old secret": {
			variables: map[string]string{"STEMFLOW_CALLBACK_SECRETS": callbackSecret + "," + other},
			check:     "bridge-secret", problem: "does not know secret 2 of 2", remedy: "give the bridges all of them", warning: true,
		},
		"bridge with another webhook key": {
			variables: map[string]string{"KIE_WEBHOOK_HMAC_KEY": "another-webhook-key"},
			check:     "bridge-signature", problem: "it has another webhook key", remedy: "the webhook key of https://kie.ai/settings",
		},
		"bridge without webhook key": {
			variables: map[string]string{"STEMFLOW_CALLBACK_BASE_URL": s.serve(unsigned.ServeHTTP)},
			check:     "bridge-signature", problem: "takes callbacks without a signature", remedy: "set KIE_WEBHOOK_HMAC_KEY for the bridge",
		},
		"untrusted certificate": {
			variables: map[string]string{"STEMFLOW_CALLBACK_BASE_URL": secure.URL},
			check:     "bridge", problem: "certificate", remedy: "renew the certificate, with its whole chain",
			others: []string{"bridge-certificate"}, skipped: afterBridge,
		},
		"certificate about to expire": {
			variables: map[string]string{"STEMFLOW_CALLBACK_BASE_URL": secure.URL, "SSL_CERT_FILE": authority.File},
			check:     "bridge-certificate", problem: "the certificate expires in 0 days", remedy: "renew it", warning: true,
		},
		"callbacks to this machine": {
			variables: billing,
			check:     "bridge-address", problem: "leads to 127.0.0.1, which the provider cannot reach",
			remedy: "an address of the bridge that the Internet reaches",
			others: []string{"configuration", "provider-key", "proxy", "file-hosts"}, skipped: afterKey,
			code: 2, // with STEMFLOW_ALLOW_INSECURE_SOURCES
		},
		"published secret": {
			variables: with(billing, map[string]string{"STEMFLOW_CALLBACK_SECRETS": "local-callback-secret"}),
			check:     "configuration", problem: "STEMFLOW_CALLBACK_SECRETS: is published and known to everybody",
			remedy:  "give another, made for example with: openssl rand -hex 32",
			others:  []string{"bridge-address", "bridge-secret", "provider-key", "proxy", "file-hosts"},
			skipped: append([]string{"bridge-signature"}, afterKey...),
			code:    2,
		},
		"short secret": {
			variables: map[string]string{"STEMFLOW_CALLBACK_SECRETS": "too-short"},
			check:     "configuration", problem: "secret 1 of 1 is 9 bytes long", remedy: "at least 16 random ones",
			skipped: []string{"bridge-secret", "bridge-signature"}, code: 2,
		},
		"name of a variable": {
			variables: map[string]string{"STEMFLOW_CALLBACK_URL": "https://stems.example.com"},
			check:     "configuration", problem: "STEMFLOW_CALLBACK_URL is set, and no program reads it",
			remedy: "perhaps STEMFLOW_CALLBACK_BASE_URL is meant", warning: true,
		},
		"file hosts": {
			variables: map[string]string{"STEMFLOW_SOURCE_HOSTS": "files.example.com"},
			check:     "file-hosts", problem: "the host is not allowed", remedy: "STEMFLOW_SOURCE_HOSTS",
		},
	}

	// The dev server has none of the search attributes; a cluster that tests are pointed at may.
	missing := []string{"search-attributes"}
	if s.hasSearchAttributes() {
		missing = nil
		delete(plants, "search attributes")
	}
	t.Run("examined", func(t *testing.T) {
		for name, c := range plants {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				// A folder of its own: nobody else's scratch object is waited for.
				own := with(well, map[string]string{"STEMFLOW_PREFIX": newID(), "STEMFLOW_LEDGER_PREFIX": newID()})
				e := s.on(t).doctor(with(own, c.variables))
				found := e.checks[c.check]
				status, code := "failed", max(c.code, 1)
				if c.warning {
					status, code = "warning", c.code
				}
				require.Equal(t, status, found.Status, "%+v", found)
				require.Equal(t, code, e.code)
				names := func(f finding) bool {
					return f.Status == status && strings.Contains(f.Problem, c.problem) &&
						strings.Contains(f.Remedy, c.remedy)
				}
				require.True(t, slices.ContainsFunc(found.Findings, names), "%+v", found.Findings)

				failed := slices.Clone(c.others)
				if !c.warning {
					failed = append(failed, c.check)
				}
				require.ElementsMatch(t, failed, e.named("failed"), "what else is wrong")
				skipped := slices.DeleteFunc(e.named("skipped"), func(n string) bool { return slices.Contains(alwaysSkipped, n) })
				for _, name := range alwaysSkipped {
					c.skipped = slices.DeleteFunc(slices.Clone(c.skipped), func(n string) bool { return n == name })
				}
				require.ElementsMatch(t, c.skipped, skipped, "what cannot be asked")
			})
		}
		t.Run("all is well", func(t *testing.T) {
			t.Parallel()
			e := s.on(t).doctor(well)
			require.Zero(t, e.code)
			require.Empty(t, e.named("failed"))
			require.Equal(t, missing, e.named("warning"), "which the shared server has not")
			require.ElementsMatch(t, alwaysSkipped, e.named("skipped"))
			require.Contains(t, strings.Join(e.checks["workers"].Facts, "\n"), "activity: 1, last heard of")
		})
		t.Run("with the rights to delete", func(t *testing.T) {
			t.Parallel()
			e := s.on(t).doctor(with(well, map[string]string{
				"MINIO_ACCESS_KEY": s.root.AccessKey, "MINIO_SECRET_KEY": s.root.SecretKey,
			}))
			require.Zero(t, e.code)
			require.Equal(t, "the key may delete, and what was written is removed", e.checks["store-delete"].Summary)
		})
		t.Run("for a person", func(t *testing.T) {
			t.Parallel()
			cmd := s.on(t).starterCommand("doctor", "--quiet")
			for name, value := range with(well, map[string]string{"KIE_API_KEY": "wrong-api-key"}) {
				cmd.Env = append(cmd.Env, name+"="+value)
			}
			r := runStarter(t, cmd)
			require.Equal(t, 1, r.code)
			require.Regexp(t, `(?m)^failed   provider-key        .*\n( .*\n)*? +-> set KIE_API_KEY to a key`, r.stdout)
			require.NotContains(t, r.stdout, "store-write", "what is well is left out")
			warnings := "1 warning"
			if missing == nil {
				warnings = "0 warnings"
			}
			require.Regexp(t, `\n\d+ ok, 1 failed, `+warnings+`, \d+ skipped\n$`, r.stdout)
		})
	})
	require.Len(t, s.sim.Bill().Charges, 1, "nothing was paid for but the track")
	store, err := archive.New(s.root)
	require.NoError(t, err)
	left, err := store.List(t.Context(), s.bucket, "_doctor/")
	require.NoError(t, err)
	require.LessOrEqual(t, len(left), 1, "nothing is left but what could not be deleted")
}

// serve serves what answers in place of something else, and returns where.
func (s *stack) serve(handler http.HandlerFunc) string {
	server := httptest.NewServer(handler)
	s.t.Cleanup(server.Close)
	return server.URL
}

// with are variables, some of them with other values.
func with(variables, others map[string]string) map[string]string {
	all := maps.Clone(variables)
	maps.Copy(all, others)
	return all
}
