package activities

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"go.temporal.io/sdk/activity"
	"golang.org/x/sync/semaphore"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/internal/kie"
	"stemflow/internal/midi"
	"stemflow/internal/naming"
)

// PrepareMIDI reads what is archived of a track, before its MIDI is asked for.
type PrepareMIDI struct {
	Store Store
	// Archive knows where inputs may lead, and the facts of the worker's configuration.
	Archive *PrepareArchive
}

// Execute fails for good with ErrorInvalidInput where there is no such archive or no such stem, and
// with ErrorArchiveUnavailable where the store cannot be reached, or refuses.
func (a *PrepareMIDI) Execute(
	ctx context.Context, in activityapi.PrepareMIDIInput,
) (*activityapi.PreparedMIDI, error) {
	subject{kind: in.Track.Type, separationTaskID: in.SeparationTaskID, stem: in.Stem}.annotate(ctx)
	limits := a.Archive.limits()
	if p := limits.CheckFolder(in.Bucket, in.Prefix); p != nil {
		return nil, final(stemflow.ErrorInvalidInput, "the input is wrong: "+p.String(), nil)
	}
	bucket, prefix := limits.Destination(in.Bucket, in.Prefix)
	loc := archive.Locate(bucket, prefix, in.Track)
	m, err := readManifest(ctx, a.Store, loc)
	if err != nil {
		return nil, noManifest(loc, err)
	}
	if in.SeparationTaskID != "" && in.SeparationTaskID != m.SeparationTaskID {
		return nil, final(stemflow.ErrorInvalidInput, fmt.Sprintf("separationTaskId: %s/%s is of separation %s, not "+
			"of %s: leave it out, or start the track with it to archive it, unpaid",
			loc.Bucket, archive.ManifestKey(loc), m.SeparationTaskID, in.SeparationTaskID), nil)
	}
	out := &activityapi.PreparedMIDI{
		Location: loc, SeparationTaskID: m.SeparationTaskID,
		Manifest:        stemflow.ObjectRef{Bucket: loc.Bucket, Key: archive.ManifestKey(loc)},
		SubmitTaskQueue: a.Archive.SubmitTaskQueue, CallbacksExpected: a.Archive.CallbacksExpected,
	}
	if in.Stem != "" {
		stem, err := findStem(m.Manifest, in.Stem)
		if err != nil {
			return nil, err
		}
		out.Stem, out.SourceID = stem.Name, stem.SourceID
	}
	out.Known = m.midi(out.Stem)
	if out.Known != nil {
		if out.Whole, err = a.whole(ctx, loc, *out.Known); err != nil {
			return nil, storeRefusal(err)
		}
	}
	return out, nil
}

// noManifest is the error for a manifest that cannot be had.
func noManifest(loc activityapi.Location, err error) error {
	key := loc.Bucket + "/" + archive.ManifestKey(loc)
	switch {
	case errors.Is(err, archive.ErrNotFound), errors.Is(err, archive.ErrNoBucket):
		return final(stemflow.ErrorInvalidInput, "taskId: there is no archived separation: "+key+
			" is not there; separate the track first, and check type, bucket and prefix", err)
	case errors.Is(err, archive.ErrCorrupt), errors.Is(err, archive.ErrForeign), errors.Is(err, errManifest):
		return final(stemflow.ErrorArchiveUnavailable, "the manifest "+key+" cannot be used: start the track again, "+
			"unpaid, which writes it again", err)
	default:
		return storeRefusal(err)
	}
}

// findStem finds a stem by its name, in the provider's spelling, too.
func findStem(m stemflow.Manifest, name string) (stemflow.Stem, error) {
	names := ""
	for _, stem := range m.Stems {
		if stem.Name != name && stem.Name != naming.Slug(name) {
			names += ", " + stem.Name
			continue
		}
		if stem.SourceID == "" {
			return stem, final(stemflow.ErrorInvalidInput, "stem: the provider gave no id for "+stem.Name+
				", so it cannot be asked for by itself: leave stem out", nil)
		}
		return stem, nil
	}
	return stemflow.Stem{}, final(stemflow.ErrorInvalidInput,
		fmt.Sprintf("stem: there is no stem %q: the archive has %s", name, names[min(len(names), 2):]), nil)
}

