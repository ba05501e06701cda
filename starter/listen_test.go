package main

import (
	"encoding/json"
	"html"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/internal/devservers/serverstest"
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

func newArchivedTrack(t *testing.T) archivedTrack {
	opts, bucket := serverstest.Bucket(t)
	user := serverstest.User(t, opts, bucket)
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
		require.NotContains(t, links[i], a.variables["MINIO_SECRET_KEY"])
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
		`^\nLinks, for whoever has them, until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\n\n  vocals +http://\S+\n  instrumental +http://\S+\n$`,
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

func TestListenWritesAFile(t *testing.T) {
	a := newArchivedTrack(t)
	dir := t.TempDir()
	t.Chdir(dir)
	printed := a.run(t, a.with("listen")...)
	require.Regexp(
		t,
		`^Wrote listen\.html: open it in a browser\.\nIts links work until \S+ \S+, for whoever has it; `,
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
	objects, err := a.store.List(t.Context(), a.bucket, "")
	require.NoError(t, err)
	require.Len(t, objects, 3, "nothing is put into the bucket unasked")
}

func TestListenPublishes(t *testing.T) {
	a := newArchivedTrack(t)
	t.Chdir(t.TempDir())
	printed := a.run(t, a.with("listen", "--publish")...)
	const key = "music/5c79/e231/separate_vocal/listen.html"
	require.Contains(t, printed, "Put it in bucket "+a.bucket+" as "+key+": ")
	require.NoFileExists(t, "listen.html")
	contentType, page := fetch(t, regexp.MustCompile(`http://\S+`).FindString(printed))
	require.Equal(t, "text/html; charset=utf-8", contentType)
	a.requireLinks(t, linksIn(page), "3600")
	require.Contains(t, page, "<code>starter listen --task-id 5c79 --audio-id e231 --publish</code>")

	var made listenPage
	require.NoError(t, json.Unmarshal([]byte(a.run(
		t,
		"listen",
		"--manifest-key",
		a.manifest.Manifest.Key,
		"--publish",
		"--out",
		"too.html",
		"--json",
		"--link-lifetime",
		"2m",
	)), &made))
	require.Equal(t, listenPage{
		File: "too.html", Object: &stemflow.ObjectRef{Bucket: a.bucket, Key: key}, URL: made.URL, LinksExpireAt: made.LinksExpireAt,
	}, made)
	require.Contains(t, made.URL, "X-Amz-Expires=120&")
	_, page = fetch(t, made.URL)
	a.requireLinks(t, linksIn(page), "120")
	copied, err := os.ReadFile("too.html")
	require.NoError(t, err)
	require.Equal(t, page, string(copied))
}

// A manifest may say what it likes: links lead into the bucket that it is in.
func TestLinksLeadIntoTheBucketOfTheManifest(t *testing.T) {
	a := newArchivedTrack(t)
	elsewhere := a.manifest
	elsewhere.Stems = []stemflow.Stem{{Name: "vocals", Bucket: "another-bucket", Key: a.manifest.Stems[0].Key, Size: 6}}
	require.NoError(t, a.store.PutJSON(t.Context(), a.bucket, "elsewhere.json", elsewhere))
	printed := a.run(t, "show", "--links", "--manifest-key", "elsewhere.json")
	_, body := fetch(t, regexp.MustCompile(`http://\S+`).FindString(printed))
	require.Equal(t, "vocals", body)

	var made listenPage
	require.NoError(
		t,
		json.Unmarshal([]byte(a.run(t, "listen", "--manifest-key", "elsewhere.json", "--publish", "--json")), &made),
	)
	require.Equal(t, "listen.html", made.Object.Key)
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
		"no such folder": {nil, append(a.flags, "--out", "no/such/folder.html"), failure.ExitUsage,
			"error: Usage: the page cannot be written: open no/such/folder.html: no such file or directory. \"starter listen -h\" lists the flags.\n"},
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
