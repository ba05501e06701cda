package archive_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"

	"stemflow/internal/archive"
	"stemflow/internal/devservers/serverstest"
)

var minioStat = minio.StatObjectOptions{}

func TestNotFound(t *testing.T) {
	f := newFixture(t)
	_, err := f.Stat(t.Context(), f.bucket, "no/such/key")
	require.ErrorIs(t, err, archive.ErrNotFound)
	_, _, err = f.Open(t.Context(), f.bucket, "no/such/key")
	require.ErrorIs(t, err, archive.ErrNotFound)
	var v any
	_, err = f.ReadJSON(t.Context(), f.bucket, "no/such/key", &v)
	require.ErrorIs(t, err, archive.ErrNotFound)
	require.EqualError(t, err, "get "+f.bucket+"/no/such/key: no such object")
}

func TestList(t *testing.T) {
	f := newFixture(t)
	for _, key := range []string{"a/1/drums.mp3", "a/1/bass.mp3", "a/1/sub/fx.mp3", "a/10/drums.mp3", "b"} {
		_, err := f.Put(t.Context(), f.bucket, key, "audio/mpeg", bytes.NewReader([]byte(key)), int64(len(key)))
		require.NoError(t, err)
	}
	keys := func(prefix string) (keys []string) {
		objects, err := f.List(t.Context(), f.bucket, prefix)
		require.NoError(t, err)
		for _, object := range objects {
			require.EqualValues(t, len(object.Key), object.Size)
			require.NotEmpty(t, object.ETag)
			keys = append(keys, object.Key)
		}
		return keys
	}
	require.Equal(t, []string{"a/1/bass.mp3", "a/1/drums.mp3", "a/1/sub/fx.mp3"}, keys("a/1/"))
	require.Equal(t, []string{"a/1/drums.mp3"}, keys("a/1/drums."))
	require.Empty(t, keys("c"))
	require.Len(t, keys(""), 5)
}

func TestEnsureBucket(t *testing.T) {
	f := newFixture(t)
	bucket := f.bucket + "-2"
	results := make(chan error)
	for range 8 {
		go func() { results <- f.EnsureBucket(t.Context(), bucket) }()
	}
	for range 8 {
		require.NoError(t, <-results)
	}
	require.NoError(t, f.EnsureBucket(t.Context(), bucket))
	require.NoError(t, f.PutJSON(t.Context(), bucket, "key", "value"))
	for _, name := range []string{"Not_A_Bucket", "dot.-dash"} {
		requireError(t, f.EnsureBucket(t.Context(), name), "InvalidBucketName", true)
	}
}

func TestTheRestOfAnObject(t *testing.T) {
	f := newFixture(t)
	put := func(text string) string {
		_, err := f.Put(t.Context(), f.bucket, "key", "text/plain", bytes.NewReader([]byte(text)), int64(len(text)))
		require.NoError(t, err)
		info, err := f.Stat(t.Context(), f.bucket, "key")
		require.NoError(t, err)
		return info.ETag
	}
	etag := put("0123456789")
	for offset, want := range []string{"0123456789", "123456789"} {
		rest, info, err := f.OpenFrom(t.Context(), f.bucket, "key", etag, int64(offset))
		require.NoError(t, err)
		text, err := io.ReadAll(rest)
		require.NoError(t, err)
		require.NoError(t, rest.Close())
		require.Equal(t, want, string(text))
		require.EqualValues(t, len(want), info.Size)
		require.Equal(t, etag, info.ETag)
	}
	put("another text")
	_, _, err := f.OpenFrom(t.Context(), f.bucket, "key", etag, 1)
	require.ErrorIs(t, err, archive.ErrPrecondition)
	_, _, err = f.OpenFrom(t.Context(), f.bucket, "no/such/key", etag, 0)
	require.ErrorIs(t, err, archive.ErrNotFound)
	_, _, err = f.OpenFrom(t.Context(), f.bucket, "key", "", 0)
	require.ErrorContains(t, err, "ETag cannot be empty")
}

// A damaged document is not said to be one of a store that is away.
func TestADamagedDocument(t *testing.T) {
	f := newFixture(t)
	require.NoError(t, f.PutJSON(t.Context(), f.bucket, "submission.json", "paid"))
	for _, kind := range []string{"FULL_OBJECT", ""} {
		proxy := serverstest.NewFaultyStore(t, f.opts)
		proxy.SetFaults(serverstest.Fault{Response: func(_ *http.Request, answer *http.Response, body []byte) []byte {
			if answer.Header.Del("X-Amz-Checksum-Type"); kind != "" {
				answer.Header.Set("X-Amz-Checksum-Type", kind)
			}
			return bytes.ReplaceAll(body, []byte("paid"), []byte("said"))
		}})
		var v any
		_, err := open(t, proxy.Options).ReadJSON(t.Context(), f.bucket, "submission.json", &v)
		e := requireError(t, err, "", false)
		require.ErrorContains(t, err, "does not match the checksum", kind)
		require.Contains(t, e.Remedy, "let it heal", kind)
	}
}

// minio-go does not verify a checksum that is not called one of the whole. SeaweedFS gives none a
// type, and Ceph takes the CRC64NVME of an upload of one part for one of parts.
func TestDamageIsNoticedWithoutTheTypeOfAChecksum(t *testing.T) {
	f := newFixture(t)
	type put func(
		ctx context.Context, bucket, key, contentType string, body io.Reader, size int64,
	) (archive.Written, error)
	for what, c := range map[string]struct {
		put             put
		size, announced int64
	}{
		"SHA256":           {f.Put, 100, 100},
		"SHA256 behind it": {f.Put, 2 << 20, 2 << 20},
		"CRC32C":           {f.PutStem, 100, 100},
		"CRC32C behind it": {f.PutStem, 2 << 20, 2 << 20},
		"CRC64NVME":        {f.PutStem, 100, -1},
		"CRC64NVME of one": {f.PutStem, 100, -1},
	} {
		data := content(int(c.size))
		written, err := c.put(t.Context(), f.bucket, "key", "audio/mpeg", stream{bytes.NewReader(data)}, c.announced)
		require.NoError(t, err, what)
		proxy := serverstest.NewFaultyStore(t, f.opts)
		store := open(t, proxy.Options)
		damage := false
		proxy.SetFaults(serverstest.Fault{Response: func(_ *http.Request, answer *http.Response, body []byte) []byte {
			answer.Header.Del("X-Amz-Checksum-Type")
			if sum := answer.Header.Get("X-Amz-Checksum-Crc64nvme"); what == "CRC64NVME of one" && sum != "" {
				answer.Header.Set("X-Amz-Checksum-Type", "COMPOSITE")
				answer.Header.Set("X-Amz-Checksum-Crc64nvme", sum+"-1")
			}
			if damage && int64(len(body)) == c.size {
				body[c.size/2] ^= 1
			}
			return body
		}})
		for _, damage = range []bool{false, true} {
			object, info, err := store.Open(t.Context(), f.bucket, "key")
			require.NoError(t, err, what)
			require.Equal(t, written.Checksum, info.Checksum, what)
			_, err = io.Copy(io.Discard, object)
			require.NoError(t, object.Close())
			if damage {
				require.ErrorContains(t, err, "does not match the checksum", what)
			} else {
				require.NoError(t, err, what)
			}
		}
	}
}