// whole reports whether all objects of a MIDI are there.
func (a *PrepareMIDI) whole(ctx context.Context, loc activityapi.Location, m stemflow.MIDI) (bool, error) {
	for _, object := range m.Objects() {
		info, err := a.Store.Stat(ctx, loc.Bucket, object.Key)
		if errors.Is(err, archive.ErrNotFound) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if info.Size != object.Size {
			return false, nil
		}
	}
	return m.IsArchived(), nil
}

// SubmitMIDI asks the provider for a transcription.
type SubmitMIDI struct {
	Store    Store
	Provider *kie.Client
	Callback CallbackAddress
	// Turns keep all workers of the queue to a rate; nil: there is none to keep.
	Turns Turns
}

const (
	// A separation that the provider does not know was taken minutes later. With the retries of the
	// workflows' policies these attempts are some ten minutes.
	unknownSeparationAttempts = 8
	// A call whose answer was lost may have made a task. Each of these more makes another one that
	// nobody waits for.
	lostAnswers = 3
	// What a call that has its turn may take: the provider's time-out, and the manifest.
	submitMIDITimeout = 40 * time.Second
)

// submitLooks are what earlier attempts came to.
type submitLooks struct {
	Lost int `json:"lost,omitempty"`
}

// Execute takes up the transcription that the manifest names, which an earlier attempt may have put
// there, and else asks for one and puts it there. It fails for good with ErrorUnauthorized,
// ErrorInsufficientCredits, ErrorProviderRejected and, where answers are lost again and again,
// ErrorProviderUnavailable. It is retried while the provider is busy.
func (a *SubmitMIDI) Execute(
	ctx context.Context, in activityapi.SubmitMIDIInput,
) (*activityapi.SubmittedMIDI, error) {
	about := subject{separationTaskID: in.SeparationTaskID, stem: in.Stem}
	about.annotate(ctx)
	// A manifest that cannot be read now is no reason to do without: archiving the notes needs it.
	m, err := readManifest(ctx, a.Store, in.Location)
	if err != nil {
		return nil, noManifest(in.Location, err)
	}
	if known := m.midi(in.Stem); m.SeparationTaskID == in.SeparationTaskID && known != nil &&
		known.MIDITaskID != "" && known.MIDITaskID != in.Except {
		return &activityapi.SubmittedMIDI{MIDITaskID: known.MIDITaskID, RequestedAt: known.RequestedAt}, nil
	}
	leave, err := awaitTurn(ctx, a.Turns, submitMIDITimeout, stemflow.ErrorProviderUnavailable, lookedBefore(ctx))
	if err != nil {
		return nil, err
	}
	defer leave()
	info := activity.GetInfo(ctx)
	run := info.WorkflowExecution
	// Without queue and track in its token nobody records a callback that comes when the run is
	// over: there is nothing that was paid for.
	callbackURL := a.Callback.Mint(ctx, info.Namespace, run.ID, in.Owner,
		activityapi.SubmitSeparationInput{Deadline: in.Deadline})
	midiTaskID, err := a.Provider.GenerateMIDI(ctx, kie.MIDIRequest{
		SeparationTaskID: in.SeparationTaskID, AudioID: in.SourceID, CallbackURL: callbackURL,
	})
	if err != nil {
		return nil, a.refusal(ctx, err)
	}
	submitted := &activityapi.SubmittedMIDI{MIDITaskID: midiTaskID, RequestedAt: time.Now().UTC()}
	entry := stemflow.MIDI{Stem: in.Stem, MIDITaskID: midiTaskID, RequestedAt: submitted.RequestedAt}
	archived := func(known *stemflow.MIDI) bool { return known != nil && known.IsArchived() }
	if err := recordMIDI(ctx, a.Store, in.Location, in.SeparationTaskID, entry, archived); err != nil {
		// The run knows it. Only another run would ask once more, which costs nothing.
		about.log(ctx).Warn("the manifest does not name the transcription", "midiTaskId", midiTaskID, "error", err)
	}
	return submitted, nil
}

