package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow/internal/archive"
	"stemflow/internal/devservers/serverstest"
)

func TestMain(m *testing.M) { os.Exit(serverstest.Run(m)) }

// newTestSuite is small: it has to find what is always wrong.
func newTestSuite(t *testing.T, to target) *suite {
	t.Helper()
	to.stop = func() {}
	s, err := newSuite(to, load{writers: 16, operations: 8}, 1)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	s.listed, s.expiry = 12, 3*time.Second
	s.decide, err = decider(t.Context(), func(line string) { t.Log(line) })
	require.NoError(t, err)
	return s
}

// The checks pass on MinIO, as a user with few rights, so what they find elsewhere is wrong there.
func TestMinIOIsFit(t *testing.T) {
	root, bucket := serverstest.Bucket(t)
	user := serverstest.User(t, root, bucket)
	s := newTestSuite(t, target{user: user, root: &root, bucket: bucket})
	var out strings.Builder
	v := s.run(t.Context(), &out, checks)
	require.Equal(t, "verdict: fit", v.String(), out.String())
	require.Zero(t, v.exitCode())
	require.Equal(t, len(checks), strings.Count(out.String(), "ok  "), out.String())
	s.end(t.Context(), func(line string) { t.Error(line) })
	left, err := s.List(t.Context(), bucket, "")
	require.NoError(t, err)
	require.Empty(t, left)
}

// Each check finds the fault that it is there for.
func TestBrokenStoresAreFound(t *testing.T) {
	all := func(*http.Request) bool { return true }
	isGet := func(r *http.Request) bool { return r.Method == http.MethodGet }
	for name, c := range map[string]struct {
		faults []serverstest.Fault
		check  func(context.Context, *suite) result
		want   string
	}{
		"If-None-Match is ignored": {
			[]serverstest.Fault{serverstest.Dropping("If-None-Match")}, proof, "ignores If-None-Match",
		},
		"If-None-Match is ignored among writers": {
			[]serverstest.Fault{serverstest.Dropping("If-None-Match")}, conditionalWrites, "not linearizable: clients",
		},
		"If-Match is ignored": {
			[]serverstest.Fault{serverstest.Dropping("If-Match")}, proof, "ignores If-Match",
		},
		"If-Match is ignored among writers": {
			[]serverstest.Fault{serverstest.Dropping("If-Match")}, conditionalWrites, "not linearizable",
		},
		"a correct If-Match is refused": {
			[]serverstest.Fault{{Answer: func(r *http.Request, _ []byte) *http.Response {
				if r.Header.Get("If-Match") == "" || !serverstest.IsObjectPut(r) {
					return nil
				}
				return serverstest.S3Answer(http.StatusPreconditionFailed, "PreconditionFailed")
			}}}, proof, "refuses If-Match with the ETag that the object has",
		},
		"no conditional replacement works": {
			[]serverstest.Fault{serverstest.Refusing("If-Match", "none", http.StatusNotImplemented, "NotImplemented")},
			conditionalWrites, "no conditional replacement succeeded",
		},
		"old versions are read":     {[]serverstest.Fault{remembering()}, conditionalWrites, "not linearizable"},
		"confirmed writes are lost": {[]serverstest.Fault{forgetful()}, conditionalWrites, "not linearizable"},
		"checksums are not confirmed": {
			[]serverstest.Fault{serverstest.Confirming(all, serverstest.NoChecksum)}, proof, "did not confirm the checksum",
		},
		"checksums are repeated unseen": {
			[]serverstest.Fault{serverstest.Echoing(all)}, damagedUploads, "took a document with a bit changed",
		},
		"checksums are not looked at": {
			[]serverstest.Fault{serverstest.Echoing(all), serverstest.Confirming(all, serverstest.NoChecksum)},
			damagedUploads, "took a document with a bit changed on its way: it verifies no checksum",
		},
		"checksums of large stems are repeated unseen": {
			[]serverstest.Fault{serverstest.Echoing(func(r *http.Request) bool {
				return serverstest.IsObjectPut(r) && !strings.HasSuffix(r.URL.Path, "damaged/0")
			})}, damagedUploads, "took a stem of known size",
		},
		"what is stored is something else": {
			[]serverstest.Fault{serverstest.Corrupting()}, uploads, "the store gives back others",
		},
		"no checksum comes with an object": {
			[]serverstest.Fault{serverstest.Confirming(isGet, serverstest.NoChecksum)}, damagedReads,
			"the store gives no checksum with it",
		},
		"uploads are not aborted": {
			[]serverstest.Fault{{Answer: func(r *http.Request, _ []byte) *http.Response {
				if r.Method != http.MethodDelete || !r.URL.Query().Has("uploadId") {
					return nil
				}
				return serverstest.S3Answer(http.StatusNoContent, "")
			}}}, failedUploads, "keeps the parts of an upload",
		},
		"ranges are ignored": {
			[]serverstest.Fault{serverstest.Dropping("Range")}, ranges, "from 1 on the store gives",
		},
		"If-Match is ignored by reads": {
			[]serverstest.Fault{serverstest.Dropping("If-Match")}, ranges, "does not have the ETag of If-Match",
		},
		"lists end early": {
			[]serverstest.Fault{paging(), {Response: func(_ *http.Request, _ *http.Response, body []byte) []byte {
				text := strings.ReplaceAll(string(body), "<IsTruncated>true", "<IsTruncated>false")
				return []byte(text)
			}}}, lists, "is missing or not at its place",
		},
		"changed links work": {[]serverstest.Fault{unsigning()}, links, "a link that was changed after it was signed"},
		"pages may not read links": {
			[]serverstest.Fault{{Response: func(_ *http.Request, answer *http.Response, body []byte) []byte {
				answer.Header.Del("Access-Control-Allow-Origin")
				return body
			}}}, crossOrigin, "Access-Control-Allow-Origin \"\"",
		},
		"every user may do everything": {nil, rights, "the user may remove objects"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sound, bucket := serverstest.Bucket(t)
			store := serverstest.NewFaultyStore(t, sound)
			store.SetFaults(c.faults...)
			r := c.check(t.Context(), newTestSuite(t, target{user: store.Options, bucket: bucket}))
			require.Equal(t, failed, r.state, r.text)
			require.Contains(t, r.text, c.want)
		})
	}
}

