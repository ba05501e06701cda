package arrivals

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func put(t *testing.T, dir, name, content string, at time.Time) string {
	t.Helper()
	name = filepath.Join(dir, filepath.FromSlash(name))
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
	require.NoError(t, os.WriteFile(name, []byte(content), 0o600))
	require.NoError(t, os.Chtimes(name, at, at))
	return name
}

func TestFilesAreTakenOnceTheyStayTheSame(t *testing.T) {
	dir := t.TempDir()
	w := Watcher{Dir: dir, Settle: 2}
	at := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	look := func(want ...string) {
		t.Helper()
		whole, unread := w.Look()
		require.Empty(t, unread)
		require.Equal(t, want, whole)
	}
	look()
	song := put(t, dir, "song.mp3", "half", at)
	look()
	put(t, dir, "song.mp3", "half more", at) // as many programs write: the time stays
	look()
	put(t, dir, "song.mp3", "same size", at.Add(time.Second))
	look()
	look()
	look(song)
	require.False(t, w.Changed(song))
	look()
	deep := put(t, dir, "2026/november/夜曲.flac", "content", at)
	look()
	look()
	look(deep)

	put(t, dir, "song.mp3", "another", at.Add(time.Minute))
	require.True(t, w.Changed(song))
	look()
	look()
	look(song)

	require.NoError(t, os.Remove(song))
	require.True(t, w.Changed(song))
	look()
	put(t, dir, "song.mp3", "another", at.Add(time.Minute))
	look()
	look()
	look(song)

	w.Again(song)
	look()
	look()
	look(song)
}

func TestFilesThatArePassedOver(t *testing.T) {
	dir := t.TempDir()
	w := Watcher{Dir: dir, Settle: 1}
	for _, name := range []string{
		".hidden.mp3", ".Trash/song.mp3", "song.mp3.part", "song.MP3.CRDOWNLOAD", "song.tmp", "song.mp3~", "song.mp3.download/song.mp3",
	} {
		put(t, dir, name, "content", time.Now())
	}
	require.NoError(t, os.Symlink(dir, filepath.Join(dir, "round")))
	want := put(t, dir, "part.mp3", "content", time.Now())
	w.Look()
	whole, unread := w.Look()
	require.Empty(t, unread)
	require.Equal(t, []string{want}, whole)
}

// What cannot be read for a while is not forgotten, and so not separated anew.
func TestAFolderThatIsAway(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "in")
	song := put(t, dir, "song.mp3", "content", time.Now())
	w := Watcher{Dir: dir, Settle: 1}
	w.Look()
	whole, _ := w.Look()
	require.Equal(t, []string{song}, whole)
	require.NoError(t, os.Rename(dir, dir+"-away"))
	whole, unread := w.Look()
	require.Empty(t, whole)
	require.NotEmpty(t, unread)
	require.NoError(t, os.Rename(dir+"-away", dir))
	whole, unread = w.Look()
	require.Empty(t, whole)
	require.Empty(t, unread)
}

func TestAFolderMayBeASymbolicLink(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "songs/song.mp3", "content", time.Now())
	link := filepath.Join(dir, "link")
	require.NoError(t, os.Symlink(filepath.Join(dir, "songs"), link))
	w := Watcher{Dir: link, Settle: 1}
	_, unread := w.Look()
	require.Empty(t, unread)
	whole, unread := w.Look()
	require.Empty(t, unread)
	require.Equal(t, []string{filepath.Join(link, "song.mp3")}, whole)
}
