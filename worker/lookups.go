package main

import (
	"context"
	"os"
	"sync"
	"time"

	"go.temporal.io/sdk/client"

	"stemflow/internal/config"
	"stemflow/internal/egress"
	"stemflow/internal/kie"
	"stemflow/internal/lookups"
	"stemflow/internal/redact"
	"stemflow/internal/series/workerseries"
	"stemflow/internal/telemetry"
)

// balanceTimeout bounds asking for the balance, which only serves the metrics.
const balanceTimeout = 10 * time.Second

// startLookups begins to look for what the metrics show and no event says, unless that is turned
// off. The function that it returns ends that.
func startLookups(
	env config.Worker, place workerseries.Place, c client.Client, metrics *telemetry.Metrics,
) (stop func(), err error) {
	if env.LookupInterval == 0 {
		return func() {}, nil
	}
	options := lookups.Options{
		Every: env.LookupInterval, Temporal: c, Namespace: place.Namespace, TaskQueue: place.TaskQueue,
		WorkflowTypes: workerseries.WorkflowTypes(), PauseReasons: workerseries.PauseReasons(),
	}
	closeAccount := func() {}
	if env.KIE.APIKey.Reveal() != "" {
		account, err := newAccount(env)
		if err != nil {
			return nil, err
		}
		options.Balance, closeAccount = account.Credits, account.Close
	}
	l := lookups.New(options)
	if err := metrics.Register(l); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { l.Run(ctx) })
	return func() {
		cancel()
		running.Wait()
		closeAccount()
	}, nil
}

// newAccount reaches the provider by connections of its own: the balance takes none from the work.
func newAccount(env config.Worker) (*kie.Client, error) {
	proxy, err := egress.New(egress.Settings{
		HTTPS: env.Proxy.HTTPS.Reveal(), HTTP: env.Proxy.HTTP.Reveal(), NoProxy: env.Proxy.NoProxy,
	})
	if err != nil {
		return nil, err
	}
	return kie.New(kie.Options{
		BaseURL: env.KIE.BaseURL, APIKey: env.KIE.APIKey.Reveal(), Timeout: balanceTimeout, Proxy: proxy,
		Redactor: redact.New(config.AllSecrets(os.LookupEnv)...),
	})
}