// A store that keeps to each condition when it is asked alone, and looks first and writes then,
// passes every test that asks alone.
func TestConditionsThatAreNotAtomicAreFound(t *testing.T) {
	sound, bucket := serverstest.Bucket(t)
	direct, err := archive.New(sound)
	require.NoError(t, err)
	store := serverstest.NewFaultyStore(t, sound)
	store.SetFaults(serverstest.Fault{Answer: func(r *http.Request, _ []byte) *http.Response {
		match, none := strings.Trim(r.Header.Get("If-Match"), `"`), r.Header.Get("If-None-Match")
		if !serverstest.IsObjectPut(r) || match == "" && none == "" {
			return nil
		}
		r.Header.Del("If-Match")
		r.Header.Del("If-None-Match")
		key := strings.TrimPrefix(r.URL.Path, "/"+bucket+"/")
		info, err := direct.Stat(r.Context(), bucket, key)
		if err == nil && none != "" || match != "" && info.ETag != match {
			return serverstest.S3Answer(http.StatusPreconditionFailed, "PreconditionFailed")
		}
		return nil
	}})
	s := newTestSuite(t, target{user: store.Options, bucket: bucket})
	r := proof(t.Context(), s)
	require.Equal(t, passed, r.state, r.text)
	r = conditionalWrites(t.Context(), s)
	require.Equal(t, failed, r.state, r.text)
	require.Contains(t, r.text, "not linearizable")
}

// What cannot be decided is no fault of the store.
func TestWhatCannotBeDecidedIsNoVerdict(t *testing.T) {
	sound, bucket := serverstest.Bucket(t)
	s := newTestSuite(t, target{user: sound, bucket: bucket})
	for what, decide := range map[string]func(context.Context, []operation) (decision, error){
		"it could not be decided": func(context.Context, []operation) (decision, error) {
			return decision{Verdict: "undecided"}, nil
		},
		"no memory": func(context.Context, []operation) (decision, error) {
			return decision{}, errors.New("no memory")
		},
	} {
		s.decide = decide
		r := conditionalWrites(t.Context(), s)
		require.Equal(t, skipped, r.state, r.text)
		require.Contains(t, r.text, what)
	}
}

// Pages that are small are put together.
func TestListsOfManyPagesPass(t *testing.T) {
	sound, bucket := serverstest.Bucket(t)
	store := serverstest.NewFaultyStore(t, sound)
	store.SetFaults(paging())
	r := lists(t.Context(), newTestSuite(t, target{user: store.Options, bucket: bucket}))
	require.Equal(t, passed, r.state, r.text)
}

func TestLinksThatDoNotExpireAreFound(t *testing.T) {
	sound, bucket := serverstest.Bucket(t)
	server := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", sound.Endpoint, r.In.Host
		},
		ModifyResponse: func(answer *http.Response) error {
			if answer.Request.URL.Query().Get("X-Amz-Expires") == fmt.Sprint(shortLink.Seconds()) {
				answer.StatusCode = http.StatusOK
			}
			return nil
		},
	})
	defer server.Close()
	address, err := url.Parse(server.URL)
	require.NoError(t, err)
	broken := sound
	broken.Endpoint = address.Host
	r := links(t.Context(), newTestSuite(t, target{user: broken, bucket: bucket}))
	require.Equal(t, failed, r.state, r.text)
	require.Contains(t, r.text, "is still answered with 200 OK")
}

