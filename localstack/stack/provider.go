package main

import (
	"context"
	"errors"
	"os"

	"stemflow/internal/config"
	"stemflow/internal/devservers"
)

// realProvider is the provider of --provider kie, from the environment.
func realProvider() (*config.KIE, error) {
	kie, err := config.LoadKIE(os.LookupEnv)
	if err != nil {
		return nil, err
	}
	if kie.APIKey.Reveal() == "" {
		return nil, errors.New("KIE_API_KEY: is required with --provider kie")
	}
	if !config.IsRealProvider(kie.BaseURL) { // a shell that was configured for kiesim has it
		return nil, errors.New("KIE_BASE_URL: is kiesim's, unset it with --provider kie, and set KIE_API_KEY to your " +
			"own key")
	}
	return &kie, nil
}

// startWorkerOnProvider starts a worker that polls the real provider, since no callback reaches
// this machine.
func (s *stack) startWorkerOnProvider(ctx context.Context, n *notes) error {
	metrics, err := s.metrics(9464)
	if err != nil {
		return err
	}
	s.hosting = []string{"KIE_BASE_URL=" + s.provider.BaseURL} // the key is nobody's to write down
	key := "KIE_API_KEY=" + s.provider.APIKey.Reveal()
	if err := s.startProgram(ctx, devservers.Command{
		Name:       "worker",
		Env:        s.environment(append([]string{"STEMFLOW_METRICS_ADDR=" + metrics, key}, s.hosting...)...),
		Ready:      s.polled,
		StopWithin: workerStop,
	}); err != nil {
		return err
	}
	n.say("provider", s.provider.BaseURL, "separations are billed")
	n.say("worker", "polls the provider", "")
	n.say("", "metrics at http://"+metrics+"/metrics", "")
	return nil
}
