package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTracing(t *testing.T) {
	for name, c := range map[string]struct {
		variables map[string]string
		want      Tracing
	}{
		"unasked":                       {nil, Tracing{}},
		"a protocol alone":              {map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, Tracing{GRPC: true}},
		"an address":                    {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, Tracing{Enabled: true}},
		"an address for traces alone":   {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://collector/v1/traces"}, Tracing{Enabled: true}},
		"an exporter, and its default":  {map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}, Tracing{Enabled: true}},
		"set to nothing":                {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "", "OTEL_TRACES_EXPORTER": " "}, Tracing{}},
		"no exporter":                   {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_EXPORTER": "none"}, Tracing{}},
		"disabled":                      {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "TRUE"}, Tracing{}},
		"not disabled":                  {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "false"}, Tracing{Enabled: true}},
		"gRPC":                          {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, Tracing{Enabled: true, GRPC: true}},
		"gRPC, but not for traces":      {map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf"}, Tracing{Enabled: true}},
		"headers, percent-encoded":      {map[string]string{"OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Basic%20abc=, x-tenant=a"}, Tracing{}},
		"headers with a comma too many": {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_HEADERS": "a=b,"}, Tracing{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := LoadTracing(from(c.variables))
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestTracingNamesWhatIsWrong(t *testing.T) {
	variables := map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT":        "collector:4318",
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://user:secret@collector",
		"OTEL_TRACES_EXPORTER":               "zipkin",
		"OTEL_EXPORTER_OTLP_PROTOCOL":        "thrift",
		"OTEL_SDK_DISABLED":                  "perhaps",
		"OTEL_EXPORTER_OTLP_HEADERS":         "a=b,Authorization: Bearer secret",
		"OTEL_EXPORTER_OTLP_TRACES_HEADERS":  "Authorization=%secret,Authorization: Bearer secret=",
	}
	_, err := LoadTracing(from(variables))
	for name := range variables {
		require.ErrorContains(t, err, name+": ")
	}
	require.ErrorContains(t, err, "OTEL_EXPORTER_OTLP_HEADERS: header 2 is not name=value")
	require.ErrorContains(t, err, "OTEL_EXPORTER_OTLP_TRACES_HEADERS: header 2 is not name=value")
	require.NotContains(t, err.Error(), "secret")
}
