package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"html"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/internal/devservers/serverstest"
	"stemflow/internal/listen"
	"stemflow/starter/internal/download"
	"stemflow/starter/internal/failure"
)

// stemSize is several of the chunks in which stems are downloaded.
const stemSize = 400_000

// gettable is an archived track with stems of some size, behind a store that can be broken.
type gettable struct {
	archivedTrack
	faulty   *serverstest.FaultyStore
	contents map[string][]byte
	dir      string
}

func newGettable(t *testing.T) gettable {
	a := newArchivedTrack(t)
	g := gettable{archivedTrack: a, contents: map[string][]byte{}, dir: filepath.Join(t.TempDir(), "out")}
	random := rand.NewChaCha8([32]byte{1})
	for i := range a.manifest.Stems {
		stem := &g.manifest.Stems[i]
		content := make([]byte, stemSize+i)
		_, _ = random.Read(content)
		written, err := a.store.Put(
			t.Context(), a.bucket, stem.Key, "audio/mpeg", bytes.NewReader(content), int64(len(content)))
		require.NoError(t, err)
		stem.Size, stem.SHA256 = written.Size, written.SHA256
		g.contents[stem.Name] = content
	}
	require.NoError(t, a.store.PutJSON(t.Context(), a.bucket, a.manifest.Manifest.Key, g.manifest))
	g.faulty = serverstest.NewFaultyStore(t, archive.Options{
		Endpoint: a.variables["MINIO_ENDPOINT"], AccessKey: a.variables["MINIO_ACCESS_KEY"], SecretKey: a.variables["MINIO_SECRET_KEY"],
	})
	g.variables["MINIO_ENDPOINT"] = g.faulty.Endpoint
	return g
}

// get runs get into the folder and returns what --json prints.
func (g gettable) get(t *testing.T, args ...string) gotFiles {
	t.Helper()
	var got gotFiles
	require.NoError(t, json.Unmarshal([]byte(g.run(t, append(g.with("get", "--json", "--out", g.dir), args...)...)), &got))
	return got
}

// fails runs get into the folder, and demands that it fails.
func (g gettable) fails(t *testing.T, code int, args ...string) (stderr string) {
	t.Helper()
	failed, stdout, stderr := starter(t, "", g.variables, append(g.with("get", "--quiet", "--out", g.dir), args...)...)
	require.Equal(t, code, failed, stderr)
	require.Empty(t, stdout)
	return stderr
}

func (g gettable) requireFiles(t *testing.T, names ...string) {
	t.Helper()
	var have []string
	require.NoError(t, filepath.WalkDir(g.dir, func(file string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			name, _ := filepath.Rel(g.dir, file)
			have = append(have, filepath.ToSlash(name))
		}
		return err
	}))
	require.ElementsMatch(t, names, have)
}

func (g gettable) requireStem(t *testing.T, file, stem string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(g.dir, file))
	require.NoError(t, err)
	require.True(t, bytes.Equal(g.contents[stem], content), file)
}

func statuses(got gotFiles) (all []download.Status) {
	for _, file := range got.Files {
		all = append(all, file.Status)
	}
	return all
}

// stemRequests notes the ranges in which stems are asked for; "" is a whole one.
func stemRequests() (fault serverstest.Fault, ranges func() []string) {
	var mu sync.Mutex
	var asked []string
	return serverstest.Fault{Request: func(r *http.Request, body []byte) []byte {
			if isStemGet(r) {
				mu.Lock()
				defer mu.Unlock()
				asked = append(asked, r.Header.Get("Range"))
			}
			return body
		}}, func() []string {
			mu.Lock()
			defer mu.Unlock()
			return asked
		}
}

func isStemGet(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, ".mp3")
}

