package main

import (
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/internal/devservers/serverstest"
	"stemflow/internal/tune"
	"stemflow/starter/internal/failure"
)

// archivedTrack is a track of two stems in a bucket of its own, and the starter's environment, with
// the few rights that stemflow's user has.
type archivedTrack struct {
	variables map[string]string
	store     *archive.Store
	bucket    string
	flags     []string
	manifest  stemflow.Manifest
}

func newArchivedTrack(t testing.TB) archivedTrack {
	opts, bucket := serverstest.Bucket(t)
	user := serverstest.SharedUser(t, opts, bucket)
	store, err := archive.New(opts)
	require.NoError(t, err)
	location := archive.Locate(
		bucket,
		"music",
		stemflow.Track{TaskID: "5c79", AudioID: "e231", Type: stemflow.SeparateVocal},
	)
	a := archivedTrack{
		variables: map[string]string{
			"MINIO_ENDPOINT": user.Endpoint, "MINIO_ACCESS_KEY": user.AccessKey, "MINIO_SECRET_KEY": user.SecretKey,
			"MINIO_LINK_ACCESS_KEY": user.LinkAccessKey, "MINIO_LINK_SECRET_KEY": user.LinkSecretKey,
			"STEMFLOW_BUCKET": bucket, "STEMFLOW_PREFIX": "music",
		},
		store: store, bucket: bucket, flags: []string{"--task-id", "5c79", "--audio-id", "e231"},
		manifest: stemflow.Manifest{
			Version: 1,
			SeparateStemsResult: stemflow.SeparateStemsResult{
				SeparationTaskID: "3e63", Type: stemflow.SeparateVocal, SettledBy: stemflow.SettledByPoll, Empty: []string{}, Failed: []stemflow.FailedStem{},
				Manifest:   stemflow.ObjectRef{Bucket: bucket, Key: archive.ManifestKey(location)},
				ArchivedAt: time.Date(2026, 11, 25, 9, 1, 19, 5000, time.UTC),
			},
			Source: stemflow.ManifestSource{TaskID: "5c79", AudioID: "e231"},
		},
	}
	for _, name := range []string{"vocals", "instrumental"} {
		key := archive.StemKey(location, "3e63", name, "mp3")
		written, err := store.Put(t.Context(), bucket, key, "audio/mpeg", strings.NewReader(name), int64(len(name)))
		require.NoError(t, err)
		a.manifest.Stems = append(a.manifest.Stems, stemflow.Stem{
			Name: name, Bucket: bucket, Key: key, Size: written.Size, SHA256: written.SHA256, ContentType: "audio/mpeg", DurationSeconds: 12,
		})
	}
	require.NoError(t, store.PutJSON(t.Context(), bucket, a.manifest.Manifest.Key, a.manifest))
	return a
}

// run demands that a command succeeds.
func (a archivedTrack) run(t *testing.T, args ...string) (stdout string) {
	t.Helper()
	code, stdout, stderr := starter(t, "", a.variables, args...)
	require.Equal(t, failure.ExitDone, code, stderr)
	require.Empty(t, stderr)
	return stdout
}

func (a archivedTrack) with(command string, flags ...string) []string {
	return append(append([]string{command}, a.flags...), flags...)
}

// fetch gets a link without credentials.
func fetch(t *testing.T, link string) (contentType, body string) {
	t.Helper()
	resp, err := http.Get(link)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode, string(text))
	return resp.Header.Get("Content-Type"), string(text)
}

// requireLinks demands links to the stems that work for an hour, or as long as is said.
func (a archivedTrack) requireLinks(t *testing.T, links []string, seconds string) {
	t.Helper()
	require.Len(t, links, len(a.manifest.Stems))
	for i, stem := range a.manifest.Stems {
		_, body := fetch(t, links[i])
		require.Equal(t, stem.Name, body)
		require.Contains(t, links[i], "X-Amz-Expires="+seconds+"&")
		for _, name := range []string{"MINIO_ACCESS_KEY", "MINIO_SECRET_KEY", "MINIO_LINK_SECRET_KEY"} {
			require.NotContains(t, links[i], a.variables[name])
		}
	}
}

