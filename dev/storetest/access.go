package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"stemflow/internal/archive"
)

const (
	shortLink = 2 * time.Second
	// expiryLimit is generous: the clock of the store may be behind.
	expiryLimit = 15 * time.Second
	expiryPause = 250 * time.Millisecond
)

// follow gets a link as a client without credentials does.
func (s *suite) follow(ctx context.Context, link string, header http.Header) (*http.Response, string, error) {
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{RootCAs: s.user.RootCAs, MinVersion: tls.VersionTLS12},
	}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, link, nil)
	if err != nil {
		return nil, "", err
	}
	for name, values := range header {
		r.Header[name] = values
	}
	answer, err := client.Do(r)
	if err != nil {
		return nil, "", errors.Unwrap(err) // without the link, which is a secret
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	return answer, string(body), err
}

func links(ctx context.Context, s *suite) result {
	const text, name = "the stem", "Så länge \"so long\".mp3"
	key := s.key("links", "Lead Vocal+ü&%20#.mp3")
	if _, err := s.PutStem(ctx, s.bucket, key, audio, strings.NewReader(text), int64(len(text))); err != nil {
		return unprepared(err)
	}
	link, err := s.Presign(ctx, s.bucket, key, time.Hour)
	if err != nil {
		return fail("%v", err)
	}
	answer, body, err := s.follow(ctx, link, nil)
	if err != nil {
		return fail("%v", err)
	}
	if answer.StatusCode != http.StatusOK || body != text {
		return fail("a link is answered with %s: %.200s", answer.Status, body)
	}
	answer, body, err = s.follow(ctx, link, http.Header{"Range": {"bytes=4-7"}})
	if err != nil {
		return fail("%v", err)
	}
	if answer.StatusCode != http.StatusPartialContent || body != text[4:] {
		return fail("a link with a Range is answered with %s", answer.Status)
	}
	for _, changed := range []string{
		strings.Replace(link, "X-Amz-Expires=3600", "X-Amz-Expires=604800", 1),
		strings.Replace(link, "Lead", "Back", 1),
	} {
		answer, _, err = s.follow(ctx, changed, nil)
		if err != nil {
			return fail("%v", err)
		}
		if answer.StatusCode != http.StatusForbidden {
			return fail("a link that was changed after it was signed is answered with %s", answer.Status)
		}
	}
	download, err := s.PresignDownload(ctx, s.bucket, key, name, time.Hour)
	if err != nil {
		return fail("%v", err)
	}
	answer, _, err = s.follow(ctx, download, nil)
	if err != nil {
		return fail("%v", err)
	}
	disposition, fields, err := mime.ParseMediaType(answer.Header.Get("Content-Disposition"))
	if err != nil || disposition != "attachment" || fields["filename"] != name {
		return fail("a link to download is answered with %s and Content-Disposition %q",
			answer.Status, answer.Header.Get("Content-Disposition"))
	}
	short, err := s.Presign(ctx, s.bucket, key, shortLink)
	if err != nil {
		return fail("%v", err)
	}
	for deadline := time.Now().Add(s.expiry); ; time.Sleep(expiryPause) {
		answer, _, err = s.follow(ctx, short, nil)
		if err != nil {
			return fail("%v", err)
		}
		if answer.StatusCode == http.StatusForbidden {
			break
		}
		if time.Now().After(deadline) {
			return fail("a link for %v is still answered with %s after %v", shortLink, answer.Status, s.expiry)
		}
	}
	return pass("they need no credentials, take ranges, name a file, expire, and bear no change")
}

func crossOrigin(ctx context.Context, s *suite) result {
	key := s.key("page", "stem.mp3")
	if _, err := s.PutStem(ctx, s.bucket, key, audio, strings.NewReader("x"), 1); err != nil {
		return unprepared(err)
	}
	link, err := s.Presign(ctx, s.bucket, key, time.Hour)
	if err != nil {
		return fail("%v", err)
	}
	answer, _, err := s.follow(ctx, link, http.Header{"Origin": {"null"}})
	if err != nil {
		return fail("%v", err)
	}
	allowed := answer.Header.Get("Access-Control-Allow-Origin")
	if answer.StatusCode != http.StatusOK || allowed != "*" && allowed != "null" {
		return fail("a page of no origin is answered with %s and Access-Control-Allow-Origin %q; "+
			"docs/listen.md says how to allow it", answer.Status, allowed)
	}
	return pass("Access-Control-Allow-Origin is %q", allowed)
}

