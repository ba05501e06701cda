package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func program(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stack")
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755))
	return path
}

func TestCheckSaysWhatTheProgramSays(t *testing.T) {
	require.NoError(t, check(t.Context(), program(t, `[ "$*" = "-check --provider kie" ]`), []string{"--provider", "kie"}))

	err := check(t.Context(), program(t, "echo localstack: no key >&2; exit 2"), nil)
	no, ok := errors.AsType[refused](err)
	require.True(t, ok, err)
	require.Equal(t, refused{2, "localstack: no key\n"}, no)

	err = check(t.Context(), filepath.Join(t.TempDir(), "missing"), nil)
	require.ErrorIs(t, err, os.ErrNotExist)
}

// What shows how the build goes must itself be built within seconds: before that, a first run is
// silent.
func TestImportsLittle(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	require.NoError(t, err)
	packages := strings.Fields(string(out))
	require.Less(t, len(packages), 130, packages)
	for _, name := range packages {
		require.NotEqual(t, "net", name)
		domain, _, _ := strings.Cut(name, "/")
		require.True(t, domain == "stemflow" || domain == "vendor" || !strings.Contains(domain, "."), name)
	}
}
