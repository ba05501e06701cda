package browser

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOpen(t *testing.T) {
	path := t.TempDir()
	t.Setenv("PATH", path)
	require.EqualError(t, Open(t.Context(), "page.html"), "there is no "+commandLine("linux", "")[0])
	opener := filepath.Join(path, "xdg-open")
	require.NoError(t, os.WriteFile(opener, []byte("#!/bin/sh\nexit 3\n"), 0o700))
	require.EqualError(t, Open(t.Context(), "page.html"), "xdg-open: exit status 3")
	require.NoError(t, os.WriteFile(opener, []byte("#!/bin/sh\necho \"$1\" > "+path+"/opened\n"), 0o700))
	require.NoError(t, Open(t.Context(), "a page.html"))
	opened, err := os.ReadFile(filepath.Join(path, "opened"))
	require.NoError(t, err)
	require.Equal(t, "a page.html\n", string(opened))

	require.Equal(t, []string{"open", "x"}, commandLine("darwin", "x"))
	require.Equal(t, "rundll32", commandLine("windows", "x")[0])
}
