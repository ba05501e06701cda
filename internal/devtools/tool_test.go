package devtools

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

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
	if testing.Short() {
		t.Skip("may build a server: run it without -short")
	}
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
	require.ErrorContains(t, err, "build no-such-tool from tools/go.mod: it is no tool of that module")

	t.Setenv("PATH", "/usr/bin-without-anything")
	t.Chdir(t.TempDir())
	_, err = FindTool(t.Context(), "minio", nil)
	require.ErrorContains(t, err, "find minio: there is no tools/go.mod in ")
}

func TestPinnedToolsAreInTheirModules(t *testing.T) {
	for name := range pins {
		tools, err := pinned(name)
		require.NoError(t, err)
		_, err = tools[0].packagePath(t.Context())
		require.NoError(t, err, name)
	}
}

// The full server of the pinned version is the one that the dev server is.
func TestServerHasTheVersionOfTheDevServer(t *testing.T) {
	tools, err := pinned("temporal", "temporal-server", "temporal-sql-tool")
	require.NoError(t, err)
	for _, tool := range tools {
		require.Equal(t, "tools", tool.module)
	}
}

// Kubernetes' programs and its modules name the version, and so does what they are told of it.
func TestKubernetesIsToldItsVersion(t *testing.T) {
	root, err := ModuleRoot()
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(root, "tools", "kubernetes", "go.mod"))
	require.NoError(t, err)
	found := regexp.MustCompile(`k8s.io/kubernetes v1\.(\d+)\.(\d+)`).FindStringSubmatch(string(text))
	require.NotNil(t, found)
	minor, patch := found[1], found[2]
	require.Contains(t, kubernetesVersion, "gitVersion=v1."+minor+"."+patch+" ")
	require.True(t, strings.HasSuffix(kubernetesVersion, "gitMinor="+minor), kubernetesVersion)
	replaced := regexp.MustCompile(`=> k8s.io/\S+ (v\S+)`).FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, replaced)
	for _, module := range replaced {
		require.Equal(t, "v0."+minor+"."+patch, module[1], module[0])
	}
}

func TestModuleRootFromAnyPackage(t *testing.T) {
	root, err := ModuleRoot()
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(root, "tools", "go.mod"))
	require.FileExists(t, filepath.Join(root, "internal", "devtools", "tool_test.go"))
}

// newTools is a repository with one tool, and an empty cache.
func newTools(t *testing.T, source string) (sourceFile string) {
	t.Helper()
	root := t.TempDir()
	cache, err := exec.Command("go", "env", "GOCACHE").Output()
	require.NoError(t, err)
	t.Setenv("GOCACHE", strings.TrimSpace(string(cache)))
	t.Setenv("XDG_CACHE_HOME", filepath.Join(root, "cache"))
	t.Setenv("HOME", filepath.Join(root, "home"))
	folder := filepath.Join(root, "tools", "hello")
	require.NoError(t, os.MkdirAll(folder, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "tools", "go.mod"),
		[]byte("module stemflow/tools\n\ngo 1.26.0\n\ntool stemflow/tools/hello\n"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(root, "tools", "go.sum"), nil, 0o644))
	sourceFile = filepath.Join(folder, "main.go")
	require.NoError(t, os.WriteFile(sourceFile, []byte(source), 0o644))
	t.Chdir(root)
	return sourceFile
}

const hello = "package main\n\nfunc main() { println(\"hello\") }\n"

func TestToolIsBuiltOnceForItsContent(t *testing.T) {
	source := newTools(t, hello)
	first, err := FindTool(t.Context(), "hello", nil)
	require.NoError(t, err)
	out, err := exec.Command(first).CombinedOutput()
	require.NoError(t, err)
	require.Equal(t, "hello\n", string(out))

	path := os.Getenv("PATH")
	t.Setenv("PATH", t.TempDir()) // there is no go any more
	second, err := FindTool(t.Context(), "hello", nil)
	require.NoError(t, err)
	require.Equal(t, first, second)
	_, err = FindTool(t.Context(), "other", nil)
	require.Error(t, err)

	t.Setenv("PATH", path)
	require.NoError(t, os.WriteFile(source, []byte(strings.ReplaceAll(hello, "hello", "bye")), 0o644))
	changed, err := FindTool(t.Context(), "hello", nil)
	require.NoError(t, err)
	require.NotEqual(t, first, changed)
	require.FileExists(t, first, "another checkout may want it")
}

