// Package config is the only reader of the environment. Every variable that is missing or wrong is
// named in one error, with the remedy; secrets are of a type that does not print.
package config

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"

	"stemflow"
	"stemflow/internal/allowed"
	"stemflow/internal/kie"
	"stemflow/internal/naming"
	"stemflow/internal/token"
)

// Defaults of the worker's configuration.
const (
	DefaultKIEBaseURL = "https://api.kie.ai"
	// defaultKIEUploadURL is where the provider takes files.
	defaultKIEUploadURL = "https://kieai.redpandaai.co"
	DefaultBucket       = "stems"
	// DefaultSubmitRate is paid calls a second. The provider takes 20 new tasks in 10 s; the
	// engine's limit is split over partitions and has bursts.
	DefaultSubmitRate         = 1.5
	DefaultArchiveConcurrency = 24
	DefaultMaxStemSize        = int64(1 << 30)
)

// DefaultSourceHosts are the hosts, by suffix, on which the provider has been seen to serve
// results: the first three are its own, the others those of its sibling API, which answers with
// records of the same shape. The upstream's cdn1.suno.ai is not among them: only the unseparated
// track is served from there, and that is not archived.
func DefaultSourceHosts() []string {
	return []string{"aiquickdraw.com", "kie.ai", "redpandaai.co", "removeai.ai", "erweima.ai"}
}

// Worker is what a host of stemflow needs.
type Worker struct {
	KIE      KIE
	Callback Callback
	MinIO    MinIO
	// Bucket and Prefix serve inputs that name none.
	Bucket, Prefix string
	// LedgerBucket and LedgerPrefix are where the ledgers of all tracks are: one place for each
	// provider account.
	LedgerBucket, LedgerPrefix string
	// SubmitTaskQueue is the queue of the one paid call.
	TaskQueue, SubmitTaskQueue string
	// SubmitRate is paid calls a second, over all workers.
	SubmitRate float64
	// ArchiveConcurrency is how many stems one process moves at once, MaxStemSize the most bytes of
	// each.
	ArchiveConcurrency int
	MaxStemSize        int64
	// SourceHosts are the hosts, by suffix, from which stems are fetched.
	SourceHosts []string
	// AllowInsecureSources lets http and private addresses through.
	AllowInsecureSources bool
	// SourceNetworks are fetched from although their addresses are not public.
	SourceNetworks []netip.Prefix
	// Proxy is the way to the provider and to the file hosts.
	Proxy Proxy
	// Allowed is where callers may read lists and archive to.
	Allowed allowed.Places
	// Nexus bounds what callers from other namespaces may ask for.
	Nexus Nexus
	// Hooks are told how runs end.
	Hooks Hooks
	// Deployment and BuildID are the worker's version, as Temporal's Worker Versioning knows it;
	// without them it has none.
	Deployment, BuildID string
	// MetricsAddr is the address on which metrics are served.
	MetricsAddr string
	// LookupInterval is the time between two lookups of balance, open runs and paused catalogues
	// for the metrics; 0: none are made.
	LookupInterval time.Duration
}

// KIE is the provider.
type KIE struct {
	// APIKey may be empty with a stand-in for the provider.
	APIKey  Secret
	BaseURL string
	// UploadURL is where the provider takes files.
	UploadURL string
	// Route is by which of the provider's endpoints separations are submitted.
	Route kie.Route
}

// Callback is where the provider reports to.
type Callback struct {
	// BaseURL is the bridge's public address, without a slash at its end; empty: there is none, and
	// the provider is polled.
	BaseURL string
	// Secrets sign (the first) and verify (all) the tokens in callback URLs.
	Secrets []Secret
}

// Nexus bounds what callers may ask for through Nexus.
type Nexus struct {
	// ForbidForce refuses what pays again for what is paid for.
	ForbidForce bool
	// CreditBudget is the most credits that one operation may spend; nil: as many as it asks for.
	CreditBudget *int
}

