package main

import (
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow/internal/devtools"
)

// One small program stands for all; -verify compares every one.
func TestBuildsAreReproducible(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a program and all that it imports from nothing")
	}
	source, err := devtools.ModuleRoot()
	require.NoError(t, err)
	small, here := []program{{"healthcheck", "./deploy/healthcheck"}}, []platform{{runtime.GOOS, runtime.GOARCH}}
	out := t.TempDir()
	b := builder{source: source, out: out, version: "v1.2.3", commit: "0123456789abcdef"}
	first, err := b.build(t.Context(), small, here)
	require.NoError(t, err)
	other, err := b.elsewhere(t.TempDir())
	require.NoError(t, err)
	again, err := other.build(t.Context(), small, here)
	require.NoError(t, err)
	require.Len(t, first, 1)
	require.Equal(t, first, again)

	next, err := builder{source: source, out: t.TempDir(), version: "v1.2.4"}.build(t.Context(), small, here)
	require.NoError(t, err)
	require.NotEqual(t, first[0][:64], next[0][:64])

	_, name, _ := strings.Cut(first[0], "  ")
	says, err := exec.Command(filepath.Join(out, name), "--version").Output()
	require.NoError(t, err)
	require.Contains(t, string(says), "v1.2.3 (commit 0123456789ab, go1.")

	list, err := document(out, "v1.2.3", testCommit, "urn:builder", "git+https://example.com/stemflow", first)
	require.NoError(t, err)
	requireDocumented(t, list, name)
	requireSigned(t, list)
	before := readFile(t, list)
	_, err = document(out, "v1.2.3", testCommit, "urn:builder", "git+https://example.com/stemflow", again)
	require.NoError(t, err)
	require.Equal(t, before, readFile(t, list), "what describes a program follows from it")
}

// What runs in a container can be had without one.
func TestReleasesHaveTheProgramsOfTheImages(t *testing.T) {
	source, err := devtools.ModuleRoot()
	require.NoError(t, err)
	_, build, found := strings.Cut(readFile(t, filepath.Join(source, "Dockerfile")), " -o /out/ \\\n")
	require.True(t, found, "the build of the programs")
	build, _, _ = strings.Cut(build, "\n#")
	var inImages, released []string
	for field := range strings.FieldsSeq(build) {
		if strings.HasPrefix(field, "./") {
			inImages = append(inImages, field)
		}
	}
	for _, p := range programs {
		released = append(released, p.source)
	}
	require.ElementsMatch(t, inImages, released)
}

func TestVersionsHaveOneForm(t *testing.T) {
	for version, ok := range map[string]bool{"v0.1.0": true, "v1.2.3-rc.1": true, "0.1.0": false, "v1": false, "v1.2.3 -X main.a=b": false, "": false} {
		require.Equal(t, ok, versionForm.MatchString(version), version)
	}
}
