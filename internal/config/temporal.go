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

// TemporalAt is like [Temporal], with an address and a namespace that go before those of profile
// and variables unless they are empty.
func TemporalAt(address, namespace string) (client.Options, error) {
	overrides := map[string]string{}
	if address != "" {
		overrides["TEMPORAL_ADDRESS"] = address
	}
	if namespace != "" {
		overrides["TEMPORAL_NAMESPACE"] = namespace
	}
	return temporalOptions(overridden{envconfig.EnvLookupOS, overrides})
}

// overridden is an environment with other values of some variables.
type overridden struct {
	envconfig.EnvLookup
	values map[string]string
}

func (o overridden) LookupEnv(name string) (string, bool) {
	if value, ok := o.values[name]; ok {
		return value, true
	}
	return o.EnvLookup.LookupEnv(name)
}

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