func TestShowGivesLinks(t *testing.T) {
	a := newArchivedTrack(t)
	plain := a.run(t, a.with("show", "--links=false")...)
	asStored := a.run(t, a.with("show", "--json", "--links=false")...)
	require.NotContains(t, plain+asStored, "X-Amz-")
	var manifest stemflow.Manifest
	require.NoError(t, json.Unmarshal([]byte(asStored), &manifest))
	require.Equal(t, a.manifest, manifest)

	require.Equal(t, plain, a.run(t, a.with("show")...), "links are secrets, and long")
	table := a.run(t, a.with("show", "--links")...)
	require.Regexp(t, `X-Amz-Expires=60&`, a.run(t, a.with("show", "--link-lifetime", "1m")...))
	rest, listed := strings.CutPrefix(table, plain)
	require.True(t, listed, table)
	require.Regexp(
		t,
		`^\nLinks, for anyone who has them, until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\n\n  vocals +http://\S+\n  instrumental +http://\S+\n$`,
		rest,
	)
	a.requireLinks(t, regexp.MustCompile(`http://\S+`).FindAllString(rest, -1), "3600")

	before := time.Now()
	var linked linkedManifest
	require.NoError(
		t,
		json.Unmarshal([]byte(a.run(t, a.with("show", "--json", "--link-lifetime", "168h")...)), &linked),
	)
	require.WithinRange(t, linked.LinksExpireAt, before.Add(7*24*time.Hour-time.Second), time.Now().Add(7*24*time.Hour))
	var links []string
	for i, stem := range linked.Stems {
		require.Equal(t, a.manifest.Stems[i], stem.Stem)
		links = append(links, stem.URL)
	}
	a.requireLinks(t, links, "604800")
	linked.Manifest.Stems = a.manifest.Stems
	require.Equal(t, a.manifest, linked.Manifest, "the rest is as it is stored")

	object, _, err := a.store.Open(t.Context(), a.bucket, a.manifest.Manifest.Key)
	require.NoError(t, err)
	text, err := io.ReadAll(object)
	require.NoError(t, err)
	require.NotContains(t, string(text), "X-Amz-")
}

func linksIn(page string) (links []string) {
	for _, match := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		links = append(links, html.UnescapeString(match[1]))
	}
	return links
}

// Peaks of another content than the stem's are none.
func TestListenTakesThePeaksAlong(t *testing.T) {
	a := newArchivedTrack(t)
	folder := strings.TrimSuffix(a.manifest.Manifest.Key, "manifest.json")
	for i, sum := range []string{a.manifest.Stems[0].SHA256, strings.Repeat("0", 64)} {
		require.NoError(t, a.store.PutJSON(t.Context(), a.bucket, folder+"peaks-3e63-"+a.manifest.Stems[i].Name+".json",
			archive.Peaks{Version: 1, SHA256: sum, PerSecond: 10, Values: []byte("abc")}))
	}
	page := a.run(t, a.with("listen", "--out", "-")...)
	require.Equal(t, 1, strings.Count(page, ` data-peaks="YWJj" data-peaks-per-second="10"`))
	require.Equal(t, 1, strings.Count(page, ` data-peaks="`))
}

// The first page reads the stems for their peaks, and keeps them for the next. What is not what was
// archived has none: after a repair they would be wrong.
func TestListenDrawsStemsWithoutPeaks(t *testing.T) {
	a := newArchivedTrack(t)
	stem := &a.manifest.Stems[0]
	clip, ok := tune.Stem("drums")
	require.True(t, ok)
	content := clip.Resize(100_000)
	written, err := a.store.Put(
		t.Context(),
		a.bucket,
		stem.Key,
		"audio/mpeg",
		io.NewSectionReader(content, 0, content.Size),
		content.Size,
	)
	require.NoError(t, err)
	page := a.run(t, a.with("listen", "--out", "-")...)
	require.False(t, strings.Contains(page, " data-peaks="))
	stem.Size, stem.SHA256 = written.Size, written.SHA256
	require.NoError(t, a.store.PutJSON(t.Context(), a.bucket, a.manifest.Manifest.Key, a.manifest))
	page = a.run(t, a.with("listen", "--out", "-")...)
	drawn := regexp.MustCompile(` data-peaks="[^"]+" data-peaks-per-second="10"`).FindString(page)
	require.NotEmpty(t, drawn)
	var kept archive.Peaks
	key := strings.TrimSuffix(a.manifest.Manifest.Key, "manifest.json") + "peaks-3e63-" + stem.Name + ".json"
	_, err = a.store.ReadJSON(t.Context(), a.bucket, key, &kept)
	require.NoError(t, err)
	require.Equal(t, stem.SHA256, kept.SHA256)
	require.Contains(t, html.UnescapeString(drawn), base64.StdEncoding.EncodeToString(kept.Values))
}

