package songfile

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/tune"
)

func clip(t *testing.T) []byte {
	t.Helper()
	stem, ok := tune.Stem("instrumental")
	require.True(t, ok)
	once := stem.Once()
	content, err := io.ReadAll(io.NewSectionReader(once, 0, once.Size))
	require.NoError(t, err)
	return content
}

func write(t *testing.T, name string, content []byte) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(name, content, 0o600))
	return name
}

func TestASongIsKnownByItsContent(t *testing.T) {
	content := clip(t)
	sum := sha256.Sum256(content)
	for name, title := range map[string]string{
		"Größe – 夜曲.mp3": "Größe – 夜曲", "copy": "copy", "a.b.wav": "a.b", ".mp3": ".mp3", "bad\xff.mp3": "bad\uFFFD",
		strings.Repeat("長", 80) + ".mp3": strings.Repeat("長", 80),
	} {
		song, err := Read(write(t, name, content))
		require.NoError(t, err, name)
		require.Equal(t, hex.EncodeToString(sum[:]), song.SHA256)
		require.Equal(t, "mp3", song.Format.Ext, "of the content, and not of the name")
		require.Equal(t, title, song.Title)
		require.LessOrEqual(t, utf8.RuneCountInString(song.Title), stemflow.MaxTitle)
	}
	large := append(content, make([]byte, stemflow.MaxAudioSize-len(content))...)
	_, err := Read(write(t, "just.mp3", large))
	require.NoError(t, err, "as much as the provider takes")
}

func TestWhatIsNoSong(t *testing.T) {
	content := clip(t)
	dir := t.TempDir()
	for name, c := range map[string]struct{ file, problem string }{
		"text":   {write(t, "notes.mp3", []byte("no music")), "is no audio that is known"},
		"empty":  {write(t, "empty.mp3", nil), "is no audio that is known"},
		"large":  {write(t, "large.mp3", append(content, make([]byte, stemflow.MaxAudioSize)...)), "is larger than 20 MB"},
		"none":   {filepath.Join(dir, "none.mp3"), "cannot be read: no such file or directory"},
		"folder": {dir, "is a folder"},
		"device": {os.DevNull, "is no regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Read(c.file)
			var wrong *Error
			require.ErrorAs(t, err, &wrong)
			require.Contains(t, err.Error(), c.file+": "+c.problem)
		})
	}
}
