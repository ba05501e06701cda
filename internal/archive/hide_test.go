package archive_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow/internal/archive"
	"stemflow/internal/redact"
)

// What a store says may repeat a secret, and goes to histories.
func TestSecretsInWhatAStoreSays(t *testing.T) {
	secrets := []string{"4f6a0c2b91d7e835", "nR8vXq2LmZ7tKc5W", "0xHc-uB3_yTgJ9eQ"}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amz-Request-Id", "1")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte("<Error><Code>AccessDenied</Code><Message>" + strings.Join(secrets, " ") + "</Message></Error>"))
	}))
	defer server.Close()
	store, err := archive.New(archive.Options{
		Endpoint: strings.TrimPrefix(server.URL, "http://"), Region: "us-east-1", AccessKey: "key",
		SecretKey: secrets[0], LinkAccessKey: "link", LinkSecretKey: secrets[1],
	})
	require.NoError(t, err)
	store.Hide(redact.New(secrets[2]))
	_, _, err = store.Open(t.Context(), "bucket", "key")
	require.ErrorContains(t, err, "AccessDenied")
	for _, secret := range secrets {
		require.NotContains(t, err.Error(), secret)
	}
}
