package archived

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/limit"
	"stemflow/starter/internal/view"
)

const (
	// songTimeout bounds uploading a song: 20 MB at 10 kB a second.
	songTimeout = 35 * time.Minute
	// songQuiet bounds how long nothing of it may move: the store answers when it has written all.
	songQuiet = time.Minute
)

// UploadProgress is told how far an upload is.
type UploadProgress interface {
	// Begin says that there is something to upload.
	Begin()
	// Advance says that so many bytes more were handed over.
	Advance(bytes int64)
}

// PutSong puts a song where it is kept, unless it is there, by the SHA-256 that the store has of
// it. What is interrupted leaves nothing.
func PutSong(
	ctx context.Context, store *archive.Store, to stemflow.ObjectRef, contentType string, content []byte,
	progress UploadProgress,
) error {
	isThere := false
	doing := fmt.Sprintf("looking for %s in the object store %s", view.ObjectText(to), store.Endpoint())
	err := limit.Wait(ctx, readTimeout, doing, func(ctx context.Context) error {
		info, err := store.Stat(ctx, to.Bucket, to.Key)
		if errors.Is(err, archive.ErrNotFound) || errors.Is(err, archive.ErrNoBucket) {
			return store.EnsureBucket(ctx, to.Bucket)
		}
		sum := sha256.Sum256(content)
		isThere = err == nil && info.SHA256 == hex.EncodeToString(sum[:])
		return err
	})
	if err != nil {
		return failure.Archive("", err)
	}
	if isThere {
		return nil
	}
	if progress != nil {
		progress.Begin()
	}
	doing = fmt.Sprintf("uploading %s to the object store %s", view.ObjectText(to), store.Endpoint())
	err = limit.WaitWhileMoving(ctx, songTimeout, songQuiet, doing, func(ctx context.Context, moved func()) error {
		body := &counted{Reader: bytes.NewReader(content), ctx: ctx, moved: func(n int) {
			moved()
			if progress != nil {
				progress.Advance(int64(n))
			}
		}}
		_, err := store.Put(ctx, to.Bucket, to.Key, contentType, body, int64(len(content)))
		return err
	})
	if err != nil {
		return failure.Archive("", err)
	}
	return nil
}

// counted says how much of it was read, and is over when its context is.
type counted struct {
	io.Reader
	ctx   context.Context
	moved func(n int)
}

// Read implements io.Reader.
func (c *counted) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.Reader.Read(p)
	c.moved(n)
	return n, err
}
