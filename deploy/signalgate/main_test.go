package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNamespaceList(t *testing.T) {
	for text, want := range map[string][]string{
		"": {"default"}, " ": {"default"}, "music": {"music"}, " music ": {"music"}, "music,default": {"music", "default"},
		"music, default\n": {"music", "default"},
	} {
		got, err := namespaceList(text, "default")
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{",", "music,", "music, ,default", ",music"} {
		_, err := namespaceList(text, "default")
		require.ErrorContains(t, err, "is empty", text)
	}
}
