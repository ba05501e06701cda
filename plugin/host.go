package plugin

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"golang.org/x/sync/semaphore"

	"stemflow"
	"stemflow/activities"
	"stemflow/internal/allowed"
	"stemflow/internal/archive"
	"stemflow/internal/config"
	"stemflow/internal/egress"
	"stemflow/internal/hook"
	"stemflow/internal/kie"
	"stemflow/internal/naming"
	"stemflow/internal/redact"
	"stemflow/internal/source"
	"stemflow/internal/token"
	"stemflow/internal/turns"
	"stemflow/workflows"
)

// A submit that has begun is finished before the worker stops, since its answer is worth money.
const submitStopTimeout = 75 * time.Second

// host is what stemflow needs within one process, whatever number of workers it serves.
type host struct {
	cfg      Config
	store    *archive.Store
	provider *kie.Client
	sources  *source.Fetcher
	// songs fetches what users name.
	songs     *source.Fetcher
	callback  activities.CallbackAddress
	transfers *semaphore.Weighted
	// scores bounds the transcriptions in memory.
	scores *semaphore.Weighted
	hooks  *activities.Hooks
	// attributes are shared, so that the server is asked about them once for all workers.
	attributes *activities.SearchAttributes
	// limits are where inputs may lead.
	limits allowed.Limits
}

func newHost(cfg Config) (*host, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	h := &host{
		cfg: cfg, transfers: semaphore.NewWeighted(int64(cfg.ArchiveConcurrency)), scores: semaphore.NewWeighted(1),
	}
	if cfg.Client != nil {
		h.attributes = &activities.SearchAttributes{Operator: cfg.Client.OperatorService()}
	}
	h.limits = allowed.Limits{Bucket: cfg.Bucket, Prefix: cfg.Prefix}
	for _, text := range cfg.AllowedBuckets {
		place, err := allowed.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("stemflow: Config.AllowedBuckets: %w", err)
		}
		h.limits.Places = append(h.limits.Places, place)
	}
	secrets := redact.New(cfg.secrets()...)
	proxy, err := egress.New(egress.Settings(cfg.Proxy))
	if err != nil {
		return nil, fmt.Errorf("stemflow: %w", err)
	}
	if h.provider, err = kie.New(kie.Options{
		BaseURL: cfg.BaseURL, UploadURL: cfg.UploadURL, APIKey: cfg.APIKey, Route: kie.Route(cfg.Route), Proxy: proxy,
		Redactor: secrets,
	}); err != nil {
		return nil, fmt.Errorf("stemflow: %w", err)
	}
	if h.store, err = archive.New(cfg.MinIO.options()); err != nil {
		return nil, fmt.Errorf("stemflow: %w", err)
	}
	h.store.Hide(secrets)
	h.sources = source.New(source.Options{
		AllowedHosts: cfg.SourceHosts, AllowInsecure: cfg.AllowInsecureSources, MaxSize: cfg.MaxStemSize,
		AllowedNetworks: cfg.SourceNetworks, Proxy: proxy,
		Redactor: secrets,
	})
	if h.hooks, err = cfg.Hooks.activities(proxy, secrets); err != nil {
		return nil, fmt.Errorf("stemflow: Config.Hooks: %w", err)
	}
	h.songs = source.New(source.Options{
		AnyHost: true, AllowInsecure: cfg.AllowInsecureSources, MaxSize: stemflow.MaxAudioSize,
		AllowedNetworks: cfg.SourceNetworks, Proxy: proxy,
		Redactor: secrets,
	})
	if cfg.CallbackBaseURL != "" {
		keyring, err := token.NewKeyring(cfg.CallbackSecrets)
		if err != nil {
			return nil, fmt.Errorf("stemflow: callback secrets: %w", err)
		}
		h.callback = activities.CallbackAddress{BaseURL: cfg.CallbackBaseURL, Keyring: keyring}
	}
	return h, nil
}

// close closes the connections that nothing uses.
func (h *host) close() {
	h.provider.Close()
	h.store.Close()
	h.sources.Close()
	h.songs.Close()
	if h.hooks.Webhook != nil {
		h.hooks.Webhook.Close()
	}
}

func (cfg Config) withDefaults() Config {
	if cfg.BaseURL == "" {
		cfg.BaseURL = config.DefaultKIEBaseURL
	}
	if cfg.UploadURL == "" {
		cfg.UploadURL = config.UploadURLFor(cfg.BaseURL)
	}
	if cfg.Bucket == "" {
		cfg.Bucket = config.DefaultBucket
	}
	if cfg.LedgerBucket == "" {
		cfg.LedgerBucket = cfg.Bucket
	}
	if cfg.SubmitRate == 0 {
		cfg.SubmitRate = config.DefaultSubmitRate
	}
	if cfg.ArchiveConcurrency == 0 {
		cfg.ArchiveConcurrency = config.DefaultArchiveConcurrency
	}
	if cfg.MaxStemSize == 0 {
		cfg.MaxStemSize = config.DefaultMaxStemSize
	}
	if len(cfg.SourceHosts) == 0 {
		cfg.SourceHosts = config.DefaultSourceHosts()
	}
	return cfg
}