func TestListenWritesAFile(t *testing.T) {
	a := newArchivedTrack(t)
	dir := t.TempDir()
	t.Chdir(dir)
	printed := a.run(t, a.with("listen")...)
	require.Regexp(
		t,
		`^Wrote listen\.html: open it in a browser\.\nIts links work until \S+ \S+, for anyone who has it; `,
		printed,
	)
	require.NotContains(t, printed, "X-Amz-")
	page, err := os.ReadFile("listen.html")
	require.NoError(t, err)
	a.requireLinks(t, linksIn(string(page)), "3600")
	require.Contains(t, string(page), "<code>starter listen --task-id 5c79 --audio-id e231</code>")
	info, err := os.Stat("listen.html")
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode(), "its links are secrets")

	named := filepath.Join(dir, "a name.html")
	var made listenPage
	require.NoError(
		t,
		json.Unmarshal(
			[]byte(a.run(t, a.with("listen", "--json", "--out", named, "--link-lifetime", "90s")...)),
			&made,
		),
	)
	require.Equal(t, listenPage{File: named, LinksExpireAt: made.LinksExpireAt}, made)
	page, err = os.ReadFile(named)
	require.NoError(t, err)
	a.requireLinks(t, linksIn(string(page)), "90")
	require.Contains(t, html.UnescapeString(string(page)), " --out '"+named+"' --link-lifetime 90s</code>")

	a.requireLinks(t, linksIn(a.run(t, "listen", "--manifest-key", a.manifest.Manifest.Key, "--out", "-")), "3600")
	titled := a.run(t, a.with("listen", "--title", "Ana's song", "--out", "-")...)
	require.Contains(t, html.UnescapeString(titled), "<h1>Ana's song</h1>")
	require.Contains(t, html.UnescapeString(titled), " --title 'Ana'")
	resp, err := http.Get(linksIn(titled)[0])
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, `attachment; filename="Ana's song-vocals.mp3"`, resp.Header.Get("Content-Disposition"))
	objects, err := a.store.List(t.Context(), a.bucket, "")
	require.NoError(t, err)
	require.Len(t, objects, 3, "nothing is put into the bucket unasked")
}

func TestListenPublishes(t *testing.T) {
	a := newArchivedTrack(t)
	t.Chdir(t.TempDir())
	printed := a.run(t, a.with("listen", "--publish")...)
	require.Regexp(
		t,
		"^Put it in bucket "+a.bucket+` as music/5c79/e231/separate_vocal/listen-[a-z2-7]{26}\.html: `,
		printed,
	)
	require.NoFileExists(t, "listen.html")
	contentType, page := fetch(t, regexp.MustCompile(`http://\S+`).FindString(printed))
	require.Equal(t, "text/html; charset=utf-8", contentType)
	a.requireLinks(t, linksIn(page), "3600")
	require.Contains(t, page, "<code>starter listen --task-id 5c79 --audio-id e231 --publish</code>")

	var made listenPage
	asJSON := a.run(t, "listen", "--manifest-key", a.manifest.Manifest.Key, "--publish", "--out", "too.html", "--json",
		"--link-lifetime", "2m")
	require.NoError(t, json.Unmarshal([]byte(asJSON), &made))
	require.Equal(t, "too.html", made.File)
	require.Equal(t, a.bucket, made.Object.Bucket)
	require.NotContains(t, printed, made.Object.Key)
	require.Contains(t, made.URL, "X-Amz-Expires=120&")
	_, page = fetch(t, made.URL)
	a.requireLinks(t, linksIn(page), "120")
	copied, err := os.ReadFile("too.html")
	require.NoError(t, err)
	require.Equal(t, page, string(copied))
}