func TestOldToolsAreRemoved(t *testing.T) {
	source := newTools(t, hello)
	first, err := FindTool(t.Context(), "hello", nil)
	require.NoError(t, err)
	past := time.Now().Add(-2 * keptFor)
	require.NoError(t, os.Chtimes(filepath.Dir(first), past, past))
	again, err := FindTool(t.Context(), "hello", nil)
	require.NoError(t, err)
	require.Equal(t, first, again, "what is asked for is kept")

	require.NoError(t, os.WriteFile(source, []byte(hello+"\n"), 0o644))
	_, err = FindTool(t.Context(), "hello", nil)
	require.NoError(t, err)
	require.FileExists(t, first)

	require.NoError(t, os.Chtimes(filepath.Dir(first), past, past))
	require.NoError(t, os.WriteFile(source, []byte(hello+"\n\n"), 0o644))
	_, err = FindTool(t.Context(), "hello", nil)
	require.NoError(t, err)
	require.NoFileExists(t, first)
}

func TestToolThatDoesNotCompileSaysWhy(t *testing.T) {
	newTools(t, "package main\n\nfunc main() { missing() }\n")
	_, err := FindTool(t.Context(), "hello", nil)
	require.ErrorContains(t, err, "build hello: exit status 1\n")
	require.ErrorContains(t, err, "undefined: missing")
	entries, err := os.ReadDir(filepath.Join(os.Getenv("XDG_CACHE_HOME"), "stemflow", "tools"))
	require.NoError(t, err)
	require.Len(t, entries, 1, "only the lock is left")
}

func TestToolIsNotBuiltTwiceAtOnce(t *testing.T) {
	newTools(t, hello)
	tools, err := pinned("hello")
	require.NoError(t, err)
	builds, release, err := buildsOf(t.Context(), tools, func(string) { t.Error("there is nobody else") })
	require.NoError(t, err)
	require.Len(t, builds, 1)

	ctx, cancel := context.WithCancelCause(t.Context())
	interrupted := errors.New("interrupted")
	cancel(interrupted)
	_, _, err = buildsOf(ctx, tools, func(string) {})
	require.ErrorIs(t, err, interrupted, "who waits can be interrupted")

	waited, waits := make(chan Builds), make(chan string, 1)
	go func() {
		builds, release, err := buildsOf(t.Context(), tools, func(line string) { waits <- line })
		if err == nil {
			release()
		}
		waited <- builds
	}()
	require.Contains(t, <-waits, "waiting for another program")
	require.NoError(t, builds.Run(t.Context(), NewLines(func(string) {})))
	release()
	require.Empty(t, <-waited, "the other one has built it")
}

func TestWhatIsBuiltIsNotPlannedAgain(t *testing.T) {
	source := newTools(t, "package main\n\nimport _ \"embed\"\n\n//go:embed text\nvar text string\n\nfunc main() { println(text) }\n")
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(source), "text"), []byte("a text"), 0o644))
	into := t.TempDir()
	build := Build{Dir: "tools", Env: os.Environ(), Packages: []string{"stemflow/tools/hello"}, Names: []string{"hello"}, Into: into}
	todo, err := build.plan(t.Context(), func() {})
	require.NoError(t, err)
	require.Contains(t, todo, "stemflow/tools/hello")
	require.NoError(t, Builds{build}.Run(t.Context(), NewLines(func(string) {})))
	todo, err = build.plan(t.Context(), func() {})
	require.NoError(t, err)
	require.Empty(t, todo)
}