// check refuses what the environment's reader refuses, too: values that would be found wrong after
// a payment, and, with the real provider, what is for a local stack.
func (cfg Config) check() error {
	const another = "give another"
	var problems []error
	report := func(name, problem string) {
		problems = append(problems, fmt.Errorf("stemflow: Config.%s %s", name, problem))
	}
	if !(cfg.SubmitRate > 0) || math.IsInf(cfg.SubmitRate, 0) {
		report("SubmitRate", fmt.Sprintf("%v is not a rate: give a number above 0, like 1.5", cfg.SubmitRate))
	}
	if cfg.ArchiveConcurrency < 1 {
		report("ArchiveConcurrency", fmt.Sprintf("%d is not a number of at least 1", cfg.ArchiveConcurrency))
	}
	if cfg.MaxStemSize < 1 {
		report("MaxStemSize", fmt.Sprintf("%d is not a number of bytes of at least 1", cfg.MaxStemSize))
	}
	if cfg.NexusCreditBudget != nil && *cfg.NexusCreditBudget < 0 {
		report("NexusCreditBudget", fmt.Sprintf("%d is not a number of at least 0", *cfg.NexusCreditBudget))
	}
	for _, name := range []struct {
		field string
		err   error
	}{
		{"Bucket", naming.CheckBucket(cfg.Bucket)}, {"Prefix", naming.CheckPrefix(cfg.Prefix)},
		{"LedgerBucket", naming.CheckBucket(cfg.LedgerBucket)}, {"LedgerPrefix", naming.CheckPrefix(cfg.LedgerPrefix)},
	} {
		if name.err != nil {
			report(name.field, name.err.Error())
		}
	}
	for _, host := range cfg.SourceHosts {
		if err := config.CheckHost(strings.ToLower(strings.Trim(strings.TrimSpace(host), "."))); err != nil {
			report("SourceHosts", fmt.Sprintf("%q %v", host, err))
		}
	}
	if cfg.CallbackBaseURL != "" {
		if _, err := config.ParseBaseURL(cfg.CallbackBaseURL); err != nil {
			report("CallbackBaseURL", err.Error())
		}
	}
	config.CheckEncryption(cfg.BaseURL, cfg.UploadURL, "BaseURL", "UploadURL", report)
	config.CheckProvider(cfg.BaseURL, []config.Setting{
		{Name: "APIKey", Secrets: []string{cfg.APIKey}, Remedy: another},
		{Name: "CallbackSecrets", Secrets: cfg.CallbackSecrets, Remedy: another},
		{Name: "MinIO.SecretKey", Secrets: []string{cfg.MinIO.SecretKey}, Remedy: another},
		{Name: "Hooks.WebhookSecrets", Secrets: cfg.Hooks.WebhookSecrets, Remedy: another},
		{Name: "AllowInsecureSources", Insecure: cfg.AllowInsecureSources, Remedy: "leave it out"},
	}, report)
	return errors.Join(problems...)
}

func (h *host) nexusLimits() workflows.NexusLimits {
	return workflows.NexusLimits{
		Store: h.limits, ForbidForce: h.cfg.NexusForbidForce, CreditBudget: h.cfg.NexusCreditBudget,
	}
}

// register registers the activities of a worker with these options, whose paid calls go to
// submitQueue.
func (h *host) register(r activities.Registry, submitQueue string, options worker.Options) {
	set := h.activities(submitQueue)
	set.ArchiveStem.HeartbeatThrottle = options.MaxHeartbeatThrottleInterval
	set.Register(r)
}

