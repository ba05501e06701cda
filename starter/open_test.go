package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow/starter/internal/failure"
)

func TestOpenShowsThePage(t *testing.T) {
	a := newArchivedTrack(t)
	dir := t.TempDir()
	t.Chdir(dir)
	var opened string
	run := func(problem error, args ...string) (stdout, stderr string) {
		c, out, errs := newTestCLI("", a.variables)
		c.browse = func(_ context.Context, file string) error { opened = file; return problem }
		require.Zero(t, c.run(t.Context(), append([]string{"open", "5c79", "e231"}, args...)), errs)
		return out.String(), errs.String()
	}
	stdout, stderr := run(nil)
	page := filepath.Join(dir, "listen.html")
	require.Equal(t, page, opened)
	require.Equal(t, "Opened "+page+"\n", stdout)
	require.Empty(t, stderr)
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	a.requireLinks(t, linksIn(string(text)), "3600")
	info, err := os.Stat(page)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode(), "its links are secrets")

	stdout, stderr = run(errors.New("there is no xdg-open"), "--out", "other.html", "--link-lifetime", "2m")
	require.Equal(t, filepath.Join(dir, "other.html")+"\n", stdout, "for a script, or a person to copy")
	require.Equal(t, "No browser was opened: there is no xdg-open. Open the page yourself.\n", stderr)

	stdout, stderr = run(errors.New("no"), "--json")
	require.Empty(t, stderr)
	var printed openedPage
	require.NoError(t, json.Unmarshal([]byte(stdout), &printed))
	require.Equal(t, openedPage{File: page, Problem: "no", LinksExpireAt: printed.LinksExpireAt}, printed)

	code, _, stderr := starter(t, "", a.variables, "open", "5c79", "e231", "--out", filepath.Join("none", "page.html"))
	require.Equal(t, failure.ExitFailed, code)
	require.Contains(t, stderr, "error: FileUnwritable: the page cannot be written: open none/page.html")
	require.NotContains(t, stderr, "listen")
}
