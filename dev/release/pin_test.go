package main

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow/internal/devtools"
)

var (
	oldDigest = "sha256:" + strings.Repeat("a", 64)
	newDigest = "sha256:" + strings.Repeat("b", 64)
)

func TestEveryForeignImageIsPinned(t *testing.T) {
	source, err := devtools.ModuleRoot()
	require.NoError(t, err)
	require.NoError(t, checkPins(source))
}

func TestImagesWithoutADigestAreFound(t *testing.T) {
	on := "${VERSION:+@" + oldDigest + "}"
	for name, c := range map[string]struct {
		dockerfile, compose string
		found               []string
	}{
		"pinned":                {dockerfile: "FROM golang:1.26" + on + " AS go\nFROM go AS programs\nFROM scratch\n"},
		"a tag alone":           {dockerfile: "FROM golang:1.26 AS go\n", found: []string{"golang:1.26"}},
		"no name of its own":    {dockerfile: "FROM golang:1.26\n", found: []string{"golang:1.26"}},
		"in lower case":         {dockerfile: "from golang:1.26 as go\n", found: []string{"golang:1.26"}},
		"for a platform":        {dockerfile: "FROM --platform=linux/amd64 a:1 AS go\n", found: []string{"a:1"}},
		"a stage that is later": {dockerfile: "FROM go\nFROM a:1" + on + " AS go\n", found: []string{"go"}},
		"a short digest": {
			dockerfile: "FROM a:1${VERSION:+@sha256:abc}\n", found: []string{"a:1${VERSION:+@sha256:abc}"},
		},
		"the digest of other builds": {
			dockerfile: "FROM a:1${DEBUG:+@" + oldDigest + "}\n", found: []string{"a:1${DEBUG:+@" + oldDigest + "}"},
		},
		"own image":          {compose: "    image: stemflow-worker:${VERSION:-dev}\n"},
		"a service, pinned":  {compose: "    image: temporalio/temporal:1.9.1" + on + "\n"},
		"a service by tag":   {compose: "    image: a/temporal:1\n", found: []string{"a/temporal:1"}},
		"a choice, pinned":   {compose: "    image: ${STORE_IMAGE:-a/store:1" + on + "}\n"},
		"a choice by tag":    {compose: "    image: ${STORE:-a/store:1}\n", found: []string{"${STORE:-a/store:1}"}},
		"named like our own": {compose: "    image: stemflow-worker:1\n", found: []string{"stemflow-worker:1"}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.found, unpinned(c.dockerfile, c.compose))
		})
	}
}

func TestPinWritesTheRegistrysDigests(t *testing.T) {
	source := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(source, name), []byte(text), 0o644))
	}
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(source, name))
		require.NoError(t, err)
		return string(text)
	}
	write("Dockerfile", "FROM a.io/b/go:1-x${VERSION:+@"+oldDigest+"} AS go\nFROM c:2${VERSION:+@"+newDigest+"}\n")
	write("docker-compose.yml", "image: ${D_IMAGE:-d/e:R.1${VERSION:+@"+oldDigest+"}}\n")
	asked := map[string]int{}
	changed, err := pin(source, func(image string) (string, error) { asked[image]++; return newDigest, nil })
	require.NoError(t, err)
	require.Equal(t, map[string]int{"a.io/b/go:1-x": 1, "c:2": 1, "d/e:R.1": 1}, asked)
	require.Equal(t, []string{
		"Dockerfile: a.io/b/go:1-x is " + newDigest + ", was " + oldDigest,
		"docker-compose.yml: d/e:R.1 is " + newDigest + ", was " + oldDigest,
	}, changed)
	require.Equal(t,
		"FROM a.io/b/go:1-x${VERSION:+@"+newDigest+"} AS go\nFROM c:2${VERSION:+@"+newDigest+"}\n", read("Dockerfile"))
	require.Equal(t, "image: ${D_IMAGE:-d/e:R.1${VERSION:+@"+newDigest+"}}\n", read("docker-compose.yml"))

	before := read("Dockerfile")
	_, err = pin(source, func(string) (string, error) { return "", errors.New("no registry") })
	require.EqualError(t, err, "no registry")
	require.Equal(t, before, read("Dockerfile"))
}

// What docker prints is played by a script.
func TestRegistryDigest(t *testing.T) {
	asked := `[ "$*" = "buildx imagetools inspect a:1 --format {{.Manifest.Digest}}" ]`
	for script, want := range map[string]struct{ digest, err string }{
		asked + " && echo " + newDigest: {digest: newDigest},
		"echo nonsense":                 {err: "is no digest"},
		"exit 1":                        {err: "needs Docker with buildx"},
	} {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "docker"), []byte("#!/bin/sh\n"+script+"\n"), 0o755))
		t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
		digest, err := registryDigest(t.Context())("a:1")
		if want.err == "" {
			require.NoError(t, err, script)
		} else {
			require.ErrorContains(t, err, want.err, script)
		}
		require.Equal(t, want.digest, digest)
	}
}

// A tag of an action may be moved to other code, a commit may not.
func TestWorkflowsPinTheirActions(t *testing.T) {
	source, err := devtools.ModuleRoot()
	require.NoError(t, err)
	files, err := filepath.Glob(filepath.Join(source, ".github", "workflows", "*.yml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	uses := regexp.MustCompile(`(?m)^\s*(?:- )?uses:\s*(\S+)(.*)$`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Contains(t, string(text), "\npermissions:\n  contents: read\n")
		for _, action := range uses.FindAllStringSubmatch(string(text), -1) {
			require.Regexp(t, `^[\w-]+/[\w-]+@[0-9a-f]{40}$`, action[1])
			require.Regexp(t, `^ # v\d+\.\d+\.\d+$`, action[2], "the version is for readers and for updates")
		}
	}
}