// activities is the set for a worker whose paid calls go to submitQueue; empty: its own queue.
func (h *host) activities(submitQueue string) activities.Set {
	ledgers := allowed.PlaceOf(h.cfg.LedgerBucket, h.cfg.LedgerPrefix)
	store := activities.GuardStore(h.store, h.limits.All(), ledgers)
	checked := activities.GuardVerifyStore(h.store, h.limits.All(), ledgers)
	prepare := &activities.PrepareArchive{
		Store: store, Bucket: h.cfg.Bucket, Prefix: h.cfg.Prefix, Allowed: h.limits.Places,
		LedgerBucket: h.cfg.LedgerBucket, LedgerPrefix: h.cfg.LedgerPrefix,
		SubmitTaskQueue: submitQueue, CallbacksExpected: h.callback.Expected(), SearchAttributes: h.attributes,
		Hooks: h.hooks,
	}
	return activities.Set{
		PrepareArchive: prepare,
		PrepareSong: &activities.PrepareSong{
			Store: store, Sources: h.songs, Provider: h.provider, Limits: h.limits,
		},
		SubmitSeparation: &activities.SubmitSeparation{Store: store, Provider: h.provider, Callback: h.callback},
		RecordSubmission: &activities.RecordSubmission{Store: store},
		AdoptCallback: &activities.AdoptCallback{
			Store:    store,
			Provider: h.provider,
			Callback: h.callback,
			Archive:  prepare,
		},
		GetSeparationRecord: &activities.GetSeparationRecord{Provider: h.provider, Callback: h.callback},
		GetMusicRecord:      &activities.GetMusicRecord{Provider: h.provider},
		RenewSource:         &activities.RenewSource{Provider: h.provider},
		ArchiveStem:         &activities.ArchiveStem{Store: store, Sources: h.sources, Transfers: h.transfers},
		WriteManifest:       &activities.WriteManifest{Store: store},

		PrepareMIDI:   &activities.PrepareMIDI{Store: store, Archive: prepare},
		SubmitMIDI:    &activities.SubmitMIDI{Store: store, Provider: h.provider, Callback: h.callback},
		GetMIDIRecord: &activities.GetMIDIRecord{Provider: h.provider},
		ArchiveMIDI:   &activities.ArchiveMIDI{Store: store, Provider: h.provider, Scores: h.scores},

		PrepareCatalog:     &activities.PrepareCatalog{Archive: prepare},
		ReadCatalog:        &activities.ReadCatalog{Archive: prepare},
		GetBalance:         &activities.GetBalance{Provider: h.provider},
		AwaitSeparation:    &activities.AwaitSeparation{Client: h.cfg.Client},
		AwaitCatalog:       &activities.AwaitCatalog{Client: h.cfg.Client},
		RecordOutcomes:     &activities.RecordOutcomes{Store: store},
		WriteCatalogReport: &activities.WriteCatalogReport{Store: store},

		VerifyArchive: &activities.VerifyArchive{Store: checked, Archive: prepare, Client: h.cfg.Client},
		RepairArchive: &activities.RepairArchive{Store: store, Archive: prepare},

		Hooks: h.hooks,
	}
}

// submitQueue is the queue of the paid call for a host's worker. It must be another one than the
// worker's own: each of the two would get what only the other one can do.
func (h *host) submitQueue(taskQueue string) (string, error) {
	switch h.cfg.SubmitTaskQueue {
	case "":
		return stemflow.SubmitTaskQueue(taskQueue), nil
	case taskQueue:
		return "", fmt.Errorf("stemflow: Config.SubmitTaskQueue %q is the queue of the host's worker: give another, "+
			"or none for %q", taskQueue, stemflow.SubmitTaskQueue(taskQueue))
	}
	return h.cfg.SubmitTaskQueue, nil
}

// newSubmitWorker makes the worker of the one paid call, which keeps to a rate with all workers of
// its queue. It takes from its host's options what says who the host is and how its
// activities run. What bounds its load is its own.
//
// When it fails for good, failed is told, then the host's OnFatalError, and then the host is
// stopped: a host without its submit queue would let every run wait without a time limit.
func (h *host) newSubmitWorker(
	c client.Client, queue string, inherited worker.Options, failed func(error), stopHost func(),
) worker.Worker {
	rate, limit := h.cfg.SubmitRate, 0.0
	slots := newSubmitSlots(nil, rate)
	set := h.activities(queue)
	if rate >= turns.SlowestRate {
		slots = newSubmitSlots(turns.New(turns.Options{
			Store: h.store, Bucket: h.cfg.LedgerBucket, Prefix: h.cfg.LedgerPrefix, Queue: queue, Rate: rate,
		}), rate)
		set.SubmitSeparation.Turns, set.SubmitMIDI.Turns = slots, slots
	} else {
		limit = rate
	}
	w := worker.New(c, queue, worker.Options{
		DisableWorkflowWorker:            true,
		TaskQueueActivitiesPerSecond:     limit,
		MaxConcurrentActivityTaskPollers: submitConcurrency,
		Tuner:                            slots.tuner(),
		WorkerStopTimeout:                submitStopTimeout,
		Identity:                         inherited.Identity,
		DeploymentOptions:                inherited.DeploymentOptions,
		Interceptors:                     inherited.Interceptors,
		BackgroundActivityContext:        inherited.BackgroundActivityContext,
		SysInfoProvider:                  inherited.SysInfoProvider,
		DisablePayloadErrorLimit:         inherited.DisablePayloadErrorLimit,
		OnFatalError: func(err error) {
			err = fmt.Errorf("stemflow: the worker of the submit queue %q has failed for good and the host stops, "+
				"start it again once Temporal accepts its polls: %w", queue, err)
			failed(err)
			if inherited.OnFatalError != nil {
				inherited.OnFatalError(err)
			}
			stopHost()
		},
	})
	set.RegisterSubmit(w)
	return w
}

func startSubmitWorker(w worker.Worker, queue string) error {
	if err := w.Start(); err != nil {
		return fmt.Errorf("stemflow: start the worker of the submit queue %q: %w", queue, err)
	}
	return nil
}

// secrets are those that a host has, by its configuration.
func (cfg Config) secrets() []string {
	return slices.Concat(
		[]string{cfg.APIKey, cfg.MinIO.SecretKey}, cfg.CallbackSecrets, cfg.HiddenSecrets,
		cfg.Hooks.WebhookSecrets, hook.SecretsOf(cfg.Hooks.WebhookURL), egress.Settings(cfg.Proxy).Secrets(),
	)
}