// What was published for an hour is there for an hour, whatever is published afterwards.
func TestPublishingAgainMakesNoOldLinkLonger(t *testing.T) {
	a := newArchivedTrack(t)
	var short, long listenPage
	require.NoError(t, json.Unmarshal(
		[]byte(a.run(t, a.with("listen", "--publish", "--json", "--link-lifetime", "2s")...)), &short))
	resp, err := http.Get(short.URL)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Equal(t, "no-store", resp.Header.Get("Cache-Control"))
	page, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(
		[]byte(a.run(t, a.with("listen", "--publish", "--json", "--link-lifetime", "168h")...)), &long))
	require.NotEqual(t, short.Object.Key, long.Object.Key)

	object, _, err := a.store.Open(t.Context(), a.bucket, short.Object.Key)
	require.NoError(t, err)
	stored, err := io.ReadAll(object)
	require.NoError(t, err)
	require.Equal(t, string(page), string(stored), "the first page is as it was")
	for _, link := range append(linksIn(string(stored)), short.URL) {
		require.Eventually(t, func() bool {
			resp, err := http.Get(link)
			require.NoError(t, err)
			defer resp.Body.Close()
			return resp.StatusCode == http.StatusForbidden
		}, time.Minute, 100*time.Millisecond)
	}
	_, page2 := fetch(t, long.URL)
	a.requireLinks(t, linksIn(page2), "604800")
}

func TestForeignManifestGivesNoLinks(t *testing.T) {
	a := newArchivedTrack(t)
	require.NoError(t, a.store.PutJSON(t.Context(), a.bucket, "private/salaries.json", 1))
	folder := strings.TrimSuffix(a.manifest.Manifest.Key, "manifest.json")
	for name, change := range map[string]func(*stemflow.Stem){
		"another object": func(s *stemflow.Stem) { s.Key = "private/salaries.json" },
		"dots":           func(s *stemflow.Stem) { s.Key = folder + "../../../../private/salaries.json" },
		"the ledger":     func(s *stemflow.Stem) { s.Key = folder + "submission.json" },
		"another bucket": func(s *stemflow.Stem) { s.Bucket = "another-bucket" },
	} {
		t.Run(name, func(t *testing.T) {
			foreign := a.manifest
			foreign.Stems = slices.Clone(a.manifest.Stems)
			change(&foreign.Stems[1])
			require.NoError(t, a.store.PutJSON(t.Context(), a.bucket, a.manifest.Manifest.Key, foreign))
			for _, args := range [][]string{
				a.with("show", "--json"), a.with("show", "--json", "--links=false"), a.with("listen", "--out", "-"),
				a.with("listen", "--publish"), {"show", "--links", "--manifest-key", a.manifest.Manifest.Key},
			} {
				code, stdout, stderr := starter(t, "", a.variables, args...)
				require.Equal(t, failure.ExitFailed, code)
				require.NotContains(t, stdout+stderr, "X-Amz-")
				require.Contains(t, stdout+stderr, "the manifest names what is not its own")
			}
		})
	}
	// Anyone who may write anywhere in the bucket may not choose the folder either.
	require.NoError(t, a.store.PutJSON(t.Context(), a.bucket, "manifest.json", a.manifest))
	code, _, stderr := starter(t, "", a.variables, "show", "--manifest-key", "manifest.json")
	require.Equal(t, failure.ExitFailed, code)
	require.Contains(t, stderr, "manifest.json: the manifest names what is not its own")
}

func TestManifestOfAnEarlierPrefixStillGivesLinks(t *testing.T) {
	a := newArchivedTrack(t)
	a.variables["STEMFLOW_PREFIX"] = "elsewhere"
	page := a.run(t, "listen", "--manifest-key", a.manifest.Manifest.Key, "--out", "-")
	a.requireLinks(t, linksIn(page), "3600")
}

