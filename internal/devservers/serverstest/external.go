package serverstest

import (
	"fmt"
	"strings"

	"stemflow/internal/archive"
)

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
