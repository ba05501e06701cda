package activities

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"
	"golang.org/x/sync/semaphore"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/internal/audio"
	"stemflow/internal/source"
)

// ArchiveStem streams one stem, or what another kind of task yields, from the provider's file host
// into the archive.
type ArchiveStem struct {
	Store   Store
	Sources *source.Fetcher
	// Transfers bounds how many stems this process moves at once, whatever the worker's own limits:
	// memory grows with it, and with nothing else.
	Transfers *semaphore.Weighted
	// HeartbeatThrottle is the worker's MaxHeartbeatThrottleInterval.
	HeartbeatThrottle time.Duration

	paidTask
}

const (
	// A file host that cuts, stalls or fails is given these many attempts, some six minutes: files
	// have been seen to be served before they were complete. What is served whole and is no audio
	// is given half a minute, and so is a host that does not want this worker: that passes seldom.
	sourceAttempts  = 12
	contentAttempts = 6
	blockedAttempts = 6
	// A file that is not there may not be there yet. Before it is waited for as long as for a host
	// that fails, the provider is asked for another link.
	missingAttempts = 6
	// A stem that is there and cannot be read is fetched again after these many attempts, two
	// minutes. Until then the store may only be restarting.
	unreadableAttempts = 7

	// Providers announce wrong durations, and hosts have broken copies of files. What plays too
	// short is what there is, if it has come whole and the same this often and over this time: a
	// file that is still being written grows within seconds. The pause between two fetches is so
	// long that three of them take that time.
	sameContentTimes = 3
	sameContentFor   = 10 * time.Second
	sameContentPause = 6 * time.Second
)

// errUnreadable says that the store lists a stem and cannot give it back.
var errUnreadable = errors.New("the store has the stem and cannot give it back")

// Execute skips a stem that is there already. It fails for good with ErrorSourceExpired (renew the
// link), ErrorSourceForbidden, ErrorSourceTooLarge, and when the source fails again and again with
// ErrorSourceNotAudio, ErrorSourceBlocked, ErrorProviderUnavailable and, for a file that is not
// there, ErrorSourceExpired; it is retried with ErrorArchiveUnavailable for as long as the store is
// down.
func (a *ArchiveStem) Execute(ctx context.Context, in activityapi.ArchiveStemInput) (*stemflow.Stem, error) {
	stemOf(in).annotate(ctx)
	ctx, progress := startProgress(ctx, in.Stem.Name, a.HeartbeatThrottle)
	defer progress.stop()
	asked := time.Now()
	if err := a.Transfers.Acquire(ctx, 1); err != nil {
		return nil, progress.interrupted(ctx, err)
	}
	defer a.Transfers.Release(1)
	countStemWait(ctx, time.Since(asked))

	stem, err := a.archive(ctx, in, progress)
	if err != nil {
		err = progress.interrupted(ctx, a.failure(in, err, progress))
		countStemFailure(ctx, err)
		return nil, err
	}
	return stem, nil
}

// archive looks for the stem before it fetches it, except in the first attempt of a run that paid
// for it. A run that was reset is such a run too, and may have archived what the provider no longer
// serves: when the link does not work any more, it looks after all.
func (a *ArchiveStem) archive(
	ctx context.Context,
	in activityapi.ArchiveStemInput,
	progress *progress,
) (*stemflow.Stem, error) {
	first := in.Fresh && activity.GetInfo(ctx).Attempt == 1
	if !first {
		stem, err := a.existing(ctx, in)
		fetchAgain := errors.Is(err, errUnreadable) && activity.GetInfo(ctx).Attempt > unreadableAttempts
		if stem != nil || err != nil && !fetchAgain {
			return stem, err
		}
	}
	stem, err := a.fetch(ctx, in, progress)
	if refused, ok := errors.AsType[*source.Error](err); first && ok && isStale(refused.Kind) {
		if stem, lookErr := a.existing(ctx, in); stem != nil || lookErr != nil {
			return stem, lookErr
		}
	}
	return stem, err
}

// isStale reports whether only another link may help.
func isStale(kind source.Kind) bool {
	return kind == source.Expired || kind == source.Gone || kind == source.Missing
}

