// Package archived reads from the object store what is archived of a track, and puts there what
// only the starter makes: pages, and lists of tracks.
package archived

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/internal/config"
	"stemflow/internal/ledger"
	"stemflow/internal/trackstate"
	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/limit"
	"stemflow/starter/internal/view"
)

const (
	// readTimeout bounds reading a document, or asking the store for what a link needs.
	readTimeout = 20 * time.Second
	// pageTimeout bounds putting a page into the bucket.
	pageTimeout = time.Minute
	// listTimeout bounds uploading a list of tracks, which may have many megabytes.
	listTimeout = 10 * time.Minute
)

// Place says which manifest is meant.
type Place struct {
	Input stemflow.SeparateStemsInput
	// ManifestKey is its key, in place of a track.
	ManifestKey string
}

// Track is a manifest, as it was found and as it reads, and the folder that it is in.
type Track struct {
	Text     json.RawMessage
	Manifest stemflow.Manifest

	store    *archive.Store
	location activityapi.Location
}

// Open returns the object store that the environment names.
func Open(minIO config.MinIO) (*archive.Store, error) { return archive.New(archive.OptionsOf(minIO)) }

// Read reads the manifest of a place. The error is a [*failure.Failure].
func Read(ctx context.Context, store *archive.Store, cfg config.Starter, place Place) (*Track, error) {
	in := place.Input
	bucket, prefix := cmp.Or(in.Bucket, cfg.Bucket), cmp.Or(in.Prefix, cfg.Prefix)
	t := &Track{store: store, location: archive.Locate(bucket, prefix, in.Track())}
	key := cmp.Or(place.ManifestKey, archive.ManifestKey(t.location))
	if place.ManifestKey != "" {
		t.location.Dir = strings.TrimSuffix(key, path.Base(key))
	}
	err := limit.Wait(ctx, readTimeout, reading(store, bucket, key), func(ctx context.Context) error {
		_, err := store.ReadJSON(ctx, bucket, key, &t.Text)
		return err
	})
	switch {
	case errors.Is(err, archive.ErrCorrupt):
		return nil, NoManifest(err)
	case errors.Is(err, archive.ErrNotFound):
		f := &failure.Failure{
			Type:    failure.TypeNotArchived,
			Message: fmt.Sprintf("there is no %s in bucket %s", key, bucket),
			Code:    failure.ExitFailed,
			Hint:    `Check bucket and prefix; "` + failure.Command + ` start" separates the track.`,
		}
		if place.ManifestKey == "" {
			t.addWhatIsThere(ctx, f, in, archive.Locate(cfg.LedgerBucket, cfg.LedgerPrefix, in.Track()))
		}
		return nil, f
	case err != nil:
		return nil, failure.Archive("", err)
	}
	if err := json.Unmarshal(t.Text, &t.Manifest); err != nil {
		return nil, NoManifest(err)
	}
	if err := archive.CheckManifest(t.location, t.Manifest); err != nil {
		return nil, foreignManifest(key, err)
	}
	if len(t.Manifest.Stems) == 0 {
		return nil, NoManifest(errors.New("it lists no stem"))
	}
	return t, nil
}

func reading(store *archive.Store, bucket, key string) string {
	return fmt.Sprintf("reading %s/%s from the object store %s", bucket, key, store.Endpoint())
}

// stream opens an object that is read piece by piece.
func stream(ctx context.Context, store *archive.Store, bucket, key string) (io.ReadCloser, error) {
	open := func(ctx context.Context) (io.ReadCloser, error) {
		content, _, err := store.Open(ctx, bucket, key)
		return content, err
	}
	return limit.Stream(ctx, quietTimeout, reading(store, bucket, key), open)
}

// NoManifest returns the failure of an object that is no manifest.
func NoManifest(err error) error {
	return &failure.Failure{
		Type:    failure.TypeNotArchived,
		Message: "what is stored there is no manifest: " + err.Error(),
		Code:    failure.ExitFailed,
		Hint:    "Starting the track again writes it again, and pays nothing if the ledger knows of a payment.",
	}
}

// foreignManifest returns the failure of a manifest from which nothing may be shown: anyone who
// wrote it would choose what the starter's credentials give away.
func foreignManifest(key string, err error) error {
	return &failure.Failure{
		Type:    failure.TypeNotArchived,
		Message: key + ": " + err.Error(),
		Code:    failure.ExitFailed,
		Hint: "stemflow writes no such manifest: find out who can write to the bucket. " +
			"Starting the track again writes it again, and pays nothing if the ledger knows of a payment.",
	}
}

// addWhatIsThere adds to the failure what is there of a track without a manifest: a payment, or
// manifests of other types. What cannot be found out is left out.
func (t *Track) addWhatIsThere(
	ctx context.Context, f *failure.Failure, in stemflow.SeparateStemsInput, account activityapi.Location,
) {
	_ = limit.Wait(ctx, readTimeout, "reading what is there", func(ctx context.Context) error {
		l, _ := readLedger(ctx, t.store, account, t.location)
		if paid, ok := l.Paid(); ok {
			f.Details = &stemflow.ErrorDetails{SeparationTaskID: paid.SeparationTaskID}
			f.Hint = `The separation is paid for and not archived yet: "` + failure.Command +
				` watch" shows it while it runs, and starting the track again takes it up.`
			key := archive.DeletionKey(t.location, paid.SeparationTaskID)
			if removed, err := t.store.Stat(ctx, t.location.Bucket, key); err == nil {
				f.Hint = "It was deleted on " + removed.Modified.UTC().Format(time.DateOnly) + ". Starting the track " +
					"again takes up the separation, unpaid, while the provider keeps it (14 days)."
			}
			return nil
		}
		if in.Type == "" {
			f.AddOtherTypes("archived", t.otherTypes(ctx, in))
		}
		return nil
	})
}