func TestLinksWithoutAKeyOfTheirOwnAreWarnedOf(t *testing.T) {
	a := newArchivedTrack(t)
	delete(a.variables, "MINIO_LINK_ACCESS_KEY")
	code, _, stderr := starter(t, "", a.variables, a.with("show", "--links")...)
	require.Equal(t, failure.ExitUsage, code)
	require.Contains(t, stderr, "MINIO_LINK_ACCESS_KEY: is required with MINIO_LINK_SECRET_KEY, or leave both out")

	delete(a.variables, "MINIO_LINK_SECRET_KEY")
	t.Chdir(t.TempDir())
	for _, command := range []string{"show", "listen"} {
		code, stdout, stderr := starter(t, "", a.variables, a.with(command, "--json")...)
		require.Equal(t, failure.ExitDone, code)
		require.True(t, json.Valid([]byte(stdout)))
		require.Equal(
			t,
			1,
			strings.Count(stderr, "warning: MINIO_LINK_ACCESS_KEY and MINIO_LINK_SECRET_KEY are not set"),
		)
	}
	_, _, stderr = starter(t, "", a.variables, a.with("show")...)
	require.Empty(t, stderr, "it signs nothing")
}

func TestLinksLeadWhereTheStoreIsPublic(t *testing.T) {
	a := newArchivedTrack(t)
	a.variables["MINIO_PUBLIC_ENDPOINT"] = "https://stems.example.com"
	page := a.run(t, a.with("listen", "--out", "-")...)
	for _, link := range linksIn(page) {
		require.True(t, strings.HasPrefix(link, "https://stems.example.com/"+a.bucket+"/"), link)
	}
	require.Contains(t, page, "connect-src https://stems.example.com;")
}

func TestListenFails(t *testing.T) {
	a := newArchivedTrack(t)
	dir := t.TempDir()
	t.Chdir(dir)
	for name, c := range map[string]struct {
		variables map[string]string
		args      []string
		code      int
		stderr    string
	}{
		"nothing archived": {nil, []string{"--task-id", "5c79", "--audio-id", "e232"}, failure.ExitFailed, "error: NotArchived: there is no music/5c79/e232/"},
		"no manifest":      {nil, []string{"--manifest-key", a.manifest.Stems[0].Key}, failure.ExitFailed, "error: NotArchived: what is stored there is no manifest: "},
		"no such folder": {nil, append(a.flags, "--out", "no/such/folder.html"), failure.ExitFailed,
			"error: FileUnwritable: the page cannot be written: open no/such/folder.html: no such file or directory. --out names another file.\n"},
		"wrong credentials": {map[string]string{"MINIO_SECRET_KEY": "another"}, a.flags, failure.ExitFailed, "error: ArchiveUnavailable: "},
		"no store":          {map[string]string{"MINIO_ENDPOINT": nowhere(t)}, a.flags, failure.ExitFailed, "error: ArchiveUnavailable: "},
		"no public endpoint": {map[string]string{"MINIO_PUBLIC_ENDPOINT": "a/path"}, a.flags, failure.ExitUsage,
			"error: InvalidConfiguration: the environment has a problem: MINIO_PUBLIC_ENDPOINT: is not \"host:port\""},
		"too long":      {nil, append(a.flags, "--link-lifetime", "169h"), failure.ExitUsage, "--link-lifetime is from 1s to 168h, not 169h"},
		"too short":     {nil, append(a.flags, "--link-lifetime", "10ms"), failure.ExitUsage, "--link-lifetime is from 1s to 168h, not 10ms"},
		"negative":      {nil, append(a.flags, "--link-lifetime", "-1h"), failure.ExitUsage, "--link-lifetime is from 1s to 168h, not -1h"},
		"page and link": {nil, append(a.flags, "--out", "-", "--publish"), failure.ExitUsage, "--out - prints the page alone"},
	} {
		t.Run(name, func(t *testing.T) {
			variables := maps.Clone(a.variables)
			maps.Copy(variables, c.variables)
			code, stdout, stderr := starter(t, "", variables, append([]string{"listen"}, c.args...)...)
			require.Equal(t, c.code, code, stderr)
			require.Empty(t, stdout)
			require.Contains(t, stderr, c.stderr)
			require.NotContains(t, stderr, "X-Amz-")
			files, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Empty(t, files)
		})
	}
}