// Without the administrator, what the user may do is seen as far as it can be.
func TestRightsWithoutTheAdministrator(t *testing.T) {
	root, bucket := serverstest.Bucket(t)
	s := newTestSuite(t, target{user: serverstest.SharedUser(t, root, bucket), bucket: bucket})
	r := rights(t.Context(), s)
	require.Equal(t, skipped, r.state, r.text)
	require.Contains(t, r.text, "give MINIO_ROOT_USER")
	s.user, s.root = root, &root
	r = rights(t.Context(), s)
	require.Equal(t, failed, r.state, r.text)
	require.Contains(t, r.text, "is the administrator")
}

// remembering gives what it has once read of an object, whatever is written later.
func remembering() serverstest.Fault {
	type read struct {
		etag string
		body []byte
	}
	var first sync.Map
	return serverstest.Fault{Response: func(sent *http.Request, answer *http.Response, body []byte) []byte {
		if sent.Method != http.MethodGet || sent.URL.RawQuery != "" || answer.StatusCode != http.StatusOK {
			return body
		}
		known, _ := first.LoadOrStore(sent.URL.Path, read{answer.Header.Get("ETag"), body})
		answer.Header.Set("ETag", known.(read).etag)
		for key := range answer.Header {
			if strings.HasPrefix(key, "X-Amz-Checksum-") {
				answer.Header.Del(key)
			}
		}
		return known.(read).body
	}}
}

// forgetful loses each third of the writes that it confirms.
func forgetful() serverstest.Fault {
	forget := serverstest.Forgetting().Answer
	var n atomic.Int64
	return serverstest.Fault{Answer: func(r *http.Request, body []byte) *http.Response {
		if !serverstest.IsObjectPut(r) || n.Add(1)%3 != 0 {
			return nil
		}
		return forget(r, body)
	}}
}

// unsigning takes away what a link is signed with, and the proxy signs everything.
func unsigning() serverstest.Fault {
	return serverstest.Fault{Request: func(r *http.Request, body []byte) []byte {
		query := r.URL.Query()
		for name := range query {
			if strings.HasPrefix(name, "X-Amz-") {
				query.Del(name)
			}
		}
		r.URL.RawQuery = query.Encode()
		return body
	}}
}

// paging makes pages of lists small.
func paging() serverstest.Fault {
	return serverstest.Fault{Request: func(r *http.Request, body []byte) []byte {
		if query := r.URL.Query(); query.Has("list-type") {
			query.Set("max-keys", "5")
			r.URL.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20")
		}
		return body
	}}
}

func TestVerdict(t *testing.T) {
	find := func(results ...result) verdict {
		var checks []check
		for i, r := range results {
			c := check{name: fmt.Sprintf("check %d", i), run: func(context.Context, *suite) result { return r }}
			if i > 0 {
				c.without = fmt.Sprintf("thing %d", i)
			}
			checks = append(checks, c)
		}
		return (&suite{}).run(t.Context(), io.Discard, checks)
	}
	for _, c := range []struct {
		results []result
		want    string
		code    int
	}{
		{[]result{pass(""), pass("")}, "verdict: fit", 0},
		{[]result{pass(""), fail(""), fail("")}, "verdict: fit without thing 1, without thing 2", 3},
		{[]result{fail(""), fail("")}, "verdict: unfit: check 0", 1},
		{[]result{pass(""), skip("")}, "verdict: fit (not tested: check 1)", 0},
		{[]result{skip(""), fail("")}, "verdict: undecided: check 0", 2},
	} {
		v := find(c.results...)
		require.Equal(t, c.want, v.String())
		require.Equal(t, c.code, v.exitCode())
	}
}

func TestArguments(t *testing.T) {
	complete := map[string]string{
		"MINIO_ENDPOINT": "localhost:1", "MINIO_ACCESS_KEY": "user", "MINIO_SECRET_KEY": "secret",
	}
	for _, c := range []struct {
		args []string
		env  map[string]string
		want string
	}{
		{[]string{"more"}, complete, "there are flags only"},
		{[]string{"-store", "floppy"}, nil, "choose one of minio, rclone, seaweedfs, versitygw"},
		{[]string{"-store", "minio", "-bucket", "stems"}, nil, "leave -bucket and -also out"},
		{nil, complete, "-bucket is required"},
		{[]string{"-bucket", "No"}, complete, "-bucket"},
		{[]string{"-bucket", "stems", "-writers", "0"}, complete, "have to be 1 or more"},
		{[]string{"-bucket", "stems", "-also", "http://localhost:2"}, complete, `is not "host:port"`},
		{[]string{"-bucket", "stems"}, nil, "MINIO_ENDPOINT"},
		{[]string{"-bucket", "stems"}, map[string]string{
			"MINIO_ENDPOINT": "localhost:1", "MINIO_ACCESS_KEY": "user", "MINIO_SECRET_KEY": "secret",
			"MINIO_ROOT_USER": "root",
		}, "MINIO_ROOT_PASSWORD belong together"},
	} {
		_, err := run(t.Context(), c.args, func(name string) (string, bool) {
			value, ok := c.env[name]
			return value, ok
		}, io.Discard)
		require.ErrorContains(t, err, c.want)
	}
}