func TestGetBringsTheStems(t *testing.T) {
	g := newGettable(t)
	got := g.get(t)
	require.Equal(t, g.dir, got.Dir)
	for i, file := range got.Files {
		stem := g.manifest.Stems[i]
		require.Equal(t, download.Result{
			Stem: stem.Name, File: stem.Name + ".mp3", Size: stem.Size, SHA256: stem.SHA256, Status: download.Fetched,
		}, file)
		g.requireStem(t, file.File, stem.Name)
	}
	g.requireFiles(t, "vocals.mp3", "instrumental.mp3")

	fault, ranges := stemRequests()
	g.faulty.SetFaults(fault)
	require.NoError(t, os.WriteFile(filepath.Join(g.dir, "vocals.mp3"), make([]byte, stemSize), 0o600))
	require.Equal(t, []download.Status{download.Fetched, download.Kept}, statuses(g.get(t)), "what is wrong comes again")
	require.Equal(t, []string{""}, ranges())
	g.requireStem(t, "vocals.mp3", "vocals")

	table := g.run(t, g.with("get", "--out", g.dir, "--quiet")...)
	require.Regexp(t, `(?m)^  vocals\.mp3 +400\.0 kB  kept\n  instrumental\.mp3 +400\.0 kB  kept\n\n2 files, 800\.0 kB in .*/out$`, table)
	lines := strings.Split(strings.TrimSpace(g.run(t, g.with("get", "--out", g.dir, "-o", "jsonl")...)), "\n")
	require.Len(t, lines, 2)

	g.dir = filepath.Join(t.TempDir(), "more")
	named := g.get(t, "--stems", "Vocals", "--name", "{audioId}/{index} {name}.{ext}")
	require.Equal(t, "e231/01 vocals.mp3", named.Files[0].File)
	g.requireFiles(t, "e231/01 vocals.mp3")
	require.Contains(t, g.fails(t, failure.ExitUsage, "--stems", "tuba"), `there is no stem "tuba": the archive has vocals, instrumental`)
	require.Contains(t, g.fails(t, failure.ExitUsage, "--name", "x"), `would both be "x"`)

	t.Chdir(t.TempDir())
	code, _, stderr := starter(t, "", g.variables, "get", "5c79", "e231")
	require.Zero(t, code)
	require.Regexp(t, `(?m)^\d\d:\d\d:\d\d  vocals\.mp3  400\.0 kB  fetched$`, stderr, "progress")
	require.FileExists(t, "e231_separate_vocal/vocals.mp3")
}

// cutting lets through so many bytes of each stem that is asked for, and then breaks the store.
func cutting(bytes int, then func()) serverstest.Fault {
	return serverstest.Fault{Response: func(sent *http.Request, _ *http.Response, body []byte) []byte {
		if !isStemGet(sent) || len(body) <= bytes {
			return body
		}
		then()
		return body[:bytes]
	}}
}

func TestGetGoesOnAfterAConnectionBreaks(t *testing.T) {
	g := newGettable(t)
	fault, ranges := stemRequests()
	g.faulty.SetFaults(fault, cutting(150_000, func() {}))
	got := g.get(t, "--stems", "vocals")
	require.Equal(t, []download.Status{download.Fetched}, statuses(got), "within one command that is no matter")
	require.Equal(t, []string{"", "bytes=150000-", "bytes=300000-"}, ranges())
	g.requireStem(t, "vocals.mp3", "vocals")
	g.requireFiles(t, "vocals.mp3")
}

