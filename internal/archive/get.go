package archive

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
)

// Info describes an object.
type Info struct {
	Key string
	// Size is in bytes.
	Size int64
	ETag string
	// SHA256 is the store's checksum of the whole object in lower-case hexadecimal: empty in a
	// list, and where the store keeps another one, which Checksum is then: its algorithm's name, a
	// colon, and S3's spelling of it, like "CRC32C:yZRlqg==". It is CRC32C of stems, and CRC64NVME
	// of what was uploaded without its size being known.
	SHA256, Checksum string
	// Modified is when the object was written, by the store's clock.
	Modified time.Time
}

// Stat returns ErrNotFound when there is no such object.
func (s *Store) Stat(ctx context.Context, bucket, key string) (Info, error) {
	object, err := s.api.StatObject(ctx, bucket, key, minio.StatObjectOptions{Checksum: true})
	if err == nil && object.ETag == "" {
		err = errNotS3
	}
	if err != nil {
		return Info{}, s.failure("look for", bucket, key, err)
	}
	return infoOf(object), nil
}

// Open returns an object to be read and closed by the caller, or ErrNotFound. Reading fails if the
// object does not match the checksum that the store has of it.
func (s *Store) Open(ctx context.Context, bucket, key string) (io.ReadCloser, Info, error) {
	return s.open(ctx, bucket, key, minio.GetObjectOptions{Checksum: true})
}

// OpenFrom returns what an object has from an offset on, to be read and closed by the caller, and
// as Info.Size how much that is; ErrNotFound, or ErrPrecondition where the object has not the given
// ETag any more.
func (s *Store) OpenFrom(ctx context.Context, bucket, key, etag string, offset int64) (io.ReadCloser, Info, error) {
	var opts minio.GetObjectOptions
	err := opts.SetMatchETag(etag)
	if offset > 0 && err == nil { // a range from 0 would end there
		err = opts.SetRange(offset, 0)
	}
	if err != nil {
		return nil, Info{}, s.failure("get", bucket, key, err)
	}
	return s.open(ctx, bucket, key, opts)
}

func (s *Store) open(
	ctx context.Context,
	bucket, key string,
	opts minio.GetObjectOptions,
) (io.ReadCloser, Info, error) {
	content, object, _, err := s.api.GetObject(ctx, bucket, key, opts)
	if err == nil && object.ETag == "" {
		content.Close()
		err = errNotS3
	}
	if err != nil {
		return nil, Info{}, s.failure("get", bucket, key, err)
	}
	info := infoOf(object)
	info.Key = key
	opened := &openObject{ReadCloser: content, store: s}
	// minio-go verifies the checksums that the store calls ones of the whole. SeaweedFS calls none
	// so, and Ceph not that of an upload of one part.
	if opts.Checksum && object.ChecksumMode != minio.ChecksumFullObjectMode.String() {
		switch algorithm, sum, _ := strings.Cut(info.Checksum, ":"); {
		case info.SHA256 != "":
			opened.hash, opened.want = sha256.New(), object.ChecksumSHA256
		case algorithm == minio.ChecksumCRC32C.String():
			opened.hash, opened.want = minio.ChecksumCRC32C.Hasher(), sum
		case algorithm == minio.ChecksumCRC64NVME.String():
			opened.hash, opened.want = minio.ChecksumCRC64NVME.Hasher(), sum
		}
	}
	return opened, info, nil
}

// openObject is an answer's body that is being read.
type openObject struct {
	io.ReadCloser
	store *Store
	// hash, where there is one, has to come out as want, in S3's spelling.
	hash hash.Hash
	want string
}

// errDamaged is for an object that was damaged in the store, or on its way from there.
var errDamaged = errors.New("what was read does not match the checksum that the store has of the object")

// Read implements io.Reader. What goes wrong may repeat what the store sent.
func (o *openObject) Read(p []byte) (int, error) {
	n, err := o.ReadCloser.Read(p)
	if o.hash != nil {
		o.hash.Write(p[:n])
		if err == io.EOF && base64.StdEncoding.EncodeToString(o.hash.Sum(nil)) != o.want {
			return n, errDamaged
		}
	}
	switch {
	case err == nil || err == io.EOF:
		return n, err
	case strings.HasPrefix(err.Error(), "checksum mismatch"): // minio-go's words
		return n, errDamaged
	default:
		return n, o.store.secrets.Error(err)
	}
}

// List returns all objects whose keys begin with prefix, in the order of their keys.
func (s *Store) List(ctx context.Context, bucket, prefix string) ([]Info, error) {
	var objects []Info
	for object, err := range s.Walk(ctx, bucket, prefix, "") {
		if err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
	return objects, nil
}

// Proves compares the store's checksum with those of what was archived, of which checksum is empty
// where it is not known. differs says that the object is surely another one, and proved that the
// store's checksum says that it is the same.
func (i Info) Proves(sha256, checksum string) (proved, differs bool) {
	bySHA256 := i.SHA256 != ""
	algorithm, _, _ := strings.Cut(i.Checksum, ":")
	other := i.Checksum != "" && strings.HasPrefix(checksum, algorithm+":")
	differs = bySHA256 && i.SHA256 != sha256 || other && i.Checksum != checksum
	return (bySHA256 || other) && !differs, differs
}

func spell(algorithm minio.ChecksumType, sum string) string { return algorithm.String() + ":" + sum }

func infoOf(object minio.ObjectInfo) Info {
	info := Info{Key: object.Key, Size: object.Size, ETag: object.ETag, Modified: object.LastModified}
	// Of a multipart upload it would be a checksum of checksums, with the number of parts behind
	// it.
	if sum, err := base64.StdEncoding.DecodeString(object.ChecksumSHA256); err == nil && len(sum) == sha256.Size {
		info.SHA256 = hex.EncodeToString(sum)
	}
	composite := object.ChecksumMode == minio.ChecksumCompositeMode.String() ||
		strings.Contains(object.ChecksumCRC32C, "-")
	switch {
	case object.ChecksumCRC32C != "" && !composite:
		info.Checksum = spell(minio.ChecksumCRC32C, object.ChecksumCRC32C)
	case object.ChecksumCRC64NVME != "": // never one of checksums
		// Ceph puts the number of parts behind it all the same, where there is one.
		sum, _, _ := strings.Cut(object.ChecksumCRC64NVME, "-")
		info.Checksum = spell(minio.ChecksumCRC64NVME, sum)
	}
	return info
}
