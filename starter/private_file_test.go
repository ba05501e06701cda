package main

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func requirePrivate(t *testing.T, name, want string) {
	t.Helper()
	info, err := os.Lstat(name)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode())
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, want, string(text))
}

func TestPagesArePrivateWhateverStandsThere(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, mode := range []fs.FileMode{0o666, 0o644, 0o400, 0o600, 0o777} {
		name := at("listen.html")
		require.NoError(t, os.WriteFile(name, []byte("a longer page than the new one"), 0o600))
		require.NoError(t, os.Chmod(name, mode))
		require.NoError(t, writePrivate(name, []byte("new")))
		requirePrivate(t, name, "new")
	}

	require.NoError(t, os.WriteFile(at("public"), []byte("old"), 0o644))
	require.NoError(t, os.Chmod(at("public"), 0o644))
	require.NoError(t, os.Link(at("public"), at("hard.html")))
	require.NoError(t, os.Symlink("public", at("link.html")))
	require.NoError(t, os.Symlink("nowhere", at("dangling.html")))
	for _, name := range []string{"link.html", "dangling.html", "hard.html", "new.html"} {
		require.NoError(t, writePrivate(at(name), []byte("secret")))
		requirePrivate(t, at(name), "secret")
	}
	text, err := os.ReadFile(at("public"))
	require.NoError(t, err)
	require.Equal(t, "old", string(text), "nothing was written through a link")
	_, err = os.Stat(at("nowhere"))
	require.ErrorIs(t, err, fs.ErrNotExist)

	require.Error(t, writePrivate(dir, nil))
	require.ErrorIs(t, writePrivate(at("no/such/page.html"), nil), fs.ErrNotExist)
	left, err := filepath.Glob(at(".listen-*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestPagesGoIntoPipes(t *testing.T) {
	name := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(name, 0o600))
	read := make(chan string, 1)
	go func() {
		pipe, err := os.Open(name)
		if err == nil {
			defer pipe.Close()
		}
		text, _ := io.ReadAll(pipe)
		read <- string(text)
	}()
	require.NoError(t, writePrivate(name, []byte("page")))
	require.Equal(t, "page", <-read)
	info, err := os.Lstat(name)
	require.NoError(t, err)
	require.Equal(t, fs.ModeNamedPipe, info.Mode().Type())
}
