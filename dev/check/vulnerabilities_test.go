package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// What govulncheck says and how it ends is played by a script.
func TestVulnerabilities(t *testing.T) {
	for name, c := range map[string]struct {
		script  string
		skipped bool
		fails   string
		says    string
	}{
		"none": {script: "echo 'No vulnerabilities found.'", says: "No vulnerabilities found.\n"},
		"found": {
			script: "echo 'Vulnerability #1: GO-2026-0001'; exit 3", fails: "exit status 3",
			says: "Vulnerability #1: GO-2026-0001\n",
		},
		"no database": {
			script:  "echo 'govulncheck: fetching vulnerabilities: Get \"https://vuln.go.dev\": no such host' >&2; exit 1",
			skipped: true, fails: "the vulnerability database cannot be reached",
		},
		"does not build": {
			script: "echo 'govulncheck: loading packages: no such package' >&2; exit 1",
			fails:  "exit status 1", says: "govulncheck: loading packages: no such package\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "govulncheck")
			require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+c.script+"\n"), 0o755))
			var out bytes.Buffer
			err := scan(t.Context(), &out, path)
			if c.fails == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, c.fails)
			}
			require.Equal(t, c.skipped, isSkipped(err))
			require.Equal(t, c.says, out.String())
		})
	}
}
