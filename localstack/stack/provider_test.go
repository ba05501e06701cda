package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The file that configures a shell for the stack has where kiesim was, which then does not run.
func TestTheRealProviderIsNoSimulator(t *testing.T) {
	t.Setenv("KIE_API_KEY", apiKey)
	t.Setenv("KIE_UPLOAD_URL", "")
	t.Setenv("KIE_BASE_URL", "http://127.0.0.1:8090")
	_, err := realProvider()
	require.ErrorContains(t, err, "KIE_BASE_URL: is kiesim's, unset it with --provider kie")

	t.Setenv("KIE_BASE_URL", "")
	provider, err := realProvider()
	require.NoError(t, err)
	require.Equal(t, "https://api.kie.ai", provider.BaseURL)
}
