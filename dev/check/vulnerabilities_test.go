package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The recordings are parts of what govulncheck 1.9.0 said of this repository with Go 1.26.8.
func TestWhatCountsOfAScan(t *testing.T) {
	for name, want := range map[string]map[string]string{
		// A module that is required but not linked, and a function that is not called, do not
		// count.
		"product": {"GO-2026-6617": "stdlib@v1.26.8, fixed in v1.26.9: " +
			"HTTP/2 server crash due to HPACK encoder race in net/http"},
		"tools": {
			"GO-2026-5284": "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c, no version is fixed: " +
				"MinIO has an Unauthenticated Object Write via Missing Signature Verification in " +
				"Unsigned-Trailer Uploads in github.com/minio/minio",
			"GO-2026-6061": "google.golang.org/grpc@v1.72.2, fixed in v1.82.1: Vulnerabilities in the xDS RBAC " +
				"authorization engine and the HTTP/2 transport server implementation in google.golang.org/grpc",
		},
	} {
		t.Run(name, func(t *testing.T) {
			recorded, err := os.Open("testdata/govulncheck-" + name + ".json")
			require.NoError(t, err)
			defer recorded.Close()
			got, err := found(recorded, scopeNamed(t, name).counts)
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

func scopeNamed(t *testing.T, name string) scope {
	t.Helper()
	for _, s := range scopes {
		if s.name == name {
			return s
		}
	}
	require.Fail(t, "there is no such scope", name)
	return scope{}
}

func TestAllowances(t *testing.T) {
	day := func(text string) time.Time {
		at, err := time.Parse(time.DateTime, text)
		require.NoError(t, err)
		return at
	}
	allowed := []allowance{
		{Scope: "product", IDs: []string{"GO-1", "GO-2"}, Why: "not called so", Until: "2027-05-31"},
		{Scope: "tools", IDs: []string{"GO-3"}, Why: "local", Until: "2027-05-31"},
	}
	both := map[string]string{"GO-1": "a@v1", "GO-2": "b@v1"}
	for name, c := range map[string]struct {
		found map[string]string
		now   string
		says  []string
	}{
		"all are allowed": {found: both, now: "2027-05-31 23:59:59"},
		"one more": {
			found: map[string]string{"GO-1": "a@v1", "GO-2": "b@v1", "GO-9": "c@v1"}, now: "2027-01-01 00:00:00",
			says: []string{"GO-9 (https://pkg.go.dev/vuln/GO-9): update it"},
		},
		"another scope's": {
			found: map[string]string{"GO-1": "a@v1", "GO-2": "b@v1", "GO-3": "c@v1"}, now: "2027-01-01 00:00:00",
			says: []string{"GO-3 (https://pkg.go.dev/vuln/GO-3): update it"},
		},
		"not needed any more": {
			found: map[string]string{"GO-1": "a@v1"}, now: "2027-01-01 00:00:00",
			says: []string{"GO-2 is not found any more"},
		},
		"expired": {
			found: both, now: "2027-06-01 00:00:00",
			says: []string{"GO-1 was allowed until 2027-05-31", "GO-2 was allowed until 2027-05-31"},
		},
		"expired, and not needed": {
			now: "2027-06-01 00:00:00", says: []string{"GO-1 is not found any more", "GO-2 is not found any more"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := judge("product", c.found, allowed, day(c.now))
			if c.says == nil {
				require.NoError(t, err)
				return
			}
			lines := strings.Split(err.Error(), "\n")
			require.Len(t, lines, len(c.says))
			for i, says := range c.says {
				require.Contains(t, lines[i], says)
			}
		})
	}
	require.NoError(t, judge("tools", map[string]string{"GO-3": "c@v1"}, allowed, day("2027-01-01 00:00:00")))
}

func TestAllowancesExplainThemselves(t *testing.T) {
	_, err := readAllowances(allowedVulnerabilities)
	require.NoError(t, err)
	entry := `{"scope": "tools", "ids": ["GO-1"], "why": "local", "until": "2027-05-31"}`
	for text, says := range map[string]string{
		"[" + entry + "]": "",
		"[]":              "",
		"":                "EOF",
		"[" + strings.Replace(entry, "local", " ", 1) + "]":              "why they do not matter",
		"[" + strings.Replace(entry, `"GO-1"`, "", 1) + "]":              "give a scope, ids",
		"[" + strings.Replace(entry, `"tools"`, `"other"`, 1) + "]":      "give a scope",
		"[" + strings.Replace(entry, "2027-05-31", "for ever", 1) + "]":  "until is a day",
		"[" + strings.Replace(entry, `"why"`, `"reason"`, 1) + "]":       "unknown field",
		"[" + entry + "," + entry + "]":                                  "GO-1 is there twice",
		"[" + strings.Replace(entry, `"GO-1"`, `"GO-1","GO-1"`, 1) + "]": "GO-1 is there twice",
	} {
		_, err := readAllowances([]byte(text))
		if says == "" {
			require.NoError(t, err, text)
		} else {
			require.ErrorContains(t, err, says, text)
		}
	}
}

// What govulncheck says and how it ends is played by a script.
func TestScan(t *testing.T) {
	recorded, err := filepath.Abs("testdata/govulncheck-product.json")
	require.NoError(t, err)
	for name, c := range map[string]struct {
		script  string
		skipped bool
		found   int
		fails   string
		says    string
	}{
		"found":          {script: `[ "$*" = "-format json ./..." ] && cat ` + recorded, found: 1},
		"none":           {script: `echo '{"config": {}}'`},
		"nothing said":   {script: "exit 0", fails: "govulncheck said nothing"},
		"cut":            {script: "head -c 2000 " + recorded, fails: "govulncheck's answer cannot be read"},
		"no JSON at all": {script: "echo No vulnerabilities found.", fails: "govulncheck's answer cannot be read"},
		"no database": {
			script: "echo 'govulncheck: fetching vulnerabilities: Get \"https://vuln.go.dev\": " +
				"no such host' >&2; exit 1",
			skipped: true, fails: "the vulnerability database cannot be reached",
		},
		"does not build": {
			script: "echo 'govulncheck: loading packages: no such package' >&2; exit 1",
			fails:  "exit status 1", says: "govulncheck: loading packages: no such package\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "govulncheck")
			require.NoError(t, os.WriteFile(path, fmt.Appendf(nil, "#!/bin/sh\n%s\n", c.script), 0o755))
			var out bytes.Buffer
			got, err := scan(t.Context(), &out, path, scopeNamed(t, "product"))
			if c.fails == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.fails)
			}
			require.Len(t, got, c.found)
			require.Equal(t, c.skipped, isSkipped(err))
			require.Equal(t, c.says, out.String())
		})
	}
}
