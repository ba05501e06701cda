package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/internal/catalog"
	"stemflow/internal/config"
)

// list is a file with a list of tracks that is right.
type list struct {
	file *os.File
	size int64
	// tracks is how many there are, credits what all of them cost.
	tracks, credits int
	store           *archive.Store
	to              stemflow.ObjectRef
}

// readList checks a list of tracks before anything is uploaded: it is checked again by the run, as
// it checks lists that are in the bucket.
func (p *cli) readList(name string, in stemflow.SeparateCatalogInput, cfg config.Starter) (*list, error) {
	store, err := p.store()
	if err != nil {
		return nil, configurationError(err)
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, usageError("catalog", "the list cannot be read: "+err.Error())
	}
	l := &list{file: file, store: store}
	sum := sha256.New()
	l.tracks, err = catalog.Check(io.TeeReader(file, sum), in, nil, func(track activityapi.CatalogTrack) error {
		if track.Input.SeparationTaskID == "" {
			l.credits += stemflow.Price(track.Input.WithDefaults().Type)
		}
		return nil
	})
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
		return nil, &failure{
			Type:    stemflow.ErrorInvalidInput,
			Message: problemLines(invalid),
			code:    exitUsage,
			hint:    "Nothing was started.",
		}
	}
	return nil, usageError("catalog", "the list cannot be read: "+err.Error())
}

// upload puts the list into the bucket. The same list has the same key.
func (l *list) upload(ctx context.Context) (*stemflow.ObjectRef, error) {
	if _, err := l.file.Seek(0, io.SeekStart); err != nil {
		return nil, usageError("catalog", "the list cannot be read: "+err.Error())
	}
	contentType := "application/x-ndjson"
	if strings.EqualFold(filepath.Ext(l.file.Name()), ".csv") {
		contentType = "text/csv"
	}
	err := l.store.EnsureBucket(ctx, l.to.Bucket)
	if err == nil {
		_, err = l.store.Put(ctx, l.to.Bucket, l.to.Key, contentType, l.file, l.size)
	}
	if err != nil {
		return nil, &failure{
			Type:    stemflow.ErrorArchiveUnavailable,
			Message: "the list cannot be uploaded: " + err.Error(),
			code:    exitFailed,
		}
	}
	return &l.to, nil
}
