package naming

import (
	"net/url"
	"slices"
	"strings"
)

// passing are the parameters that stores, edges and checkers of links put into a query, and that do
// not say which file is meant: signatures and who made them, times, and how the file is to be
// served. Names are in lower case.
var passing = strings.Fields(`
	signature sig sign token auth_key policy hdnts hdnea hdntl __token__ verify jwt access_token hmac md5
	expires expire expiry exp e expires_at st se ts timestamp
	awsaccesskeyid googleaccessid ossaccesskeyid accesskeyid key-pair-id security-token securitytoken
	sv ss srt sp spr sr sip si skoid sktid skt ske sks skv saoid suoid scid sdd ses rscc rscd rsce rscl rsct
	response-content-type response-content-disposition response-cache-control response-content-encoding
	response-content-language response-expires
	download dl raw alt`)

// QueryNamesFile reports whether the query of an address may say which file is meant: whether it
// has more than what signs it, or says how it is to be served.
func QueryNamesFile(query string) bool {
	for parameter := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(parameter, "=")
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		name = strings.ToLower(name)
		// X-Amz-, X-Goog-, x-oss-, X-Tos- and others sign so, and q- does Tencent's store.
		if parameter != "" && !slices.Contains(passing, name) && !strings.HasPrefix(name, "x-") &&
			!strings.HasPrefix(name, "q-") && !strings.HasPrefix(name, "utm_") {
			return true
		}
	}
	return false
}
