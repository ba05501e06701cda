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
	// Checksum is the store's own of the whole object, as in [Info]: empty where it keeps the
	// SHA-256.
	Checksum string
}

// Put stores what body yields until its end: all of it or nothing, in place of an object that has
// the key. Size is in bytes and must be right; -1 is for an unknown one. An empty body is refused.
// The store verifies a checksum of the whole object before the object is there. It keeps the
// SHA-256, and where the size is unknown CRC64NVME.
//
// An error of body is returned as it is, wrapped: errors.As and errors.Is find it. Body must wake
// when the context ends, as the body of a response does whose request has the same context. It is
// not read any more when Put has returned.
func (s *Store) Put(ctx context.Context, bucket, key, contentType string, body io.Reader, size int64) (Written, error) {
	return s.put(ctx, bucket, key, body, size, minio.PutObjectOptions{
		ContentType: contentType, Checksum: minio.ChecksumSHA256,
	})
}

// PutStem is Put for the one thing that is large and comes in numbers. The checksum that the store
// verifies and keeps is CRC32C, which costs next to nothing: of CRC64NVME MinIO computes no more in
// a second than of SHA-256. The caller puts both into the manifest: by the one the store's own is
// compared, by the other what is read.
func (s *Store) PutStem(
	ctx context.Context, bucket, key, contentType string, body io.Reader, size int64,
) (Written, error) {
	return s.put(ctx, bucket, key, body, size, minio.PutObjectOptions{
		ContentType: contentType, Checksum: minio.ChecksumCRC32C,
	})
}

// PutUncached is Put for an object that no cache on its way to a reader may keep.
func (s *Store) PutUncached(
	ctx context.Context, bucket, key, contentType string, body io.Reader, size int64,
) (Written, error) {
	return s.put(ctx, bucket, key, body, size, minio.PutObjectOptions{
		ContentType: contentType, CacheControl: "no-store", Checksum: minio.ChecksumSHA256,
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
	if size >= 0 {
		// One request; otherwise 16 MiB and more go in parts of 16 MiB, each in memory.
		opts.DisableMultipart = true
		opts.DisableContentSha256 = !s.signs(ctx, bucket, key, size, opts.Checksum)
	} else {
		// SHA-256 of a multipart upload is one of the parts' checksums; this one is of the whole
		// object.
		size, opts.PartSize, opts.Checksum = -1, partSize, minio.ChecksumCRC64NVME
	}
	guarded := newBody(body, size)
	if opts.Checksum != minio.ChecksumSHA256 {
		guarded.sum(opts.Checksum)
	}
	info, err := s.upload(ctx, "put", bucket, key, guarded, size, opts)
	if err != nil {
		return Written{}, err
	}
	written, ok := confirmed(guarded, opts.Checksum, info)
	if !ok {
		return Written{}, s.unconfirmed("put", bucket, key, opts.Checksum, answered(opts.Checksum, info))
	}
	return written, nil
}

// confirmed is what the store has verified of an object; ok is false where it has not. minio-go has
// hashed what it sent and the store what it got, and it refuses what differs. Its SHA-256 is what
// both found. Another checksum has to be that of the bytes whose SHA-256 was computed here.
func confirmed(b *body, algorithm minio.ChecksumType, info minio.UploadInfo) (_ Written, ok bool) {
	written, answer := Written{Size: b.read}, answered(algorithm, info)
	if b.sha256 != nil {
		written.SHA256 = hex.EncodeToString(b.sha256.Sum(nil))
		written.Checksum = spell(algorithm, answer)
		return written, answer == base64.StdEncoding.EncodeToString(b.crc.Sum(nil))
	}
	sum, err := base64.StdEncoding.DecodeString(answer)
	written.SHA256 = hex.EncodeToString(sum)
	return written, err == nil && len(sum) == sha256.Size && (b.announced == "" || b.announced == answer)
}

// answered is the checksum that the store confirms.
func answered(algorithm minio.ChecksumType, info minio.UploadInfo) string {
	switch algorithm {
	case minio.ChecksumCRC32C:
		return info.ChecksumCRC32C
	case minio.ChecksumCRC64NVME:
		return info.ChecksumCRC64NVME
	default:
		return info.ChecksumSHA256
	}
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
	opts.UserMetadata = map[string]string{
		opts.Checksum.Key(): b.announced, algorithmHeader: opts.Checksum.String(),
	}
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
		// minio-go would not even look at the body.
		return minio.UploadInfo{}, fmt.Errorf("%s %s/%s: %w", op, bucket, key, errEmpty)
	}
	reader, left := io.Reader(b), func() int { return 0 }
	if size > 0 && size <= signedSize {
		reader, left, opts = announce(b, opts)
	}
	info, err := s.api.Client.PutObject(ctx, bucket, key, reader, size, opts)
	if size > signedSize {
		s.onRefusal(err)
	}
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
