package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"

	"stemflow/internal/codec"
)

// Temporal is the options of a Temporal client, from the profiles and TEMPORAL_ variables that
// Temporal's own command line reads. The client logs to slog's default logger.
func Temporal() (client.Options, error) { return temporalOptions(nil) }

// TemporalAt is like [Temporal], with an address and a namespace that go before those of profile
// and variables, and a profile that goes before that of the variables, unless they are empty.
func TemporalAt(address, namespace, profile string) (client.Options, error) {
	overrides := map[string]string{}
	if address != "" {
		overrides["TEMPORAL_ADDRESS"] = address
	}
	if namespace != "" {
		overrides["TEMPORAL_NAMESPACE"] = namespace
	}
	return temporalOptions(environment{envconfig.EnvLookupOS, WithProfile(func(name string) (string, bool) {
		if value, ok := overrides[name]; ok {
			return value, true
		}
		return envconfig.EnvLookupOS.LookupEnv(name)
	}, profile)})
}

// WithProfile has another profile in place of that of the variables, unless it is empty.
func WithProfile(lookup Lookup, profile string) Lookup {
	return func(name string) (string, bool) {
		if name == "TEMPORAL_PROFILE" && profile != "" {
			return profile, true
		}
		return lookup(name)
	}
}

// environment is one whose variables are looked up elsewhere.
type environment struct {
	envconfig.EnvLookup
	lookup Lookup
}

func (e environment) LookupEnv(name string) (string, bool) { return e.lookup(name) }

func temporalOptions(lookup envconfig.EnvLookup) (client.Options, error) {
	const wrong = "the Temporal client's configuration (TEMPORAL_ variables and temporal.toml) is wrong: %w"
	profile, err := envconfig.LoadClientConfigProfile(envconfig.LoadClientConfigProfileOptions{EnvLookup: lookup})
	if err != nil && strings.Contains(err.Error(), "unable to find profile") {
		err = fmt.Errorf(`%w, give one that "temporal config list" shows`, err)
	}
	if err != nil {
		return client.Options{}, fmt.Errorf(wrong, err)
	}
	options, err := profile.ToClientOptions(envconfig.ToClientOptionsRequest{})
	if err != nil {
		return client.Options{}, fmt.Errorf(wrong, err)
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
	if profile.Codec != nil {
		if err := encode(&options, *profile.Codec); err != nil {
			return client.Options{}, err
		}
	}
	return options, nil
}

// encode has a client's payloads encoded by a codec server, and the details of failures with them.
func encode(options *client.Options, server envconfig.ClientConfigCodec) error {
	if server.Endpoint == "" {
		if server.Auth != "" {
			return errors.New("TEMPORAL_CODEC_AUTH: is of no use without TEMPORAL_CODEC_ENDPOINT, give both or neither")
		}
		return nil
	}
	u, err := url.Parse(strings.ReplaceAll(server.Endpoint, "{namespace}", options.Namespace))
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" ||
		u.RawQuery != "" || u.Fragment != "" {
		return errors.New("TEMPORAL_CODEC_ENDPOINT: is not the base URL of a codec server, " +
			"like https://codec.example.com/{namespace}")
	}
	if strings.ContainsFunc(server.Auth, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return errors.New("TEMPORAL_CODEC_AUTH: contains a line break, give the value of the header alone")
	}
	options.DataConverter = codec.NewDataConverter(codec.Options{
		Endpoint: server.Endpoint, Auth: server.Auth, Namespace: options.Namespace,
	})
	options.FailureConverter = temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{
		DataConverter: options.DataConverter,
	})
	return nil
}
