package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/minio/minio-go/v7"
)

// buffered is how many uploads of unknown size a store takes at once; more of them wait. With
// partSize it is all the memory that they have.
const buffered = 3

// partSize bounds the memory of an upload of unknown size, which is buffered in parts, one at a
// time. It is the least that S3 takes, and 10,000 parts make 50 GB. The default would be a buffer
// of half a gigabyte.
const partSize = 5 << 20

// Written is what an upload has stored.
type Written struct {
	Size int64
	// SHA256 is in lower-case hexadecimal.
	SHA256 string
}

// Put stores what body yields until its end: all of it or nothing, in place of an object that has
// the key. Size is in bytes and must be right; -1 is for an unknown one. An empty body is refused.
// The store verifies a checksum of the whole object before the object is there.
//
// An error of body is returned as it is, wrapped: errors.As and errors.Is find it. Body must wake
// when the context ends, as the body of a response does whose request has the same context. It is
// not read any more when Put has returned.
func (s *Store) Put(ctx context.Context, bucket, key, contentType string, body io.Reader, size int64) (Written, error) {
	return s.put(ctx, bucket, key, body, size, minio.PutObjectOptions{ContentType: contentType})
}

// PutUncached is Put for an object that no cache on its way to a reader may keep.
func (s *Store) PutUncached(
	ctx context.Context, bucket, key, contentType string, body io.Reader, size int64,
) (Written, error) {
	return s.put(ctx, bucket, key, body, size, minio.PutObjectOptions{
		ContentType: contentType, CacheControl: "no-store",
	})
}

func (s *Store) put(
	ctx context.Context, bucket, key string, body io.Reader, size int64, opts minio.PutObjectOptions,
) (Written, error) {
	if size < 0 {
		select {
		case s.buffers <- struct{}{}:
			defer func() { <-s.buffers }()
		case <-ctx.Done():
			return Written{}, s.failure("put", bucket, key, ctx.Err())
		}
	}
	guarded := newBody(body, size)
	if size >= 0 {
		// One request; otherwise 16 MiB and more go in parts of 16 MiB, each in memory.
		opts.DisableMultipart, opts.Checksum = true, minio.ChecksumSHA256
		opts.DisableContentSha256 = !s.signs(ctx, bucket, key, size)
	} else {
		// SHA-256 of a multipart upload is one of the parts' checksums; this one is of the whole
		// object.
		size, opts.PartSize, opts.Checksum = -1, partSize, minio.ChecksumCRC64NVME
	}
	info, err := s.upload(ctx, "put", bucket, key, guarded, size, opts)
	if err != nil {
		return Written{}, err
	}
	sum := confirmed(guarded, info)
	if sum == nil {
		return Written{}, s.unconfirmed("put", bucket, key, opts.Checksum, info.ChecksumSHA256+info.ChecksumCRC64NVME)
	}
	return Written{Size: guarded.read, SHA256: hex.EncodeToString(sum)}, nil
}

// confirmed is the SHA-256 of an object that the store has verified, or nil. Of a large object
// whose size is known, minio-go has hashed what it sent and the store what it got, and it refuses
// what differs: its answer is what both found.
func confirmed(b *body, info minio.UploadInfo) []byte {
	if b.size < 0 {
		if base64.StdEncoding.EncodeToString(b.crc.Sum(nil)) != info.ChecksumCRC64NVME {
			return nil
		}
		return b.sha256.Sum(nil)
	}
	sum, err := base64.StdEncoding.DecodeString(info.ChecksumSHA256)
	if err != nil || len(sum) != sha256.Size || b.announced != "" && b.announced != info.ChecksumSHA256 {
		return nil
	}
	return sum
}

// announce reads a small body, and sends its checksum ahead of it: there are stores that know no
// checksum behind a body that is signed. The reader cannot be sent again. Left is how much of it
// was not sent.
func announce(b *body, opts minio.PutObjectOptions) (r io.Reader, left func() int, _ minio.PutObjectOptions) {
	data, err := io.ReadAll(b)
	if err != nil {
		return b, func() int { return 0 }, opts // it fails once more
	}
	b.announced = checksum(opts.Checksum, data)
	opts.UserMetadata = map[string]string{opts.Checksum.Key(): b.announced}
	opts.Checksum = minio.ChecksumNone
	sent := bytes.NewReader(data)
	return struct{ io.Reader }{sent}, sent.Len, opts
}

// upload is the one way into the store.
func (s *Store) upload(
	ctx context.Context,
	op, bucket, key string,
	b *body,
	size int64,
	opts minio.PutObjectOptions,
) (minio.UploadInfo, error) {
	if size == 0 {
		return minio.UploadInfo{}, fmt.Errorf(
			"%s %s/%s: %w",
			op,
			bucket,
			key,
			errEmpty,
		) // minio-go would not even look at the body
	}
	reader, left := io.Reader(b), func() int { return 0 }
	if size > 0 && size <= signedSize {
		reader, left, opts = announce(b, opts)
	}
	info, err := s.api.Client.PutObject(ctx, bucket, key, reader, size, opts)
	if bodyErr := b.finish(); bodyErr != nil {
		return info, fmt.Errorf("%s %s/%s: %w", op, bucket, key, bodyErr)
	}
	if err != nil {
		return info, s.failure(op, bucket, key, err)
	}
	if !b.ended || left() > 0 || info.ETag == "" {
		return info, s.failure(op, bucket, key, errNotS3)
	}
	return info, nil
}
