package naming_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow/internal/naming"
)

func TestSlug(t *testing.T) {
	for name, want := range map[string]string{
		"Lead Vocal": "lead_vocal", "Hi-Hat": "hi_hat", "808": "808", "  FX  ": "fx", "": "", "---": "",
		"Backing_Vocals": "backing_vocals", "R&B / Soul": "r_b_soul",
	} {
		require.Equal(t, want, naming.Slug(name), name)
	}
}

func TestBucketNames(t *testing.T) {
	for _, name := range []string{"stems", "my-stems.2026", "a1b"} {
		require.NoError(t, naming.CheckBucket(name), name)
	}
	for _, name := range []string{"", "ab", "Stems", "a..b", "a.-b", "a-.b", "-ab", "ab-", "a_b", "192.168.1.1", strings.Repeat("a", 64)} {
		require.Error(t, naming.CheckBucket(name), name)
	}
}

func TestPrefixes(t *testing.T) {
	for _, prefix := range []string{"", "/", "music", "/music/2026/", "ü", strings.Repeat("a", 400)} {
		require.NoError(t, naming.CheckPrefix(prefix), prefix)
	}
	for _, prefix := range []string{"a//b", "a/./b", "..", `a\b`, "a\nb", "a\x7f", "\xff", strings.Repeat("a", 401)} {
		require.Error(t, naming.CheckPrefix(prefix), prefix)
	}
}
