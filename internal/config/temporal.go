package config

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/log"
)

// Temporal is the options of a Temporal client, from the profiles and TEMPORAL_ variables that
// Temporal's own command line reads. The client logs to slog's default logger.
func Temporal() (client.Options, error) { return temporalOptions(nil) }

func temporalOptions(lookup envconfig.EnvLookup) (client.Options, error) {
	options, err := envconfig.LoadClientOptions(envconfig.LoadClientOptionsRequest{EnvLookup: lookup})
	if err != nil {
		return client.Options{}, fmt.Errorf(
			"the Temporal client's configuration (TEMPORAL_ variables and temporal.toml) is wrong: %w",
			err,
		)
	}
	if strings.HasPrefix(options.HostPort, "http://") || strings.HasPrefix(options.HostPort, "https://") {
		return client.Options{}, errors.New(
			`TEMPORAL_ADDRESS: give "host:port", like "localhost:7233", without a scheme; ` +
				`TEMPORAL_TLS=true turns TLS on`,
		)
	}
	if options.HostPort == "" {
		options.HostPort = client.DefaultHostPort
	}
	if options.Namespace == "" {
		options.Namespace = client.DefaultNamespace
	}
	options.Logger = log.NewStructuredLogger(slog.Default())
	return options, nil
}