// LoadWorker reads what a worker needs. The error is an [*Error].
func LoadWorker(lookup Lookup) (Worker, error) {
	v := &variables{lookup: lookup}
	w := Worker{
		KIE:                  v.kie(),
		Callback:             v.callback(),
		MinIO:                v.minIO(),
		Bucket:               v.bucket(),
		Prefix:               v.prefix(),
		LedgerPrefix:         v.ledgerPrefix(),
		TaskQueue:            v.taskQueue(),
		SubmitRate:           v.rate("STEMFLOW_SUBMIT_RATE", DefaultSubmitRate),
		ArchiveConcurrency:   v.count("STEMFLOW_ARCHIVE_CONCURRENCY", DefaultArchiveConcurrency),
		MaxStemSize:          v.size("STEMFLOW_MAX_STEM_SIZE", DefaultMaxStemSize),
		SourceHosts:          v.sourceHosts(),
		AllowInsecureSources: v.flag("STEMFLOW_ALLOW_INSECURE_SOURCES"),
		SourceNetworks:       v.networks("STEMFLOW_SOURCE_NETWORKS"),
		Proxy:                v.proxy(),
		MetricsAddr:          v.listenAddress("STEMFLOW_METRICS_ADDR", ":9464"),
		LookupInterval:       v.lookupInterval("STEMFLOW_LOOKUP_INTERVAL"),
	}
	w.LedgerBucket = v.ledgerBucket(w.Bucket)
	w.Allowed = v.allowedPlaces(w.Bucket, w.Prefix)
	w.Nexus = v.nexus()
	w.Hooks = v.hooks()
	v.checkProvider(w.KIE.BaseURL, w.settings()...)
	w.Deployment, w.BuildID = v.text("TEMPORAL_DEPLOYMENT_NAME", ""), v.text("TEMPORAL_WORKER_BUILD_ID", "")
	if (w.Deployment == "") != (w.BuildID == "") {
		v.report(
			"TEMPORAL_WORKER_BUILD_ID",
			"and TEMPORAL_DEPLOYMENT_NAME belong together: give both, or none for a worker without a version",
		)
	}
	w.SubmitTaskQueue = v.text("STEMFLOW_SUBMIT_TASK_QUEUE", stemflow.SubmitTaskQueue(w.TaskQueue))
	if w.SubmitTaskQueue == w.TaskQueue {
		v.report(
			"STEMFLOW_SUBMIT_TASK_QUEUE",
			"is the same as STEMFLOW_TASK_QUEUE: give another, because its rate limit holds "+
				"for everything on it",
		)
	}
	return w, v.err()
}

const (
	// defaultLookupInterval is the time between two lookups for the metrics.
	defaultLookupInterval = 5 * time.Minute
	// minLookupInterval keeps a service of many workers from burdening provider and Temporal.
	minLookupInterval = 2 * time.Minute
)

func (v *variables) lookupInterval(name string) time.Duration {
	text := v.text(name, defaultLookupInterval.String())
	interval, err := time.ParseDuration(text)
	if err != nil || interval != 0 && interval < minLookupInterval {
		v.report(name, "%q is neither 0, for no lookups, nor a duration of at least %v: write it with a unit, "+
			"like \"5m\"", text, minLookupInterval)
	}
	return interval
}

// LoadKIE reads what reaches the provider alone. The error is an [*Error].
func LoadKIE(lookup Lookup) (KIE, error) {
	v := &variables{lookup: lookup}
	k := v.kie()
	return k, v.err()
}

func (v *variables) kie() KIE {
	k := KIE{APIKey: v.secret("KIE_API_KEY"), BaseURL: DefaultKIEBaseURL, UploadURL: defaultKIEUploadURL}
	v.checked("KIE_ROUTE", "", func(route string) (err error) {
		k.Route, err = kie.ParseRoute(route)
		return err
	})
	base := v.baseURL("KIE_BASE_URL", DefaultKIEBaseURL)
	if base == nil {
		return k
	}
	k.BaseURL = base.String()
	if upload := v.baseURL("KIE_UPLOAD_URL", UploadURLFor(k.BaseURL)); upload != nil {
		k.UploadURL = upload.String()
	}
	CheckEncryption(k.BaseURL, k.UploadURL, "KIE_BASE_URL", "KIE_UPLOAD_URL",
		func(name, problem string) { v.report(name, "%s", problem) })
	if isProvider(base.Hostname()) {
		if k.APIKey.Reveal() == "" {
			v.report("KIE_API_KEY", "is required, make one at https://kie.ai/api-key")
		}
	}
	return k
}