func TestGetGoesOnWithPartsOfAnEarlierOne(t *testing.T) {
	g := newGettable(t)
	down := serverstest.Fault{Answer: func(r *http.Request, _ []byte) *http.Response {
		if isStemGet(r) {
			return serverstest.S3Answer(http.StatusForbidden, "AccessDenied")
		}
		return nil
	}}
	g.faulty.SetFaults(cutting(150_000, func() { g.faulty.SetFaults(down) }))
	stderr := g.fails(t, failure.ExitFailed, "--stems", "vocals")
	require.Contains(t, stderr, "error: ArchiveUnavailable: the download has failed: ")
	require.Contains(t, stderr, "The same command goes on where this one stopped.")
	part := "vocals.mp3." + g.manifest.Stems[0].SHA256[:8] + ".part"
	g.requireFiles(t, part)

	fault, ranges := stemRequests()
	g.faulty.SetFaults(fault)
	require.Equal(t, []download.Status{download.Resumed, download.Fetched}, statuses(g.get(t)))
	require.ElementsMatch(t, []string{"bytes=150000-", ""}, ranges())
	g.requireStem(t, "vocals.mp3", "vocals")
	g.requireFiles(t, "vocals.mp3", "instrumental.mp3")

	// Whatever a part has in it: what is put in place is right.
	for name, content := range map[string][]byte{
		"wrong in the beginning": make([]byte, 150_000),
		"wrong, and as a whole":  make([]byte, stemSize),
		"too long":               append(bytes.Clone(g.contents["vocals"]), 0),
		"whole":                  g.contents["vocals"],
		"empty":                  {},
	} {
		require.NoError(t, os.Remove(filepath.Join(g.dir, "vocals.mp3")))
		require.NoError(t, os.WriteFile(filepath.Join(g.dir, part), content, 0o600))
		want := download.Fetched
		if name == "whole" {
			want = download.Resumed
		}
		require.Equal(t, []download.Status{want, download.Kept}, statuses(g.get(t)), name)
		g.requireStem(t, "vocals.mp3", "vocals")
		g.requireFiles(t, "vocals.mp3", "instrumental.mp3")
	}
}

func TestAnInterruptedGetLeavesWhatIsGoneOnWith(t *testing.T) {
	for _, zipped := range []bool{false, true} {
		g := newGettable(t)
		ctx, interrupt := context.WithCancel(t.Context())
		hang := make(chan struct{})
		t.Cleanup(func() { close(hang) })
		waiting := serverstest.Fault{Answer: func(r *http.Request, _ []byte) *http.Response {
			if isStemGet(r) {
				interrupt()
				select {
				case <-hang:
				case <-r.Context().Done():
				}
				return serverstest.S3Answer(http.StatusServiceUnavailable, "")
			}
			return nil
		}}
		g.faulty.SetFaults(cutting(150_000, func() { g.faulty.SetFaults(waiting) }))
		c, stdout, stderr := newTestCLI("", g.variables)
		args := g.with("get", "--out", g.dir, "--stems", "vocals", "--zip="+strconv.FormatBool(zipped))
		require.Equal(t, failure.ExitInterrupted, c.runUntil(ctx, interrupt, args))
		require.Empty(t, stdout.String())
		require.Equal(t, "interrupted, 0 files of 1 stem are in place\nThe same command goes on where this one stopped.\n", stderr.String())

		fault, ranges := stemRequests()
		g.faulty.SetFaults(fault)
		require.Equal(t, []download.Status{download.Resumed}, statuses(g.get(t, args[len(args)-3:]...)))
		require.Equal(t, []string{"bytes=150000-"}, ranges())
	}
}

