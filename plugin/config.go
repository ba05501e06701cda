package plugin

import (
	"context"
	"crypto/x509"
	"net/netip"
	"os"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/internal/config"
)

// Config is all that hosting stemflow takes. docs/configuration.md says more about each; zero
// values are the defaults given there.
type Config struct {
	// Client is the host's own. The worker of the submit queue is made from it. It may be missing
	// where no worker runs, in test environments and replayers. [Register] uses the one that it is
	// given instead.
	Client client.Client

	// APIKey and BaseURL are the provider's.
	APIKey, BaseURL string
	// UploadURL is where the provider takes files: songs of the store are handed over there; empty:
	// the provider's own service, or BaseURL where that is not the provider's.
	UploadURL string
	// Route is by which of the provider's endpoints separations are submitted: "dedicated" or
	// "jobs"; empty: dedicated.
	Route string

	// CallbackBaseURL is the bridge's public address; empty: there is none, and the provider is
	// polled. CallbackSecrets sign (the first) and verify (all) the tokens in callback URLs.
	CallbackBaseURL string
	CallbackSecrets []string

	// MinIO is the object store. Bucket and Prefix serve inputs that name none.
	MinIO          MinIO
	Bucket, Prefix string
	// LedgerBucket and LedgerPrefix are where the ledgers of what was paid for are, whatever bucket
	// and prefix a track is archived to; empty: in Bucket, without a prefix. All hosts that share a
	// provider account must share them.
	LedgerBucket, LedgerPrefix string

	// AllowedBuckets are where inputs may archive to and read lists from, as "bucket" or
	// "bucket/prefix"; empty: Bucket and Prefix alone.
	AllowedBuckets []string
	// NexusForbidForce and NexusCreditBudget bound what callers from other namespaces may ask for:
	// whether they may pay again for what is paid for, and how many credits one operation may
	// spend; nil: as many as it asks for.
	NexusForbidForce  bool
	NexusCreditBudget *int

	// SubmitTaskQueue is the queue of the one paid call; empty: the host's task queue and
	// "-submit". Hosts that share a provider key share one. SubmitRate is how many paid calls all
	// workers of that queue make in a second. They take turns with objects beside the ledgers.
	SubmitTaskQueue string
	SubmitRate      float64

	// ArchiveConcurrency bounds how many stems this process moves at once, MaxStemSize the bytes of
	// each.
	ArchiveConcurrency int
	MaxStemSize        int64
	// SourceHosts are the hosts, by suffix, from which stems are fetched. AllowInsecureSources lets
	// http and private addresses through, for local stacks.
	SourceHosts          []string
	AllowInsecureSources bool
	// SourceNetworks are networks that stems, and the songs that inputs name, may be fetched from
	// although their addresses are not public. Loopback and link-local addresses and those of
	// metadata services must be named as such: a larger network does not let them through.
	SourceNetworks []netip.Prefix

	// Proxy is the egress proxy that calls to the provider and fetches of stems go through; empty:
	// they go straight. The environment's is taken by [FromEnv] alone.
	Proxy Proxy

	// Hooks are told how runs and catalogues end, and that catalogues pause; the zero value:
	// nobody. All hosts of a task queue must have the same.
	Hooks Hooks

	// HiddenSecrets are further secrets of the host that are hidden in what the provider, the store
	// and the file hosts say, beside those above.
	HiddenSecrets []string

	// WorkerOptions are the options of the host's worker, for [Register] alone: a plugin learns
	// them from the SDK. The worker of the submit queue takes deployment version, identity,
	// interceptors, OnFatalError and a few more from them.
	WorkerOptions worker.Options
}

// Proxy is an egress proxy, as the variables HTTPS_PROXY, HTTP_PROXY and NO_PROXY name it to other
// programs. A proxy's address is a URL like "http://proxy.example.com:3128", with the scheme http,
// https, socks5 or socks5h, perhaps with user and password.
type Proxy struct {
	// HTTPS and HTTP are the proxies for https and http addresses.
	HTTPS, HTTP string
	// NoProxy are hosts, domains, addresses and networks that are reached straight, separated by
	// commas.
	NoProxy string
}

