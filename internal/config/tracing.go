package config

import (
	"net/url"
	"regexp"
	"strings"
)

// Tracing says whether spans are exported, and how. The OpenTelemetry SDK reads its other variables
// by itself: address, headers, sampler, resource, limits.
type Tracing struct {
	// Enabled is true once an exporter or an address for one is given: nothing is sent to a
	// collector that nobody named.
	Enabled bool
	// GRPC sends OTLP over gRPC, in place of HTTP.
	GRPC bool
}

// LoadTracing reads whether spans are exported. The error is an [*Error].
func LoadTracing(lookup Lookup) (Tracing, error) {
	v := &variables{lookup: lookup}
	var t Tracing
	// Each is looked at, so that whatever is wrong is told.
	general, own := v.baseURL("OTEL_EXPORTER_OTLP_ENDPOINT", ""), v.baseURL("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "")
	disabled := v.flag("OTEL_SDK_DISABLED")
	switch exporter := v.text("OTEL_TRACES_EXPORTER", ""); exporter {
	case "":
		t.Enabled = general != nil || own != nil
	case "otlp":
		t.Enabled = true
	case "none":
	default:
		v.report("OTEL_TRACES_EXPORTER", "%q is not supported, give otlp or none", exporter)
	}
	t.Enabled = t.Enabled && !disabled
	v.headers("OTEL_EXPORTER_OTLP_HEADERS")
	v.headers("OTEL_EXPORTER_OTLP_TRACES_HEADERS")

	for _, name := range []string{"OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"} {
		switch protocol := v.text(name, ""); protocol {
		case "":
		case "grpc":
			t.GRPC = true
		case "http/protobuf", "http/json":
			t.GRPC = false
		default:
			v.report(name, "%q is no protocol of OTLP, give grpc, http/protobuf or http/json", protocol)
		}
	}
	return t, v.err()
}

var headerName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

// headers looks at headers that the OpenTelemetry SDK is going to read, since it would put one that
// it does not understand into the log as it is. They hold credentials.
func (v *variables) headers(name string) {
	for i, header := range v.list(name) {
		key, value, assigned := strings.Cut(header, "=")
		_, err := url.PathUnescape(value)
		if !assigned || err != nil || !headerName.MatchString(strings.TrimSpace(key)) {
			v.report(name, "header %d is not name=value, with the value percent-encoded", i+1)
		}
	}
}
