package archive_test

import (
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow/internal/archive"
	"stemflow/internal/devservers/serverstest"
)

// follow gets a link as a client without credentials does.
func follow(t *testing.T, link string) (status int, body string) {
	t.Helper()
	resp, err := http.Get(link)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text)
}

// A link needs no rights but those that stemflow's user has.
func TestLinkIsForEverybodyAndForAWhile(t *testing.T) {
	f := newFixture(t)
	user := serverstest.User(t, f.opts, f.bucket)
	store, err := archive.New(user)
	require.NoError(t, err)
	const key = "a b/Lead Vocal+ü&%20?#.mp3"
	_, err = f.Put(t.Context(), f.bucket, key, "audio/mpeg", strings.NewReader("the stem"), 8)
	require.NoError(t, err)

	link, err := store.Presign(t.Context(), f.bucket, key, archive.MaxLinkLifetime)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(link, "http://"+f.opts.Endpoint+"/"), link)
	require.NotContains(t, link, user.SecretKey)
	require.NotContains(t, link, user.LinkSecretKey)
	require.NotContains(t, link, user.AccessKey)
	require.Contains(t, link, "X-Amz-Credential="+user.LinkAccessKey+"%2F")
	status, body := follow(t, link)
	require.Equal(t, http.StatusOK, status, body)
	require.Equal(t, "the stem", body)
	status, _ = follow(t, strings.Replace(link, "X-Amz-Expires=604800", "X-Amz-Expires=604799", 1))
	require.Equal(t, http.StatusForbidden, status, "a link that was changed")

	short, err := store.Presign(t.Context(), f.bucket, key, 2*time.Second)
	require.NoError(t, err)
	status, _ = follow(t, short)
	require.Equal(t, http.StatusOK, status)
	require.Eventually(
		t,
		func() bool { status, body = follow(t, short); return status != http.StatusOK },
		time.Minute,
		200*time.Millisecond,
	)
	require.Equal(t, http.StatusForbidden, status)
	require.Contains(t, body, "expired")
}

func TestDownloadLinkNamesTheFile(t *testing.T) {
	f := newFixture(t)
	_, err := f.Put(t.Context(), f.bucket, "a/vocals.mp3", "audio/mpeg", strings.NewReader("the stem"), 8)
	require.NoError(t, err)
	for _, name := range []string{"e231-vocals.mp3", `a "b" c; d.mp3`, "Så länge – 長い.mp3"} {
		link, err := f.PresignDownload(t.Context(), f.bucket, "a/vocals.mp3", name, time.Minute)
		require.NoError(t, err)
		resp, err := http.Get(link)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusOK, resp.StatusCode)
		kind, fields, err := mime.ParseMediaType(resp.Header.Get("Content-Disposition"))
		require.NoError(t, err)
		require.Equal(t, "attachment", kind)
		require.Equal(t, name, fields["filename"])
	}
}

func TestLinkLeadsToThePublicEndpoint(t *testing.T) {
	f := newFixture(t)
	require.NoError(t, f.PutJSON(t.Context(), f.bucket, "key", "value"))
	endpoint, err := url.Parse("http://" + f.opts.Endpoint)
	require.NoError(t, err)
	opts := f.opts
	opts.PublicEndpoint = "localhost:" + endpoint.Port()
	store, err := archive.New(opts)
	require.NoError(t, err)
	link, err := store.Presign(t.Context(), f.bucket, "key", time.Minute)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(link, "http://"+opts.PublicEndpoint+"/"), link)
	status, _ := follow(t, link)
	require.Equal(t, http.StatusOK, status)

	opts.PublicEndpoint, opts.PublicSecure = "stems.example.com", true // which need not be reachable from here
	store, err = archive.New(opts)
	require.NoError(t, err)
	link, err = store.Presign(t.Context(), f.bucket, "key", time.Minute)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(link, "https://stems.example.com/"+f.bucket+"/key?"), link)
}

func TestNoLink(t *testing.T) {
	f := newFixture(t)
	for _, lifetime := range []time.Duration{0, -time.Hour, archive.MaxLinkLifetime + time.Second} {
		_, err := f.Presign(t.Context(), f.bucket, "key", lifetime)
		require.ErrorContains(t, err, "Expires cannot be")
	}
	opts := f.opts
	opts.PublicEndpoint = "not a host"
	store, err := archive.New(opts)
	require.NoError(t, err)
	_, err = store.Presign(t.Context(), f.bucket, "key", time.Minute)
	require.ErrorContains(t, err, `"not a host" (MINIO_PUBLIC_ENDPOINT)`)

	opts = f.opts
	opts.SecretKey = "a wrong secret"
	store, err = archive.New(opts)
	require.NoError(t, err)
	_, err = store.Presign(t.Context(), f.bucket, "key", time.Minute)
	requireError(t, err, "SignatureDoesNotMatch", true)
}
