package archive

import (
	"net/http"
	"strings"
)

// answers mends what minio-go would misread in the answers of servers that are no store.
type answers struct{ http.RoundTripper }

func (a answers) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := a.RoundTripper.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK && req.URL.Query().Has("list-type") &&
		!strings.Contains(resp.Header.Get("Content-Type"), "xml") {
		resp.Body.Close()
		return nil, errNotS3 // minio-go would take any web page for an empty list
	}
	if req.Body != nil && resp.StatusCode/100 == 3 {
		// No redirect is followed in any case. But after a 301, 302 or 303 http.Client closes the
		// request's body, which the connection may be closing at the same moment, and minio-go's
		// signing body does not bear that.
		resp.StatusCode = http.StatusTemporaryRedirect
		resp.Header.Del("Location")
	}
	return resp, nil
}