// Hooks are told how runs and catalogues end, and that catalogues pause (docs/hooks.md). Each is
// tried again for a day until it has taken an event.
type Hooks struct {
	// WebhookURL is where events are posted to; empty: nowhere. WebhookSecrets, "whsec_" and a key
	// in base64, sign them, each of them. AllowInsecureWebhook lets http through to other machines.
	WebhookURL           string
	WebhookSecrets       []string
	AllowInsecureWebhook bool
	// Command is the absolute path of a program that is run for each event; empty: none. CommandEnv
	// is its environment, beside what it is told of the event: it gets nothing of the host's own.
	Command    string
	CommandEnv []string
	// Notify, where set, is called with each event. What it returns an error for is tried again,
	// unless it is a Temporal error that is not retryable. An event may come more than once, with
	// the same ID.
	Notify func(ctx context.Context, event stemflow.Event) error
	// Events are the types of events that are told; empty: all.
	Events []stemflow.EventType
}

// MinIO says how to reach an S3-compatible object store.
type MinIO struct {
	// Endpoint is "host:port", without a scheme.
	Endpoint, AccessKey, SecretKey, Region string
	// Secure is TLS; RootCAs, where set, are trusted in place of the system's.
	Secure  bool
	RootCAs *x509.CertPool
}

// options are those of the store.
func (m MinIO) options() archive.Options {
	return archive.Options{
		Endpoint: m.Endpoint, AccessKey: m.AccessKey, SecretKey: m.SecretKey,
		Region: m.Region, Secure: m.Secure, RootCAs: m.RootCAs,
	}
}

// FromEnv reads the configuration from the environment, as stemflow's own worker does. It names
// every variable that is missing or wrong in one error.
func FromEnv(c client.Client) (Config, error) {
	env, err := config.LoadWorker(os.LookupEnv)
	if err != nil {
		return Config{}, err
	}
	cfg := fromWorker(c, env)
	cfg.HiddenSecrets = config.AllSecrets(os.LookupEnv)
	return cfg, nil
}

// fromWorker is all of [FromEnv] but HiddenSecrets.
func fromWorker(c client.Client, env config.Worker) Config {
	store := archive.OptionsOf(env.MinIO)
	submitQueue := env.SubmitTaskQueue
	if submitQueue == stemflow.SubmitTaskQueue(env.TaskQueue) {
		submitQueue = "" // nobody named it: it follows the queue of the worker that is hosted
	}
	return Config{
		Client: c,
		APIKey: env.KIE.APIKey.Reveal(), BaseURL: env.KIE.BaseURL, UploadURL: env.KIE.UploadURL,
		Route:           string(env.KIE.Route),
		CallbackBaseURL: env.Callback.BaseURL, CallbackSecrets: config.Reveal(env.Callback.Secrets),
		MinIO: MinIO{
			Endpoint: store.Endpoint, AccessKey: store.AccessKey, SecretKey: store.SecretKey,
			Region: store.Region, Secure: store.Secure, RootCAs: store.RootCAs,
		},
		Bucket: env.Bucket, Prefix: env.Prefix, LedgerBucket: env.LedgerBucket, LedgerPrefix: env.LedgerPrefix,
		AllowedBuckets: env.Allowed.Strings(), NexusForbidForce: env.Nexus.ForbidForce,
		NexusCreditBudget: env.Nexus.CreditBudget,
		SubmitTaskQueue:   submitQueue, SubmitRate: env.SubmitRate,
		ArchiveConcurrency: env.ArchiveConcurrency, MaxStemSize: env.MaxStemSize,
		SourceHosts: env.SourceHosts, AllowInsecureSources: env.AllowInsecureSources,
		SourceNetworks: env.SourceNetworks,
		Proxy: Proxy{
			HTTPS: env.Proxy.HTTPS.Reveal(), HTTP: env.Proxy.HTTP.Reveal(), NoProxy: env.Proxy.NoProxy,
		},
		Hooks: Hooks{
			WebhookURL: env.Hooks.WebhookURL.Reveal(), WebhookSecrets: config.Reveal(env.Hooks.WebhookSecrets),
			AllowInsecureWebhook: env.Hooks.AllowInsecureWebhook,
			Command:              env.Hooks.Command, CommandEnv: env.Hooks.CommandEnv, Events: env.Hooks.Events,
		},
	}
}
