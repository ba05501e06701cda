package activities

import (
	"cmp"
	"context"
	"errors"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
)

// WriteManifest writes manifest.json, the commit marker of an archived track.
type WriteManifest struct {
	Store Store
}

// Execute leaves a copy of the ledger beside the manifest where the ledger is elsewhere, so that
// the folder says by itself what was paid for it. It overwrites an earlier manifest: it is partial,
// of objects that are gone, or of a separation before this one. What an earlier one of the same
// separation has of MIDI stays, and what it knows of the track and this one does not.
func (a *WriteManifest) Execute(ctx context.Context, in activityapi.WriteManifestInput) (*stemflow.ObjectRef, error) {
	subject{kind: in.Manifest.Type, separationTaskID: in.Manifest.SeparationTaskID}.annotate(ctx)
	ref := stemflow.ObjectRef{Bucket: in.Location.Bucket, Key: archive.ManifestKey(in.Location)}
	in.Manifest.Manifest = ref
	if file := newLedgerFile(a.Store, in.Ledger, in.Location); file.apart() {
		if err := file.leaveReceipt(ctx); err != nil {
			return nil, storeFailure(err)
		}
	}
	if err := a.write(ctx, in); err != nil {
		return nil, storeFailure(err)
	}
	return &ref, nil
}

// write fails with archive.ErrPrecondition where MIDI was added while it wrote: the next try keeps
// it.
func (a *WriteManifest) write(ctx context.Context, in activityapi.WriteManifestInput) error {
	bucket, key := in.Location.Bucket, archive.ManifestKey(in.Location)
	if a.Store.Proved(bucket) {
		// Of a track that is archived for the first time there is none, which the condition finds
		// out. A store that ignores it would overwrite one.
		_, err := a.Store.CreateJSON(ctx, bucket, key, in.Manifest)
		if !errors.Is(err, archive.ErrPrecondition) {
			return err
		}
	}
	before, err := readManifest(ctx, a.Store, in.Location)
	switch {
	case errors.Is(err, archive.ErrNotFound), errors.Is(err, archive.ErrNoBucket), errors.Is(err, archive.ErrCorrupt),
		errors.Is(err, archive.ErrForeign), errors.Is(err, errManifest),
		err == nil && before.SeparationTaskID != in.Manifest.SeparationTaskID:
		return a.Store.PutJSON(ctx, bucket, key, in.Manifest) // there is nothing to keep
	case err != nil:
		return err
	}
	in.Manifest.MIDI = before.MIDI
	in.Manifest.Source = completeSource(in.Manifest.Source, before.Source)
	_, err = a.Store.ReplaceJSON(ctx, bucket, key, before.etag, in.Manifest)
	return err
}

// completeSource adds what an earlier manifest knows of the track. A run that only resumes reads no
// song, and may not ask what the provider calls a track.
func completeSource(source, before stemflow.ManifestSource) stemflow.ManifestSource {
	source.AudioURL = cmp.Or(source.AudioURL, before.AudioURL)
	source.AudioSHA256 = cmp.Or(source.AudioSHA256, before.AudioSHA256)
	if source.Music == nil || before.Music == nil {
		source.Music = cmp.Or(source.Music, before.Music)
		return source
	}
	music, old := *source.Music, *before.Music
	source.Music = &stemflow.Music{
		Title: cmp.Or(music.Title, old.Title), Artist: cmp.Or(music.Artist, old.Artist),
		Tags: cmp.Or(music.Tags, old.Tags), Tempo: cmp.Or(music.Tempo, old.Tempo),
		DurationSeconds: cmp.Or(music.DurationSeconds, old.DurationSeconds),
		CoverURL:        cmp.Or(music.CoverURL, old.CoverURL),
	}
	return source
}