func stemOf(in activityapi.ArchiveStemInput) subject {
	return subject{separationTaskID: in.SeparationTaskID, stem: in.Stem.Name}
}

// existing reads back a stem that an earlier attempt or run has archived. Objects are written whole
// or not at all; reading proves it and yields what the manifest needs, no matter which run wrote
// it.
func (a *ArchiveStem) existing(ctx context.Context, in activityapi.ArchiveStemInput) (*stemflow.Stem, error) {
	found, err := a.Store.List(
		ctx,
		in.Location.Bucket,
		archive.StemPrefix(in.Location, in.SeparationTaskID, in.Stem.Name),
	)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	for _, info := range found {
		stem, err := a.readBack(ctx, in, info.Key)
		if stem != nil || err != nil {
			return stem, err
		}
	}
	return nil, nil
}

// readBack returns nil for what no attempt would leave: it is replaced.
func (a *ArchiveStem) readBack(
	ctx context.Context,
	in activityapi.ArchiveStemInput,
	key string,
) (*stemflow.Stem, error) {
	object, info, err := a.Store.Open(ctx, in.Location.Bucket, key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnreadable, err)
	}
	defer object.Close()
	content := newMeasure(object, nil)
	content.wantSum()
	_, err = io.Copy(io.Discard, content)
	switch {
	case errors.Is(err, errNotAudio):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errUnreadable, err)
	case a.checkFormat(content.result.Format) != nil:
		return nil, nil
	}
	right := archive.StemKey(in.Location, in.SeparationTaskID, in.Stem.Name, content.result.Format.Ext)
	if content.size != info.Size || key != right {
		return nil, nil
	}
	changed, err := a.changed(ctx, in, key, content.sum())
	if changed || err != nil {
		return nil, err
	}
	return content.stem(in, key, content.sum(), info.Checksum), nil
}

// changed reports whether an object is not what the manifest of the same separation says was
// archived: then it was damaged or replaced since, and is fetched again. Without such a manifest
// nothing says so.
func (a *ArchiveStem) changed(ctx context.Context, in activityapi.ArchiveStemInput, key, sum string) (bool, error) {
	var manifest stemflow.Manifest
	_, err := a.Store.ReadJSON(ctx, in.Location.Bucket, archive.ManifestKey(in.Location), &manifest)
	switch {
	case errors.Is(err, archive.ErrNotFound), errors.Is(err, archive.ErrCorrupt):
		return false, nil
	case err != nil:
		return false, err
	}
	return manifest.SeparationTaskID == in.SeparationTaskID &&
		slices.ContainsFunc(manifest.Stems, func(s stemflow.Stem) bool { return s.Key == key && s.SHA256 != sum }), nil
}

func (a *ArchiveStem) fetch(
	ctx context.Context,
	in activityapi.ArchiveStemInput,
	progress *progress,
) (*stemflow.Stem, error) {
	began := time.Now()
	body, content, err := a.open(ctx, in, progress)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	content.check = func() error { return checkLength(content, in.Stem.DurationSeconds, progress) }
	if progress.short.Load() != nil {
		content.wantSum()
	}
	key := archive.StemKey(in.Location, in.SeparationTaskID, in.Stem.Name, content.format.Ext)
	written, err := a.Store.PutStem(ctx, in.Location.Bucket, key, content.format.ContentType, content, body.Size)
	if err != nil {
		return nil, err
	}
	if written.Size != content.size {
		return nil, fmt.Errorf(
			"the store holds %d bytes of %s, and the source served %d",
			written.Size,
			key,
			content.size,
		)
	}
	took := time.Since(began)
	countStem(ctx, content.size, took)
	stemOf(in).log(ctx).Info("stem archived", "bytes", content.size, "seconds", took.Seconds())
	return content.stem(in, key, written.SHA256, written.Checksum), nil
}