// rights sees what the user may not do. That the user may do what stemflow needs is what all other
// checks have seen, which are done as the user.
func rights(ctx context.Context, s *suite) result {
	if s.noUser != "" {
		return fail("%s", s.noUser)
	}
	if s.root != nil && s.root.AccessKey == s.user.AccessKey {
		return fail("%s is the administrator", s.user.AccessKey)
	}
	key := s.key("rights")
	if err := s.PutJSON(ctx, s.bucket, key, document{}); err != nil {
		return unprepared(err)
	}
	if err := s.Remove(ctx, s.bucket, key); err == nil {
		return fail("the user may remove objects")
	} else if !denied(err) {
		return fail("to remove an object is answered with: %v", err)
	}
	if s.root == nil {
		return skip("the user may not remove objects; to see the rest, give MINIO_ROOT_USER and " +
			"MINIO_ROOT_PASSWORD, with which another bucket is made that the user must not reach")
	}
	root, err := archive.New(*s.root)
	if err != nil {
		return fail("%v", err)
	}
	defer root.Close()
	other := fmt.Sprintf("storetest-%d", time.Now().UnixNano())
	if err := root.EnsureBucket(ctx, other); err != nil {
		return fail("%v", err)
	}
	rootClient, err := rawClient(*s.root)
	if err != nil {
		return fail("%v", err)
	}
	defer func() {
		ctx := context.WithoutCancel(ctx)
		_ = root.Remove(ctx, other, "key") // an empty bucket is all that may be left
		_ = rootClient.RemoveBucket(ctx, other)
		_ = rootClient.RemoveBucket(ctx, other+"-new")
	}()
	if err := root.PutJSON(ctx, other, "key", document{}); err != nil {
		return fail("%v", err)
	}
	raw, err := rawClient(s.user)
	if err != nil {
		return fail("%v", err)
	}
	attempts := []attempt{
		{"read another bucket", func() error { _, err := s.Stat(ctx, other, "key"); return err }},
		{"list another bucket", func() error { _, err := s.List(ctx, other, ""); return err }},
		{"write to another bucket", func() error { return s.PutJSON(ctx, other, "key", document{}) }},
		{"remove another bucket", func() error { return raw.RemoveBucket(ctx, other) }},
		{"make a bucket", func() error { return raw.MakeBucket(ctx, other+"-new", minio.MakeBucketOptions{}) }},
		{"let everybody read the bucket", func() error {
			return raw.SetBucketPolicy(ctx, s.bucket, publicPolicy(s.bucket))
		}},
	}
	if s.user.LinkAccessKey != "" {
		opts := s.user
		opts.AccessKey, opts.SecretKey = s.user.LinkAccessKey, s.user.LinkSecretKey
		reader, err := archive.New(opts)
		if err != nil {
			return fail("%v", err)
		}
		defer reader.Close()
		attempts = append(attempts,
			attempt{"write with the key of links", func() error {
				return reader.PutJSON(ctx, s.bucket, key, document{})
			}},
			attempt{"list with the key of links", func() error {
				_, err := reader.List(ctx, s.bucket, s.prefix)
				return err
			}},
			attempt{"remove with the key of links", func() error { return reader.Remove(ctx, s.bucket, key) }},
		)
	}
	var allowed []string
	for _, a := range attempts {
		switch err := a.do(); {
		case err == nil:
			allowed = append(allowed, a.what)
		case !denied(err):
			return fail("to %s is answered with: %v", a.what, err)
		}
	}
	if len(allowed) > 0 {
		return fail("the user may %s", strings.Join(allowed, ", "))
	}
	return pass("the user does all of this, and may not remove objects nor any of %d other things", len(attempts))
}

type attempt struct {
	what string
	do   func() error
}

// denied reports whether the store refused because of who asked.
func denied(err error) bool {
	if refused, ok := errors.AsType[*archive.Error](err); ok {
		return refused.Code == minio.AccessDenied
	}
	// A request without a body has no document in its answer.
	answer := minio.ToErrorResponse(err)
	return answer.Code == minio.AccessDenied || answer.StatusCode == http.StatusForbidden
}

func publicPolicy(bucket string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["*"]},`+
		`"Action":["s3:GetObject"],"Resource":["arn:aws:s3:::%s/*"]}]}`, url.PathEscape(bucket))
}
