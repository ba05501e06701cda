package allowed_test

import (
	"math/rand/v2"
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"

	"stemflow/internal/allowed"
)

func places(t *testing.T, texts ...string) allowed.Places {
	var all allowed.Places
	for _, text := range texts {
		place, err := allowed.Parse(text)
		require.NoError(t, err)
		all = append(all, place)
	}
	return all
}

func TestParse(t *testing.T) {
	for text, want := range map[string]allowed.Place{
		"stems": {Bucket: "stems"}, " stems/ ": {Bucket: "stems"}, "stems//": {Bucket: "stems"},
		"stems/music/2026/": {Bucket: "stems", Prefix: "music/2026"},
	} {
		got, err := allowed.Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got)
		again, err := allowed.Parse(got.String())
		require.NoError(t, err)
		require.Equal(t, got, again)
	}
	for _, text := range []string{"", " ", "/", "*", "Stems", "stems/..", "stems/a//b", "stems/./a", "s3://stems", `stems/a\b`} {
		_, err := allowed.Parse(text)
		require.Error(t, err, text)
	}
}

func TestFoldersAndObjects(t *testing.T) {
	all := places(t, "stems/music", "lists", "archive/a/b")
	for prefix, want := range map[string]bool{
		"music": true, "/music/": true, "music/2026": true, "": false, "/": false, "musical": false, "music2": false,
		"mus": false, "other": false, "music/..": false, "music/../other": false, "music/%2e%2e/other": false,
		"music/%252E%252e/other": false, "music/%zz/%2e./x": false, `music\..\secret`: false, "music/./x": false,
		"Music": false, "ｍusic": false, "music\u2215x": false, "music/\x00": false, "music/\xff": false,
	} {
		require.Equal(t, want, all.Folder("stems", prefix), "%q", prefix)
	}
	for key, want := range map[string]bool{
		"music/list.csv": true, "music/50% mix.csv": true, "music//list.csv": true, "music": false, "": false,
		"list.csv": false, "/music/list.csv": false, "//music/list.csv": false, "music/../list.csv": false,
		"music/..": false, "music/...": true, "music/a%2f..%2f..%2fb": false, "./music/list.csv": false,
		"musical/list.csv": false, "music/" + strings.Repeat("a", 2000): false,
		"music/" + strings.Repeat("%25", 300): true,
	} {
		require.Equal(t, want, all.Object("stems", key), "%q", key)
	}
	require.True(t, all.Object("lists", "any/list.csv"))
	require.False(t, all.Object("lists", "../stems/list.csv"))
	require.False(t, all.Object("list", "list.csv"))
	require.False(t, all.Object("", "list.csv"))
	require.True(t, all.Bucket("archive"))
	require.False(t, all.Bucket("a"))
	require.False(t, allowed.Places(nil).Folder("stems", ""))
}

// tricks are the pieces that paths which lead elsewhere are made of.
var tricks = []string{
	"music", "mus", "ic", "..", ".", "/", "//", "%2e", "%2E", "%2f", "%25", "%", "25", "2e", "2f", `\`, "%5c", "\u2025",
	"\uff0e", "\uff0f", "\u2215", "e\u0301", "\x00", "\n", "\xff", " ", "a", "%c0%ae", "+",
}

// Whatever is done to a key that is allowed, by anybody on its way, it stays below the prefix.
func TestNoSpellingLeadsOut(t *testing.T) {
	all := places(t, "stems/music")
	random := rand.New(rand.NewPCG(1, 2))
	taken := 0
	for range 200_000 {
		var b strings.Builder
		if random.IntN(2) == 0 {
			b.WriteString("music/")
		}
		for range random.IntN(8) {
			b.WriteString(tricks[random.IntN(len(tricks))])
		}
		key := b.String()
		if all.Object("stems", key) || all.Folder("stems", key) {
			taken++
			staysBelow(t, strings.Trim(key, "/"))
		}
	}
	require.Greater(t, taken, 1000, "hardly any key is allowed, so hardly any is tested")
}

func staysBelow(t *testing.T, key string) {
	t.Helper()
	for range 5 {
		for _, read := range []string{key, strings.ReplaceAll(key, `\`, "/")} {
			clean := path.Clean("/bucket/" + read)
			require.True(t, clean == "/bucket/music" || strings.HasPrefix(clean, "/bucket/music/"), "%q leads to %q", key, clean)
		}
		next, err := url.PathUnescape(key)
		if err != nil {
			return
		}
		key = norm.NFC.String(next)
	}
}

func FuzzNoSpellingLeadsOut(f *testing.F) {
	for _, trick := range tricks {
		f.Add("music/" + trick)
	}
	all := allowed.Places{allowed.PlaceOf("stems", "music")}
	f.Fuzz(func(t *testing.T, key string) {
		if all.Object("stems", key) || all.Folder("stems", key) {
			staysBelow(t, strings.Trim(key, "/"))
		}
	})
}
