package main

import (
	"debug/buildinfo"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const testCommit = "0123456789abcdef0123456789abcdef01234567"

func readFile(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}

// requireDocumented checks the files beside one program.
func requireDocumented(t *testing.T, list, name string) {
	t.Helper()
	folder := filepath.Dir(list)
	lines := strings.Split(strings.TrimSpace(readFile(t, list)), "\n")
	sums := map[string]string{}
	for _, line := range lines {
		sum, file, _ := strings.Cut(line, "  ")
		sums[file] = sum
		actual, err := checksum(filepath.Join(folder, file))
		require.NoError(t, err)
		require.Equal(t, actual, sum, file)
	}
	require.Len(t, sums, 3)

	info, err := buildinfo.ReadFile(filepath.Join(folder, name))
	require.NoError(t, err)
	var materials bom
	require.NoError(t, json.Unmarshal([]byte(readFile(t, filepath.Join(folder, name+bomSuffix))), &materials))
	require.Equal(t, "CycloneDX", materials.Format)
	require.Equal(t, "1.5", materials.SpecVersion)
	require.Equal(t, "healthcheck", materials.Metadata.Component.Name)
	require.Equal(t, "v1.2.3", materials.Metadata.Component.Version)
	require.Equal(t, sums[name], materials.Metadata.Component.Hashes[0].Content)
	require.Len(t, materials.Components, len(info.Deps)+1, "every module, and the standard library")
	require.Len(t, materials.Dependencies[0].DependsOn, len(info.Deps)+1)

	var made statement
	require.NoError(t, json.Unmarshal([]byte(readFile(t, filepath.Join(folder, provenanceName))), &made))
	subjects := map[string]string{}
	for _, s := range made.Subject {
		subjects[s.Name] = s.Digest["sha256"]
	}
	require.Equal(t, map[string]string{name: sums[name], name + bomSuffix: sums[name+bomSuffix]}, subjects)
	build := made.Predicate.BuildDefinition
	require.Equal(t, info.GoVersion, build.InternalParameters["goVersion"])
	require.Equal(t, resource{
		URI: "git+https://example.com/stemflow", Digest: map[string]string{"gitCommit": testCommit},
	}, build.ResolvedDependencies[0])
	require.Len(t, build.ResolvedDependencies, len(info.Deps)+1)
	require.Equal(t, "urn:builder", made.Predicate.RunDetails.Builder.ID)
}

// The manual pages of a release are texts, and none of the programs that say what they hold.
func TestManualPagesAreDocumentedWithThePrograms(t *testing.T) {
	out := t.TempDir()
	program, err := os.Executable()
	require.NoError(t, err)
	const name, page = "worker_v1.2.3_linux_amd64", manualFolder + "stemflow.1"
	require.NoError(t, os.Symlink(program, filepath.Join(out, name)))
	require.NoError(t, os.Mkdir(filepath.Join(out, manualFolder), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(out, page), []byte(".TH STEMFLOW 1\n"), 0o644))
	var sums []string
	for _, file := range []string{name, page} {
		sum, err := checksum(filepath.Join(out, file))
		require.NoError(t, err)
		sums = append(sums, sum+"  "+file)
	}

	list, err := document(out, "v1.2.3", testCommit, "urn:builder", "git+https://example.com/stemflow", sums)
	require.NoError(t, err)
	require.Contains(t, readFile(t, list), sums[1]+"\n")
	var made statement
	require.NoError(t, json.Unmarshal([]byte(readFile(t, filepath.Join(out, provenanceName))), &made))
	var subjects []string
	for _, s := range made.Subject {
		subjects = append(subjects, s.Name)
	}
	require.Equal(t, []string{name, page, name + bomSuffix}, subjects)
	require.NoFileExists(t, filepath.Join(out, page+bomSuffix))
}

// requireSigned signs, and verifies with the commands of docs/releases.md.
func requireSigned(t *testing.T, list string) {
	t.Helper()
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		t.Log("signing is not tested: there is no ssh-keygen")
		return
	}
	dir := t.TempDir()
	key := filepath.Join(dir, "key")
	run := func(stdin, name string, args ...string) error {
		cmd := exec.Command(name, args...)
		cmd.Dir, cmd.Stdin = filepath.Dir(list), strings.NewReader(stdin)
		return cmd.Run()
	}
	require.NoError(t, run("", "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key))
	for range 2 { // a second signature takes the place of the first
		require.NoError(t, sign(t.Context(), key, list))
	}
	signers := filepath.Join(dir, "signers")
	line := `stemflow namespaces="stemflow-release" ` + readFile(t, key+".pub")
	require.NoError(t, os.WriteFile(signers, []byte(line), 0o644))
	verify := func(text, namespace string) error {
		return run(text, "ssh-keygen", "-Y", "verify", "-f", signers, "-I", "stemflow", "-n", namespace,
			"-s", "SHA256SUMS.sig")
	}
	sums := readFile(t, list)
	require.NoError(t, verify(sums, "stemflow-release"))
	require.Error(t, verify(strings.Replace(sums, "0", "1", 1), "stemflow-release"), "changed sums")
	require.Error(t, verify(sums, "file"), "a signature for another purpose")
	require.NoError(t, run("", "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, "other")))
	require.NoError(t, sign(t.Context(), filepath.Join(dir, "other"), list))
	require.Error(t, verify(sums, "stemflow-release"), "another's key")

	if _, err := exec.LookPath("sha256sum"); err == nil {
		require.NoError(t, run("", "sha256sum", "--check", "--strict", "SHA256SUMS"))
	}
}

func TestSigningSaysWhatItNeeds(t *testing.T) {
	dir := t.TempDir()
	err := sign(t.Context(), filepath.Join(dir, "no-key"), filepath.Join(dir, "SHA256SUMS"))
	require.ErrorContains(t, err, "needs OpenSSH 8.1 or later")
}

func TestBillOfMaterials(t *testing.T) {
	info := &debug.BuildInfo{
		GoVersion: "go1.26.9",
		Settings:  []debug.BuildSetting{{Key: "GOOS", Value: "linux"}, {Key: "vcs.time", Value: "today"}},
		Deps: []*debug.Module{
			{Path: "example.com/b", Version: "v2.0.0+incompatible", Sum: "h1:bbb="},
			{
				Path: "example.com/a", Version: "v1.0.0",
				Replace: &debug.Module{Path: "example.com/fork", Version: "v1.0.1", Sum: "h1:fff="},
			},
			{Path: "example.com/here", Version: "v1.0.0", Replace: &debug.Module{Path: "../here"}},
		},
	}
	made := newBOM(info, "worker", "v1.2.3", strings.Repeat("ab", 32))
	var refs []string
	for _, c := range made.Components {
		refs = append(refs, c.Ref)
	}
	require.Equal(t, []string{
		"pkg:golang/example.com/b@v2.0.0%2Bincompatible", "pkg:golang/example.com/fork@v1.0.1",
		"pkg:golang/example.com/here@v1.0.0", "pkg:golang/std@1.26.9",
	}, refs)
	require.Equal(t, refs, made.Dependencies[0].DependsOn)
	require.Equal(t, []property{{"go:sum", "h1:fff="}}, made.Components[1].Properties)
	require.Equal(t, []property{{"go:GOOS", "linux"}}, made.Metadata.Component.Properties)
	require.Regexp(t,
		`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, made.SerialNumber)
	require.NotEqual(t, made.SerialNumber, newBOM(info, "worker", "v1.2.3", strings.Repeat("cd", 32)).SerialNumber)
}

func TestModulesWithoutASumAreNoMaterials(t *testing.T) {
	digest, err := moduleDigest("h1:q80=")
	require.NoError(t, err)
	require.Equal(t, map[string]string{"dirHash": "abcd"}, digest)
	for _, sum := range []string{"", "q80=", "h1:***", "h2:q80="} {
		_, err := moduleDigest(sum)
		require.Error(t, err, sum)
	}
}

func TestReleasesAreBuiltFromACommit(t *testing.T) {
	dir := t.TempDir()
	git := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null",
			"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com",
			"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
	}
	_, err := commitOf(t.Context(), dir)
	require.ErrorContains(t, err, "git checkout")
	git("init", "-q")
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".gitignore"), []byte("/dist/\n"), 0o644))
	git("add", ".")
	git("commit", "-q", "-m", "first")
	commit, err := commitOf(t.Context(), dir)
	require.NoError(t, err)
	require.Regexp(t, `^[0-9a-f]{40}$`, commit)

	require.NoError(t, os.MkdirAll(filepath.Join(dir, "dist"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "dist", "worker"), nil, 0o644))
	_, err = commitOf(t.Context(), dir)
	require.NoError(t, err, "an earlier build is no change")
	// A file that git does not know is compiled like any other.
	require.NoError(t, os.WriteFile(filepath.Join(dir, "new.go"), nil, 0o644))
	_, err = commitOf(t.Context(), dir)
	require.ErrorContains(t, err, "new.go")
}