func TestGetRefusesWhatIsNotWhatWasArchived(t *testing.T) {
	for name, c := range map[string]struct {
		breaks func(*testing.T, gettable)
		stderr string
	}{
		"missing": {func(t *testing.T, g gettable) {
			require.NoError(t, g.store.Remove(t.Context(), g.bucket, g.manifest.Stems[0].Key))
		}, "vocals.mp3 is not in bucket "},
		"another content": {func(t *testing.T, g gettable) {
			other := bytes.Clone(g.contents["vocals"])
			other[7]++
			_, err := g.store.Put(t.Context(), g.bucket, g.manifest.Stems[0].Key, "audio/mpeg", bytes.NewReader(other), stemSize)
			require.NoError(t, err)
		}, "its checksum differs from the manifest's"},
		"another content, of unknown length": {func(t *testing.T, g gettable) {
			other := bytes.Clone(g.contents["vocals"])
			other[7]++
			_, err := g.store.Put(t.Context(), g.bucket, g.manifest.Stems[0].Key, "audio/mpeg", bytes.NewReader(other), -1)
			require.NoError(t, err)
		}, "its checksum differs from the manifest's"},
		"another length": {func(t *testing.T, g gettable) {
			_, err := g.store.Put(t.Context(), g.bucket, g.manifest.Stems[0].Key, "audio/mpeg", strings.NewReader("x"), 1)
			require.NoError(t, err)
		}, "has 1 bytes, and the manifest says 400000"},
		"damaged on its way": {func(_ *testing.T, g gettable) {
			g.faulty.SetFaults(serverstest.Fault{Response: func(r *http.Request, _ *http.Response, body []byte) []byte {
				if isStemGet(r) && strings.Contains(r.URL.Path, "vocals") {
					body = bytes.Clone(body)
					body[len(body)/2] ^= 1
				}
				return body
			}})
		}, "its checksum differs from the manifest's"},
		"no checksum": {func(t *testing.T, g gettable) {
			m := g.manifest
			m.Stems = append([]stemflow.Stem{}, m.Stems...)
			m.Stems[0].SHA256 = ""
			require.NoError(t, g.store.PutJSON(t.Context(), g.bucket, m.Manifest.Key, m))
		}, "has no SHA-256 in the manifest"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGettable(t)
			c.breaks(t, g)
			stderr := g.fails(t, failure.ExitFailed)
			require.Contains(t, stderr, "error: ArchiveDamaged: the stem vocals: music/5c79/e231/separate_vocal/3e63/vocals.mp3 ")
			require.Contains(t, stderr, c.stderr)
			require.Contains(t, stderr, "1 file of 2 stems")
			g.requireStem(t, "instrumental.mp3", "instrumental")
			require.NoFileExists(t, filepath.Join(g.dir, "vocals.mp3"))
			g.fails(t, failure.ExitFailed, "--zip")
			require.NoFileExists(t, filepath.Join(g.dir, "e231_separate_vocal.zip"))
		})
	}
}

// A hostile folder or manifest leads nowhere else.
// A manifest that lists nothing is none, as a check of the archive has it.
func TestAManifestWithoutStemsIsNone(t *testing.T) {
	g := newGettable(t)
	g.manifest.Stems = nil
	require.NoError(t, g.store.PutJSON(t.Context(), g.bucket, g.manifest.Manifest.Key, g.manifest))
	for _, args := range [][]string{{}, {"--zip"}, {"--format", "dawproject"}, {"--page"}} {
		require.Contains(t, g.fails(t, failure.ExitFailed, args...),
			"error: NotArchived: what is stored there is no manifest: it lists no stem. Starting the track again writes it")
	}
}

