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
	return func(yield func(Info, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		opts := minio.ListObjectsOptions{Prefix: prefix, StartAfter: after, Recursive: true}
		for object := range s.api.ListObjectsIter(ctx, bucket, opts) {
			if object.Err != nil {
				yield(Info{}, s.failure("list", bucket, prefix, object.Err))
				return
			}
			if !yield(infoOf(object), nil) {
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
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		for object := range s.api.ListObjectsIter(ctx, bucket, minio.ListObjectsOptions{Prefix: prefix}) {
			if object.Err != nil {
				yield("", s.failure("list", bucket, prefix, object.Err))
				return
			}
			name, isFolder := strings.CutSuffix(strings.TrimPrefix(object.Key, prefix), "/")
			if isFolder && !yield(name, nil) {
				return
			}
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