// UploadURLFor is where files are taken that the provider at a base URL separates: the provider has
// a service of its own for them, and a stand-in takes them itself.
func UploadURLFor(baseURL string) string {
	if base, err := url.Parse(baseURL); err == nil && !isProvider(base.Hostname()) {
		return baseURL
	}
	return defaultKIEUploadURL
}

// CheckEncryption reports which of the two addresses the API key would travel to in clear, if the
// first is the provider's. It is the one rule for the environment and for plugin.Config.
func CheckEncryption(baseURL, uploadURL, baseName, uploadName string, report func(name, problem string)) {
	base, err := url.Parse(baseURL)
	if err != nil || !isProvider(base.Hostname()) {
		return
	}
	if base.Scheme != "https" {
		report(baseName, "must be https with "+base.Hostname()+", or the API key would travel in clear")
	}
	if upload, err := url.Parse(uploadURL); err == nil && upload.Scheme != "https" {
		report(uploadName, "must be https with the provider, or the API key would travel in clear")
	}
}

// isProvider reports whether a host is the provider's own, and no proxy on the way to it.
func isProvider(host string) bool {
	host = strings.ToLower(host)
	return host == "kie.ai" || strings.HasSuffix(host, ".kie.ai")
}

func (v *variables) callback() Callback {
	c := Callback{Secrets: v.callbackSecrets()}
	if base := v.baseURL("STEMFLOW_CALLBACK_BASE_URL", ""); base != nil {
		c.BaseURL = base.String()
		if len(c.Secrets) == 0 {
			v.report(
				callbackSecrets,
				"is required with STEMFLOW_CALLBACK_BASE_URL, give the bridge's, %s",
				secretRemedy,
			)
		}
	}
	return c
}

const (
	callbackSecrets = "STEMFLOW_CALLBACK_SECRETS"
	secretRemedy    = "made for example with: openssl rand -hex 32"
)

func (v *variables) callbackSecrets() []Secret {
	secrets := v.secrets(callbackSecrets)
	for i, s := range secrets {
		if n := len(s.Reveal()); n < token.MinSecret {
			v.report(callbackSecrets, "secret %d of %d is %d bytes long, give at least %d random ones, %s",
				i+1, len(secrets), n, token.MinSecret, secretRemedy)
		}
	}
	return secrets
}

func (v *variables) bucket() string {
	return v.checked("STEMFLOW_BUCKET", DefaultBucket, naming.CheckBucket)
}

func (v *variables) prefix() string {
	return v.checked("STEMFLOW_PREFIX", "", naming.CheckPrefix)
}

// ledgerBucket is the bucket of the stems unless another one is named.
func (v *variables) ledgerBucket(stems string) string {
	if v.text("STEMFLOW_LEDGER_BUCKET", "") == "" {
		return stems
	}
	return v.checked("STEMFLOW_LEDGER_BUCKET", "", naming.CheckBucket)
}

// ledgerPrefix does not follow STEMFLOW_PREFIX: changing that would pay for every track
// again.
func (v *variables) ledgerPrefix() string {
	return v.checked("STEMFLOW_LEDGER_PREFIX", "", naming.CheckPrefix)
}

func (v *variables) taskQueue() string {
	return v.text("STEMFLOW_TASK_QUEUE", stemflow.TaskQueue)
}

func (v *variables) sourceHosts() []string {
	const name = "STEMFLOW_SOURCE_HOSTS"
	hosts := v.list(name)
	if len(hosts) == 0 {
		return DefaultSourceHosts()
	}
	for i, host := range hosts {
		hosts[i] = strings.ToLower(host)
		if err := CheckHost(hosts[i]); err != nil {
			v.report(name, "%q %v", host, err)
		}
	}
	return hosts
}

// hostPattern is a name of labels, with a dot before it where suffixes are written so.
// Underscores occur in container names.
var hostPattern = regexp.MustCompile(`^\.?[a-z0-9_-]+(\.[a-z0-9_-]+)*$`)

// CheckHost reports what is wrong with a host, in lower case, that stems may come from.
func CheckHost(host string) error {
	if net.ParseIP(strings.Trim(host, "[]")) == nil && !hostPattern.MatchString(host) {
		return errors.New(
			`is not a host: give names like "aiquickdraw.com" (its subdomains are meant too), without scheme, port or path`,
		)
	}
	return nil
}
