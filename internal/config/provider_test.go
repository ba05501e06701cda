package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAProviderIsReadWhereThereIsAKey(t *testing.T) {
	load := func(key string) (*Provider, error) {
		return LoadProvider(func(name string) (string, bool) {
			if name == "KIE_API_KEY" {
				return key, true
			}
			return "", false
		})
	}
	provider, err := load("")
	require.NoError(t, err)
	require.Nil(t, provider)

	provider, err = load("0123456789")
	require.NoError(t, err)
	require.Equal(t, "0123456789", provider.KIE.APIKey.Reveal())

	_, err = load("0123 456789")
	require.EqualError(t, err,
		"the environment has a problem: KIE_API_KEY: contains a space or a line break, give the value alone")
}
