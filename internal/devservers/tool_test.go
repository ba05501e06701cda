package devservers

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFits(t *testing.T) {
	for output, want := range map[string]struct {
		tool, version string
		ok            bool
	}{
		"temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)":     {"temporal", "with server 1.29.1", true},
		"temporal version 0.0.0-DEV (Server 1.29.1, UI 2.42.1)": {"temporal", "with server 1.29.1", true},
		"temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)":     {"temporal", "with server 1.32.0", true},
		"temporal version 3.0.0 (Server 2.0.0, UI 2.54.1)":      {"temporal", "with server 2.0.0", true},
		"temporal version 1.5.0 (Server 1.29.0, UI 2.41.0)":     {"temporal", "with server 1.29.0", false},
		"temporal version 1.1.0 (Server 1.25.1, UI 2.31.2)":     {"temporal", "with server 1.25.1", false},
		"something else": {"temporal", "", false},
		"minio version RELEASE.2025-09-07T16-13-09Z (commit-id=07c3a429)\nRuntime: go1.24": {"minio", "RELEASE.2025-09-07T16-13-09Z", true},
		"minio version RELEASE.2024-12-18T13-15-44Z (commit-id=16f8cf1c)":                  {"minio", "RELEASE.2024-12-18T13-15-44Z", false},
		"minio version DEVELOPMENT.GOGET (commit-id=DEVELOPMENT.GOGET)":                    {"minio", "DEVELOPMENT.GOGET", true},
		"minio version unknown": {"minio", "", false},
	} {
		version, ok := fits[want.tool](output)
		require.Equal(t, want.ok, ok, output)
		require.Equal(t, want.version, version, output)
	}
}

func TestFindToolTakesAFittingOneFromPath(t *testing.T) {
	skipIfShort(t)
	for version, used := range map[string]bool{"1.29.1": true, "1.20.0": false} {
		dir := t.TempDir()
		script := "#!/bin/sh\necho 'temporal version 1.5.1 (Server " + version + ", UI 2.42.1)'\n"
		path := filepath.Join(dir, "temporal")
		require.NoError(t, os.WriteFile(path, []byte(script), 0o755))
		t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
		var said []string
		found, err := FindTool(t.Context(), "temporal", func(line string) { said = append(said, line) })
		require.NoError(t, err)
		require.Equal(t, used, found == path)
		if used {
			require.Equal(t, []string{"using temporal with server 1.29.1 from " + path}, said)
		}
		require.FileExists(t, found)
	}
}

func TestFindToolNamesWhatIsMissing(t *testing.T) {
	_, err := FindTool(t.Context(), "no-such-tool", nil)
	require.ErrorContains(t, err, "build no-such-tool from tools/go.mod")

	t.Setenv("PATH", "/usr/bin-without-anything")
	t.Chdir(t.TempDir())
	_, err = FindTool(t.Context(), "minio", nil)
	require.ErrorContains(t, err, "find minio: there is no tools/go.mod in ")
}

func TestModuleRootFromAnyPackage(t *testing.T) {
	root, err := ModuleRoot()
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(root, "tools", "go.mod"))
	require.FileExists(t, filepath.Join(root, "internal", "devservers", "tool_test.go"))
}
