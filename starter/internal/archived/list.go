package archived

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/internal/catalog"
	"stemflow/internal/config"
	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/limit"
	"stemflow/starter/internal/view"
)

// List is a list of tracks that is right: a file, or an object in the bucket.
type List struct {
	// Tracks is how many there are, Credits what all of them cost.
	Tracks, Credits int

	// file is nil for an object.
	file  *os.File
	size  int64
	store *archive.Store
	// to is where the list is, or where Upload puts it.
	to stemflow.ObjectRef
}

// ReadList checks a list of tracks before anything is uploaded: it is checked again by the run, as
// it checks lists that are in the bucket.
func ReadList(
	store *archive.Store, cfg config.Starter, name string, in stemflow.SeparateCatalogInput,
) (*List, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, unreadable(err)
	}
	l := &List{file: file, store: store}
	sum := sha256.New()
	err = l.check(io.TeeReader(file, sum), in)
	if err == nil {
		l.size, err = file.Seek(0, io.SeekCurrent)
	}
	if err == nil {
		l.to = stemflow.ObjectRef{
			Bucket: cmp.Or(in.Bucket, cfg.Bucket),
			Key: archive.CatalogUploadKey(
				cmp.Or(in.Prefix, cfg.Prefix),
				in.Name,
				hex.EncodeToString(sum.Sum(nil)),
				filepath.Base(name),
			),
		}
		return l, nil
	}
	_ = file.Close()
	if invalid, ok := errors.AsType[*stemflow.InputError](err); ok {
		return nil, failure.List(invalid)
	}
	return nil, unreadable(err)
}

// ReadObject checks a list of tracks that is in the bucket.
func ReadObject(
	ctx context.Context, store *archive.Store, cfg config.Starter, in stemflow.SeparateCatalogInput,
) (*List, error) {
	l := &List{store: store, to: stemflow.ObjectRef{
		Bucket: cmp.Or(in.Source.Bucket, in.Bucket, cfg.Bucket), Key: in.Source.Key,
	}}
	content, err := l.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	if err := l.check(content, in); err != nil {
		if invalid, ok := errors.AsType[*stemflow.InputError](err); ok {
			return nil, failure.List(invalid)
		}
		return nil, failure.Archive("the list cannot be read: ", err)
	}
	return l, nil
}

// check reads the list to its end, and counts what is in it.
func (l *List) check(content io.Reader, in stemflow.SeparateCatalogInput) (err error) {
	l.Tracks, err = catalog.Check(content, in, nil, func(track activityapi.CatalogTrack) error {
		if track.Input.SeparationTaskID == "" {
			l.Credits += stemflow.Price(track.Input.WithDefaults().Type)
		}
		return nil
	})
	return err
}

// Open returns the list's content, from its beginning.
func (l *List) Open(ctx context.Context) (io.ReadCloser, error) {
	if l.file != nil {
		if _, err := l.file.Seek(0, io.SeekStart); err != nil {
			return nil, unreadable(err)
		}
		return io.NopCloser(l.file), nil
	}
	content, err := stream(ctx, l.store, l.to.Bucket, l.to.Key)
	if errors.Is(err, archive.ErrNotFound) {
		return nil, failure.Usage("catalog", "there is no list %s", view.ObjectText(l.to))
	}
	if err != nil {
		return nil, failure.Archive("the list cannot be read: ", err)
	}
	return content, nil
}

func unreadable(err error) error { return failure.Usage("catalog", "the list cannot be read: %v", err) }

// Close closes the file.
func (l *List) Close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

// Upload puts the list into the bucket. The same list has the same key.
func (l *List) Upload(ctx context.Context) (*stemflow.ObjectRef, error) {
	if _, err := l.file.Seek(0, io.SeekStart); err != nil {
		return nil, unreadable(err)
	}
	contentType := "application/x-ndjson"
	if strings.EqualFold(filepath.Ext(l.file.Name()), ".csv") {
		contentType = "text/csv"
	}
	doing := fmt.Sprintf("looking for bucket %s in the object store %s", l.to.Bucket, l.store.Endpoint())
	err := limit.Wait(ctx, readTimeout, doing, func(ctx context.Context) error {
		return l.store.EnsureBucket(ctx, l.to.Bucket)
	})
	if err == nil {
		doing := fmt.Sprintf("uploading %s to the object store %s", view.ObjectText(l.to), l.store.Endpoint())
		err = limit.Wait(ctx, listTimeout, doing, func(ctx context.Context) error {
			_, err := l.store.Put(ctx, l.to.Bucket, l.to.Key, contentType, l.file, l.size)
			return err
		})
	}
	if err != nil {
		return nil, failure.Archive("the list cannot be uploaded: ", err)
	}
	return &l.to, nil
}
