package archive_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow/internal/archive"
)

// A store that knows nothing of additional checksums takes the body and answers without one.
func TestPutDemandsThatTheStoreConfirms(t *testing.T) {
	for name, answer := range map[string]string{"nothing": "", "no SHA-256": "c2hvcnQ=", "no base64": "!"} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("ETag", `"5d41402abc4b2a76b9719d911017c592"`)
				w.Header().Set("X-Amz-Checksum-Sha256", answer)
			}))
			defer server.Close()
			store, err := archive.New(archive.Options{
				Endpoint:  strings.TrimPrefix(server.URL, "http://"),
				AccessKey: "access", SecretKey: "secret", Region: "us-east-1",
			})
			require.NoError(t, err)
			_, err = store.Put(t.Context(), "bucket", "key", "audio/mpeg", strings.NewReader("hello"), 5)
			require.ErrorIs(t, err, archive.ErrUnconfirmed)
			require.ErrorContains(t, err, "did not confirm the checksum of what was sent: SHA256")
			require.ErrorContains(t, err, "use a store that verifies S3's additional checksums")
		})
	}
}