func (a *SubmitMIDI) refusal(ctx context.Context, err error) error {
	details := providerDetails(err)
	switch kie.VerdictOf(err) {
	case kie.Unauthorized:
		return final(stemflow.ErrorUnauthorized, err.Error(), err, details)
	case kie.InsufficientCredits:
		return final(stemflow.ErrorInsufficientCredits, err.Error(), err, details)
	case kie.Busy:
		return expected(stemflow.ErrorProviderUnavailable, err.Error())
	case kie.NotYet:
		if activity.GetInfo(ctx).Attempt < unknownSeparationAttempts {
			return expected(stemflow.ErrorProviderRejected, err.Error())
		}
		return final(stemflow.ErrorProviderRejected, err.Error(), err, details)
	case kie.Rejected:
		return final(stemflow.ErrorProviderRejected, err.Error(), err, details)
	}
	looks := lookedBefore(ctx)
	looks.Lost++
	activity.RecordHeartbeat(ctx, looks)
	if looks.Lost >= lostAnswers {
		return final(stemflow.ErrorProviderUnavailable, err.Error(), err, details)
	}
	return retryable(stemflow.ErrorProviderUnavailable, err.Error(), err)
}

func lookedBefore(ctx context.Context) submitLooks {
	var looks submitLooks
	_ = activity.GetHeartbeatDetails(ctx, &looks) // there are none in the first attempt
	return looks
}

// GetMIDIRecord asks the provider how a transcription stands.
type GetMIDIRecord struct {
	Provider *kie.Client
}

// Execute answers with a transcription that is done. It fails, to be retried, with
// ActivityErrorPending, ActivityErrorNoRecord and ActivityErrorUnreadable, and for good with
// ErrorMIDIFailed.
func (a *GetMIDIRecord) Execute(
	ctx context.Context, in activityapi.GetMIDIRecordInput,
) (*activityapi.MIDIRecord, error) {
	record, err := midiRecord(ctx, a.Provider, in.MIDITaskID, false)
	if err != nil {
		return nil, err
	}
	if record.State == kie.Pending {
		if in.ReportPending {
			return &activityapi.MIDIRecord{Pending: true}, nil
		}
		return nil, expected(activityapi.ActivityErrorPending, "the provider is still at work: "+record.Flag)
	}
	out := &activityapi.MIDIRecord{Instruments: len(record.Score.Instruments)}
	for _, i := range record.Score.Instruments {
		out.Notes += i.Listed
	}
	return out, nil
}

// midiRecord is the record of a transcription that has not failed.
func midiRecord(ctx context.Context, provider *kie.Client, midiTaskID string, notes bool) (*kie.MIDIRecord, error) {
	record, err := provider.MIDIRecord(ctx, midiTaskID, notes)
	switch {
	case errors.Is(err, kie.ErrNoRecord):
		return nil, noRecordYet(midiTaskID)
	case errors.Is(err, kie.ErrTooManyNotes):
		return nil, final(stemflow.ErrorMIDIFailed, err.Error(), err)
	case err != nil:
		return nil, unreadableRecord(err)
	case record.State == kie.Failed:
		return nil, final(stemflow.ErrorMIDIFailed,
			fmt.Sprintf("the provider failed the transcription (code %d: %s); ask again, which costs nothing",
				record.ErrorCode, record.ErrorMessage), nil,
			stemflow.ErrorDetails{ProviderCode: record.ErrorCode, ProviderMessage: record.ErrorMessage})
	}
	return record, nil
}

// ArchiveMIDI puts the notes of a transcription into the archive, as JSON and as a Standard MIDI
// File, and into the manifest.
type ArchiveMIDI struct {
	Store    Store
	Provider *kie.Client
	// Scores bounds how many transcriptions this process holds at once: one has some megabytes.
	Scores *semaphore.Weighted
}

