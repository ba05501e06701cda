package serverstest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow/internal/archive"
)

func TestExternalStore(t *testing.T) {
	read := func(endpoint, accessKey, secretKey string) (archive.Options, bool, error) {
		values := map[string]string{
			"STEMFLOW_TEST_S3_ENDPOINT": endpoint, "STEMFLOW_TEST_S3_ACCESS_KEY": accessKey, "STEMFLOW_TEST_S3_SECRET_KEY": secretKey,
		}
		return external(func(name string) (string, bool) {
			value := values[name]
			return value, value != ""
		})
	}
	_, given, err := read("", "access", "secret")
	require.NoError(t, err)
	require.False(t, given)
	got, given, err := read("store:9000", "access", "secret")
	require.NoError(t, err)
	require.True(t, given)
	require.Equal(t, archive.Options{Endpoint: "store:9000", AccessKey: "access", SecretKey: "secret"}, got)
	for _, keys := range [][2]string{{"", "secret"}, {"access", ""}} {
		_, given, err = read("store:9000", keys[0], keys[1])
		require.True(t, given)
		require.ErrorContains(t, err, "are required with STEMFLOW_TEST_S3_ENDPOINT")
	}
	_, given, err = read("http://store:9000", "access", "secret")
	require.True(t, given)
	require.ErrorContains(t, err, "is not a store's address")
}

func TestExternalTemporal(t *testing.T) {
	read := func(addr string) (string, bool, error) {
		return externalTemporal(func(name string) (string, bool) {
			return addr, name == "STEMFLOW_TEST_TEMPORAL" && addr != ""
		})
	}
	_, given, err := read("")
	require.NoError(t, err)
	require.False(t, given)
	got, given, err := read("frontend:7233")
	require.NoError(t, err)
	require.True(t, given)
	require.Equal(t, "frontend:7233", got)
	for _, addr := range []string{"frontend", "http://frontend:7233", ":7233", "frontend:"} {
		_, given, err = read(addr)
		require.True(t, given)
		require.ErrorContains(t, err, "is not a frontend's address", addr)
	}
}
