package archive

import (
	"context"
	"iter"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
)

// Walk yields the objects whose keys begin with prefix and follow after, in the order of their
// keys, a page at a time: however many there are, no more than a page is held. After an error it
// yields nothing more.
func (s *Store) Walk(ctx context.Context, bucket, prefix, after string) iter.Seq2[Info, error] {
	opts := minio.ListObjectsOptions{Prefix: prefix, StartAfter: after, Recursive: true}
	return func(yield func(Info, error) bool) {
		for object, err := range s.list(ctx, bucket, opts) {
			if !yield(infoOf(object), err) {
				return
			}
		}
	}
}

// Folders yields the names of the folders below a prefix, which is empty or ends with a slash, a
// page at a time: what the keys have between it and the next slash. After an error it yields
// nothing more.
func (s *Store) Folders(ctx context.Context, bucket, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for object, err := range s.list(ctx, bucket, minio.ListObjectsOptions{Prefix: prefix}) {
			name, isFolder := strings.CutSuffix(strings.TrimPrefix(object.Key, prefix), "/")
			if (isFolder || err != nil) && !yield(name, err) {
				return
			}
		}
	}
}

// list yields what a list has. After an error it yields nothing more. When the context ends
// minio-go ends a list as if it were whole.
func (s *Store) list(
	ctx context.Context, bucket string, opts minio.ListObjectsOptions,
) iter.Seq2[minio.ObjectInfo, error] {
	return func(yield func(minio.ObjectInfo, error) bool) {
		for object := range s.api.ListObjectsIter(ctx, bucket, opts) {
			if object.Err != nil {
				yield(minio.ObjectInfo{}, s.failure("list", bucket, opts.Prefix, object.Err))
				return
			}
			if !yield(object, nil) {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(minio.ObjectInfo{}, s.failure("list", bucket, opts.Prefix, err))
		}
	}
}

// Upload is a multipart upload that was begun and neither completed nor aborted.
type Upload struct {
	Key   string
	Begun time.Time
}

// Uploads yields the multipart uploads of a bucket that are not complete, a page at a time. After
// an error it yields nothing more. They are not asked for by prefix, which MinIO takes for a whole
// key.
func (s *Store) Uploads(ctx context.Context, bucket string) iter.Seq2[Upload, error] {
	return func(yield func(Upload, error) bool) {
		keyMarker, idMarker := "", ""
		for {
			page, err := s.api.ListMultipartUploads(ctx, bucket, "", keyMarker, idMarker, "", 0)
			if err != nil {
				yield(Upload{}, s.failure("list the unfinished uploads of", bucket, "", err))
				return
			}
			for _, upload := range page.Uploads {
				if !yield(Upload{Key: upload.Key, Begun: upload.Initiated}, nil) {
					return
				}
			}
			if !page.IsTruncated || page.NextKeyMarker == keyMarker && page.NextUploadIDMarker == idMarker {
				return
			}
			keyMarker, idMarker = page.NextKeyMarker, page.NextUploadIDMarker
		}
	}
}
