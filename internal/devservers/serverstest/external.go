package serverstest

import (
	"fmt"
	"net"
	"strings"

	"stemflow/internal/archive"
)

// temporalVariable leads tests to a Temporal which is there already.
const temporalVariable = "STEMFLOW_TEST_TEMPORAL"

// externalTemporal is the address of the Temporal that the environment names, if it names one.
func externalTemporal(lookup func(string) (string, bool)) (addr string, given bool, err error) {
	addr, _ = lookup(temporalVariable)
	if addr == "" {
		return "", false, nil
	}
	if host, port, err := net.SplitHostPort(addr); err != nil || host == "" || port == "" {
		return "", true, fmt.Errorf(
			`%s %q is not a frontend's address: give "host:port", which speaks gRPC without TLS`, temporalVariable, addr)
	}
	return addr, true, nil
}

// variables is how the names of those begin that lead tests to a store which is there already.
const variables = "STEMFLOW_TEST_S3_"

// external is how to reach the store that the environment names, if it names one.
func external(lookup func(string) (string, bool)) (opts archive.Options, given bool, err error) {
	if opts.Endpoint, _ = lookup(variables + "ENDPOINT"); opts.Endpoint == "" {
		return archive.Options{}, false, nil
	}
	if strings.Contains(opts.Endpoint, "/") {
		return opts, true, fmt.Errorf(
			`%sENDPOINT %q is not a store's address: give "host:port", which speaks plain HTTP`,
			variables, opts.Endpoint)
	}
	opts.AccessKey, _ = lookup(variables + "ACCESS_KEY")
	opts.SecretKey, _ = lookup(variables + "SECRET_KEY")
	if opts.AccessKey == "" || opts.SecretKey == "" {
		return opts, true, fmt.Errorf(
			"%sACCESS_KEY and %sSECRET_KEY are required with %sENDPOINT: give its root user's",
			variables, variables, variables)
	}
	return opts, true, nil
}