// Content types of the objects.
const (
	midiJSONType = "application/json"
	midiFileType = "audio/midi"
)

// Execute is done again as a whole if it fails: the objects have their keys, and the record is
// there for days. It fails for good with ErrorMIDIFailed, and with ErrorInvalidInput when the
// archive has another separation by now.
func (a *ArchiveMIDI) Execute(ctx context.Context, in activityapi.ArchiveMIDIInput) (*stemflow.MIDI, error) {
	about := subject{separationTaskID: in.SeparationTaskID, stem: in.Stem}
	about.annotate(ctx)
	defer startHeartbeat(ctx)()
	if err := a.Scores.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer a.Scores.Release(1)
	record, err := midiRecord(ctx, a.Provider, in.MIDITaskID, true)
	if err != nil {
		return nil, err
	}
	if record.State != kie.Succeeded {
		return nil, expected(activityapi.ActivityErrorPending, "the provider is at work again: "+record.Flag)
	}
	archived, err := a.put(ctx, in, record.Score)
	if err != nil {
		return nil, err
	}
	archived.ArchivedAt = time.Now().UTC()
	never := func(*stemflow.MIDI) bool { return false }
	err = recordMIDI(ctx, a.Store, in.Location, in.SeparationTaskID, *archived, never)
	switch {
	case errors.Is(err, errReplaced):
		return nil, final(stemflow.ErrorInvalidInput,
			"separationTaskId: "+err.Error()+": make the MIDI of that one", err)
	case err != nil:
		return nil, noManifest(in.Location, err)
	}
	about.log(ctx).Info("MIDI archived", "midiTaskId", in.MIDITaskID, "instruments", len(archived.Instruments))
	return archived, nil
}

// put stores both objects.
func (a *ArchiveMIDI) put(
	ctx context.Context, in activityapi.ArchiveMIDIInput, score midi.Score,
) (*stemflow.MIDI, error) {
	head := midi.Head{SeparationTaskID: in.SeparationTaskID, MIDITaskID: in.MIDITaskID, Stem: in.Stem}
	var size counter
	if err := score.WriteJSON(&size, head); err != nil {
		return nil, final(stemflow.ErrorMIDIFailed, err.Error(), err)
	}
	var file bytes.Buffer
	written, err := score.WriteSMF(&file)
	if err != nil {
		return nil, final(stemflow.ErrorMIDIFailed, err.Error(), err)
	}
	out := &stemflow.MIDI{Stem: in.Stem, MIDITaskID: in.MIDITaskID, RequestedAt: in.RequestedAt}
	body, pipe := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		pipe.CloseWithError(score.WriteJSON(pipe, head)) // the end, where it is nil
	}()
	out.JSON, err = a.putObject(ctx, in, "json", midiJSONType, body, int64(size))
	_ = body.Close()
	<-done
	if err != nil {
		return nil, err
	}
	out.File, err = a.putObject(ctx, in, "mid", midiFileType, bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil {
		return nil, err
	}
	for i, instrument := range score.Instruments {
		out.Instruments = append(out.Instruments, stemflow.MIDIInstrument{
			Name: instrument.Name, Notes: instrument.Listed, Dropped: instrument.Listed - written.Notes[i],
		})
	}
	return out, nil
}

func (a *ArchiveMIDI) putObject(
	ctx context.Context, in activityapi.ArchiveMIDIInput, ext, contentType string, body io.Reader, size int64,
) (*stemflow.MIDIObject, error) {
	at := in.Location
	key := archive.MIDIKey(at, in.SeparationTaskID, in.Stem, ext)
	stored, err := a.Store.Put(ctx, at.Bucket, key, contentType, body, size)
	if err != nil {
		return nil, storeFailure(err)
	}
	return &stemflow.MIDIObject{
		Bucket: at.Bucket, Key: key, Size: stored.Size, SHA256: stored.SHA256, ContentType: contentType,
	}, nil
}

// counter counts what is written to it.
type counter int64

// Write implements io.Writer.
func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