func TestGetStaysInItsFolder(t *testing.T) {
	g := newGettable(t)
	outside := t.TempDir()
	require.NoError(t, os.MkdirAll(g.dir, 0o700))
	require.NoError(t, os.Symlink(outside, filepath.Join(g.dir, "link")))
	require.Contains(t, g.fails(t, failure.ExitFailed, "--name", "link/{name}"), "error: FileUnwritable: ")
	require.NoError(t, os.Symlink(filepath.Join(outside, "x"), filepath.Join(g.dir, "vocals.mp3")))
	g.fails(t, failure.ExitFailed, "--stems", "vocals")

	g.manifest.Stems[1].Name, g.manifest.Source.AudioID = "../../evil", "../.."
	require.NoError(t, g.store.PutJSON(t.Context(), g.bucket, g.manifest.Manifest.Key, g.manifest))
	require.Contains(t, g.fails(t, failure.ExitFailed, "--name", "{audioId}{name}"), "error: NotArchived: ")
	entries, err := os.ReadDir(outside)
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestGetMakesAZip(t *testing.T) {
	g := newGettable(t)
	got := g.get(t, "--zip", "--name", "{type}/{name} ü.{ext}")
	require.Equal(t, "e231_separate_vocal.zip", got.Zip)
	g.requireFiles(t, got.Zip)
	g.requireZip(t, got.Zip)

	fault, ranges := stemRequests()
	g.faulty.SetFaults(fault)
	again := g.get(t, "--zip", "--name", "{type}/{name} ü.{ext}")
	require.Equal(t, []download.Status{download.Kept, download.Kept}, statuses(again))
	require.Empty(t, ranges(), "what is there is right")

	file := filepath.Join(g.dir, got.Zip)
	sound, err := os.ReadFile(file)
	require.NoError(t, err)
	half, changed := sound[:len(sound)/2], append(bytes.Repeat([]byte{1}, 300_000), sound[300_000:]...)
	for _, wrong := range [][]byte{half, changed, {}} {
		require.NoError(t, os.WriteFile(file, wrong, 0o600))
		g.get(t, "--zip", "--name", "{type}/{name} ü.{ext}")
		g.requireZip(t, got.Zip)
	}

	g.dir = filepath.Join(t.TempDir(), "song.ZIP")
	got = g.get(t, "--zip", "--stems", "vocals")
	require.Equal(t, "song.ZIP", got.Zip)
	require.FileExists(t, g.dir)
}

func (g gettable) requireZip(t *testing.T, name string) {
	t.Helper()
	r, err := zip.OpenReader(filepath.Join(g.dir, name))
	require.NoError(t, err)
	defer r.Close()
	require.Len(t, r.File, len(g.manifest.Stems))
	for i, entry := range r.File {
		stem := g.manifest.Stems[i].Name
		require.Equal(t, "separate_vocal/"+stem+" ü.mp3", entry.Name)
		require.Equal(t, zip.Store, entry.Method)
		in, err := entry.Open()
		require.NoError(t, err)
		content, err := io.ReadAll(in)
		require.NoError(t, err)
		require.True(t, bytes.Equal(g.contents[stem], content))
	}
}

func TestGetWithAPage(t *testing.T) {
	g := newGettable(t)
	got := g.get(t, "--page")
	require.Equal(t, "listen.html", got.Page)
	text, err := os.ReadFile(filepath.Join(g.dir, got.Page))
	require.NoError(t, err)
	for _, content := range g.contents {
		require.True(t, strings.Contains(html.UnescapeString(string(text)), listen.Embed(content)), "a stem is not in it")
	}
	require.False(t, bytes.Contains(text, []byte("X-Amz-")), "it has links")

	// What was there is replaced as a whole and not written over: a full disk leaves no half page.
	earlier := filepath.Join(t.TempDir(), "earlier.html")
	require.NoError(t, os.Link(filepath.Join(g.dir, got.Page), earlier))
	g.get(t, "--page", "--stems", g.manifest.Stems[0].Name)
	text, err = os.ReadFile(filepath.Join(g.dir, got.Page))
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(text), `href="data:`))
	kept, err := os.ReadFile(earlier)
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(string(kept), `href="data:`))
	g.requireFiles(t, "instrumental.mp3", "listen.html", "vocals.mp3")

	require.Contains(t, g.fails(t, failure.ExitUsage, "--page", "--zip"), "--page goes with files, not with --zip")
	g.manifest.Stems[0].Size = pageBytes + 1
	require.NoError(t, g.store.PutJSON(t.Context(), g.bucket, g.manifest.Manifest.Key, g.manifest))
	require.Contains(t, g.fails(t, failure.ExitUsage, "--page"), "is more than browsers open")
}

// The page must not take the place of a stem that was just downloaded.
func TestAPageReplacesNoStem(t *testing.T) {
	a := newArchivedTrack(t)
	for _, name := range []string{"listen.html", "LISTEN.HTML"} {
		out := filepath.Join(t.TempDir(), "files")
		code, _, stderr := starter(t, "", a.variables,
			a.with("get", "--stems", "vocals", "--name", name, "--page", "--out", out)...)
		require.Equal(t, failure.ExitUsage, code, stderr)
		require.Contains(t, stderr, "error: Usage: --name: listen.html is the page of --page: give the files other names.")
		require.NoDirExists(t, out)
	}
}