// open returns the source at its beginning, with its format known. The object's name has the format
// in it, so the source is opened twice where the format is found behind more than is kept.
func (a *ArchiveStem) open(
	ctx context.Context,
	in activityapi.ArchiveStemInput,
	progress *progress,
) (*source.Body, *measure, error) {
	body, err := a.Sources.Open(ctx, in.Stem.URL)
	if err != nil {
		return nil, nil, err
	}
	progress.total.Store(max(body.Size, 0))
	content := newMeasure(body, progress)
	far, err := content.sniff()
	if err == nil {
		err = a.checkFormat(content.format)
	}
	if err != nil {
		_ = body.Close()
		return nil, nil, err
	}
	if !far {
		return body, content, nil
	}
	_ = body.Close()
	if body, err = a.Sources.Open(ctx, in.Stem.URL); err != nil {
		return nil, nil, err
	}
	again := newMeasure(body, progress)
	again.format = content.format
	return body, again, nil
}

// checkFormat refuses what is not of the kind of task.
func (a *ArchiveStem) checkFormat(format audio.Format) error {
	wanted := a.task().ContentType
	if wanted == "" || format.ContentType == wanted {
		return nil
	}
	return fmt.Errorf("%w of type %s but of %s", errNotAudio, wanted, format.ContentType)
}

// checkLength refuses what plays shorter than it should, until the same has come time and again.
// Only what comes after a first one that is too short is hashed for that: almost all is whole.
func checkLength(content *measure, announced float64, progress *progress) error {
	if !content.shortOf(announced) {
		return nil
	}
	known, repeated := progress.cameShort(content.size, content.sum())
	// The clocks of two workers may differ.
	lasted := time.Since(known.Since).Abs()
	if repeated && known.Times >= sameContentTimes && lasted >= sameContentFor {
		return nil
	}
	return &cutShortError{
		played: content.result.Duration, announced: announced, size: content.size,
		hashed: content.hash != nil, repeated: repeated,
	}
}

// failure types an error for the engine and the workflow.
func (a *ArchiveStem) failure(in activityapi.ArchiveStemInput, err error, progress *progress) error {
	var e *source.Error
	if short, ok := errors.AsType[*cutShortError](err); ok {
		return a.cutShort(short, progress)
	}
	switch {
	case errors.Is(err, errChanged):
		return a.sourceFailure(stemflow.ErrorProviderUnavailable, sourceAttempts, err, progress)
	case errors.Is(err, errNotAudio):
		return a.sourceFailure(stemflow.ErrorSourceNotAudio, contentAttempts, err, progress)
	case !errors.As(err, &e):
		return storeFailure(err)
	}
	switch e.Kind {
	case source.Expired, source.Gone:
		return final(stemflow.ErrorSourceExpired, err.Error(), err)
	case source.Missing:
		attempts := missingAttempts
		if in.LastLink {
			attempts = sourceAttempts
		}
		return a.sourceFailure(
			stemflow.ErrorSourceExpired, attempts, err, progress, activityapi.ArchiveStemFailure{Missing: true},
		)
	case source.Forbidden:
		return final(stemflow.ErrorSourceForbidden, err.Error(), err)
	case source.TooLarge:
		return final(stemflow.ErrorSourceTooLarge, err.Error(), err)
	case source.Blocked:
		return a.sourceFailure(stemflow.ErrorSourceBlocked, blockedAttempts, err, progress)
	case source.Empty:
		return a.sourceFailure(stemflow.ErrorSourceNotAudio, contentAttempts, err, progress)
	default:
		return a.sourceFailure(stemflow.ErrorProviderUnavailable, sourceAttempts, err, progress)
	}
}

// sourceFailure is retried until the source has had its attempts.
func (a *ArchiveStem) sourceFailure(
	kind string, attempts int, err error, progress *progress, details ...any,
) error {
	if progress.sourceFailed() >= attempts {
		return final(kind, err.Error(), err, details...)
	}
	return retryable(kind, err.Error(), err)
}

// cutShort is retried as other failures of the source are, except that the same content again is
// none: it is soon believed.
func (a *ArchiveStem) cutShort(err *cutShortError, progress *progress) error {
	const kind = stemflow.ErrorProviderUnavailable
	if !err.repeated && progress.sourceFailed() >= sourceAttempts {
		return final(kind, err.Error(), err)
	}
	if err.hashed {
		return retryableAfter(sameContentPause, kind, err.Error(), err)
	}
	return retryable(kind, err.Error(), err)
}