// readLedger returns what the ledger of a track knows, in the account's folder and in that of the
// archive, which earlier releases used. Without the account's bucket it is the archive's alone.
func readLedger(
	ctx context.Context, store *archive.Store, account, folder activityapi.Location,
) (ledger.Ledger, error) {
	l, _, err := trackstate.ReadLedger(ctx, store, account, folder)
	if errors.Is(err, archive.ErrNoBucket) {
		l, _, err = trackstate.ReadLedger(ctx, store, folder, folder)
	}
	return l, err
}

// otherTypes are those under which the track is archived. For split_stem_advanced the stem name is
// the slug, which names the same folder.
func (t *Track) otherTypes(ctx context.Context, in stemflow.SeparateStemsInput) []stemflow.Track {
	folder := strings.TrimSuffix(t.location.Dir, string(in.Track().Type)+"/")
	objects, err := t.store.List(ctx, t.location.Bucket, folder)
	if err != nil {
		return nil
	}
	var found []stemflow.Track
	for _, object := range objects {
		dir, isManifest := strings.CutSuffix(strings.TrimPrefix(object.Key, folder), "/"+archive.ManifestFile)
		kind, stemName, _ := strings.Cut(dir, "/")
		track := stemflow.Track{
			TaskID: in.TaskID, AudioID: in.AudioID, Type: stemflow.SeparationType(kind), StemName: stemName,
		}
		if isManifest && slices.Contains(stemflow.PaidTypes(), track.Type) && !strings.Contains(stemName, "/") &&
			(stemName != "") == (track.Type == stemflow.SplitStemAdvanced) {
			found = append(found, track)
		}
	}
	return found
}

// Links returns links to the manifest's stems, in their order, and the time until which they work.
// They lead into the bucket that the manifest is in; Read has refused a manifest that names what is
// elsewhere.
func (t *Track) Links(ctx context.Context, lifetime time.Duration) (links []string, until time.Time, err error) {
	return t.links(ctx, nil, lifetime)
}

// DownloadLinks is Links for links that browsers save under the given names of files, one a stem.
func (t *Track) DownloadLinks(
	ctx context.Context, fileNames []string, lifetime time.Duration,
) (links []string, until time.Time, err error) {
	return t.links(ctx, fileNames, lifetime)
}

func (t *Track) links(
	ctx context.Context, fileNames []string, lifetime time.Duration,
) (links []string, until time.Time, err error) {
	until = time.Now().Add(lifetime).Truncate(time.Second)
	for i, stem := range t.Manifest.Stems {
		fileName := ""
		if fileNames != nil {
			fileName = fileNames[i]
		}
		link, err := t.link(ctx, stem.Key, fileName, lifetime)
		if err != nil {
			return nil, time.Time{}, err
		}
		links = append(links, link)
	}
	return links, until, nil
}

// link returns a link that browsers save under a name, unless that is empty.
func (t *Track) link(
	ctx context.Context, key, fileName string, lifetime time.Duration,
) (link string, err error) {
	doing := fmt.Sprintf("asking the object store %s where bucket %s is", t.store.Endpoint(), t.location.Bucket)
	err = limit.Wait(ctx, readTimeout, doing, func(ctx context.Context) error {
		if fileName != "" {
			link, err = t.store.PresignDownload(ctx, t.location.Bucket, key, fileName, lifetime)
		} else {
			link, err = t.store.Presign(ctx, t.location.Bucket, key, lifetime)
		}
		return err
	})
	if err != nil {
		return "", failure.Archive("", err)
	}
	return link, nil
}

// Publish puts a page beside the manifest and returns a link to it. Pages that were published
// before stay as they are, so that the links to them give no more, and for no longer, than they
// did.
func (t *Track) Publish(
	ctx context.Context,
	page []byte,
	lifetime time.Duration,
) (*stemflow.ObjectRef, string, error) {
	at := &stemflow.ObjectRef{Bucket: t.location.Bucket, Key: archive.NewListenKey(t.location)}
	doing := fmt.Sprintf("putting %s into the object store %s", view.ObjectText(*at), t.store.Endpoint())
	err := limit.Wait(ctx, pageTimeout, doing, func(ctx context.Context) error {
		body, size := bytes.NewReader(page), int64(len(page))
		_, err := t.store.PutUncached(ctx, at.Bucket, at.Key, "text/html; charset=utf-8", body, size)
		return err
	})
	if err != nil {
		return nil, "", failure.Archive("", err)
	}
	link, err := t.link(ctx, at.Key, "", lifetime)
	return at, link, err
}

// Bucket returns the bucket that the manifest and its stems are in.
func (t *Track) Bucket() string { return t.location.Bucket }
