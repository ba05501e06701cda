package activities

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/activity"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/allowed"
	"stemflow/internal/archive"
	"stemflow/internal/audio"
	"stemflow/internal/kie"
	"stemflow/internal/source"
)

// PrepareSong looks at a song of a user's own before it is paid for: that it is there, that it is
// audio, and that it is no larger than the provider takes. An object of the store is handed to the
// provider, and so is what is known by its content.
type PrepareSong struct {
	Store   Store
	Sources *source.Fetcher
	// Provider takes uploads.
	Provider Uploader
	// Limits are what inputs may name of the store.
	Limits allowed.Limits
}

// Uploader is the provider as it takes files: [kie.Client].
type Uploader interface {
	Upload(ctx context.Context, u kie.Upload) (downloadURL string, err error)
}

// songAttempts is how often a host that fails, or that has no such file, is asked, half a minute in
// all: nothing is paid for yet, and a person may be waiting.
const songAttempts = 6

// songFailures are the attempts that failed at the song's host. They are kept in the heartbeat
// details: a store or a provider that is away must not use them up.
type songFailures struct {
	Count int `json:"count"`
}

// Execute fails for good with ErrorInvalidInput for what the provider would not take, and with
// ErrorUnauthorized. It is retried while the store or the provider is down.
func (a *PrepareSong) Execute(
	ctx context.Context, in activityapi.PrepareSongInput,
) (*activityapi.PreparedSong, error) {
	p := preparation{PrepareSong: a}
	_ = activity.GetHeartbeatDetails(ctx, &p.failures) // there are none in the first attempt
	before := p.failures
	stop := startHeartbeat(ctx, before)
	song, err := p.prepare(ctx, in)
	stop()
	if p.failures != before {
		recordHeartbeat(ctx, p.failures)
	}
	return song, err
}

// preparation is one attempt.
type preparation struct {
	*PrepareSong
	failures songFailures
}

// hostFailed counts a failure of the song's host, and returns the error that it is: another one at
// the last time.
func (p *preparation) hostFailed(again, atLast error) error {
	if p.failures.Count++; p.failures.Count < songAttempts {
		return again
	}
	return atLast
}

func (p *preparation) prepare(
	ctx context.Context, in activityapi.PrepareSongInput,
) (*activityapi.PreparedSong, error) {
	input := stemflow.SeparateStemsInput{AudioURL: in.AudioURL}
	if wrong := p.Limits.CheckSong(input); wrong != nil {
		return nil, final(stemflow.ErrorInvalidInput, wrong.Field+": "+wrong.Message, nil)
	}
	open := func() (io.ReadCloser, error) { return p.fetch(ctx, in.AudioURL) }
	object, isObject := input.AudioObject()
	if isObject {
		open = func() (io.ReadCloser, error) { return p.open(ctx, object) }
	}
	body, err := open()
	if err != nil {
		return nil, err
	}
	song, err := p.look(in, body)
	_ = body.Close()
	if err != nil {
		return nil, err
	}
	if song.cut && in.AudioSHA256 == "" {
		if isObject {
			return nil, cutSong(song)
		}
		const text = "what audioUrl names ends too early at the moment" // it may still be written
		return nil, p.hostFailed(retryable(stemflow.ErrorProviderUnavailable, text, nil), cutSong(song))
	}
	// Most stores are out of the provider's reach. And where the content is what the song is known
	// by, its host must not serve other content to the provider.
	if isObject || in.AudioSHA256 != "" {
		return p.handOver(ctx, song, open)
	}
	song.prepared.URL = in.AudioURL
	return &song.prepared, nil
}

// handOver gives the provider what was looked at: what has changed meanwhile does not fit.
func (p *preparation) handOver(
	ctx context.Context, song song, open func() (io.ReadCloser, error),
) (*activityapi.PreparedSong, error) {
	body, err := open()
	if err != nil {
		return nil, err
	}
	defer body.Close()
	sum, given := sha256.New(), &sourceReader{r: body}
	song.prepared.URL, err = p.Provider.Upload(ctx, kie.Upload{
		Name: song.prepared.SHA256 + "." + song.format.Ext, ContentType: song.format.ContentType,
		Size: song.prepared.Size, Body: io.TeeReader(io.LimitReader(given, song.prepared.Size), sum),
	})
	broken := given.err.Load()
	switch {
	case broken != nil && ctx.Err() == nil:
		return nil, p.unfetched(*broken)
	case kie.VerdictOf(err) == kie.Unauthorized:
		return nil, final(stemflow.ErrorUnauthorized, err.Error(), err, providerDetails(err))
	case err != nil:
		return nil, retryable(
			stemflow.ErrorProviderUnavailable,
			"the song cannot be handed to the provider: "+err.Error(),
			err,
		)
	case hex.EncodeToString(sum.Sum(nil)) == song.prepared.SHA256:
		return &song.prepared, nil
	}
	return nil, p.hostFailed(
		retryable(stemflow.ErrorProviderUnavailable, "what audioUrl names has changed while it was read", nil),
		wrongSong("changes while it is read: give a song that stays the same", nil),
	)
}

// sourceReader keeps the error that ends what it reads: an upload that fails by it says nothing of
// the provider. Who sends it may still be reading when the upload has failed.
type sourceReader struct {
	r   io.Reader
	err atomic.Pointer[error]
}

func (s *sourceReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err.Store(&err)
	}
	return n, err
}

// fetch opens what an address names.
func (p *preparation) fetch(ctx context.Context, address string) (io.ReadCloser, error) {
	body, err := p.Sources.Open(ctx, address)
	if err != nil {
		return nil, p.unfetched(err)
	}
	return body, nil
}

func (a *PrepareSong) open(ctx context.Context, object stemflow.ObjectRef) (io.ReadCloser, error) {
	body, info, err := a.Store.Open(ctx, object.Bucket, object.Key)
	switch {
	case errors.Is(err, archive.ErrNotFound), errors.Is(err, archive.ErrNoBucket):
		return nil, wrongSong("names an object that is not there", err)
	case err != nil:
		return nil, storeRefusal(err)
	case info.Size > stemflow.MaxAudioSize:
		body.Close()
		return nil, tooLarge(nil)
	}
	return body, nil
}

// song is what a look has found.
type song struct {
	prepared activityapi.PreparedSong
	format   audio.Format
	// cut says that the song itself says that there should be more of it.
	cut bool
}

// look reads a song to its end.
func (p *preparation) look(in activityapi.PrepareSongInput, body io.Reader) (song, error) {
	var meter audio.Meter
	sum, tagger := sha256.New(), audio.NewTagger()
	size, err := io.Copy(io.MultiWriter(&meter, sum, tagger), io.LimitReader(body, stemflow.MaxAudioSize+1))
	tags := tagger.End()
	if err != nil {
		return song{}, p.unfetched(err)
	}
	found := meter.End()
	s := song{
		activityapi.PreparedSong{
			SHA256: hex.EncodeToString(sum.Sum(nil)), Size: size,
			Title: tags.Title, Artist: tags.Artist, Tempo: tags.Tempo,
			DurationSeconds: found.Duration.Round(time.Millisecond).Seconds(),
		}, found.Format, found.Cut,
	}
	switch {
	case size > stemflow.MaxAudioSize:
		return song{}, tooLarge(nil)
	case !found.Audio:
		return song{}, wrongSong("is no audio that is known: give a whole MP3, WAV, FLAC, M4A, AAC or Ogg file", nil)
	case in.AudioSHA256 != "" && !strings.EqualFold(in.AudioSHA256, s.prepared.SHA256):
		return song{}, final(stemflow.ErrorInvalidInput, fmt.Sprintf("audioSha256: what audioUrl names has the "+
			"SHA-256 %s: give that, or the address of the song that is meant", s.prepared.SHA256), nil)
	}
	return s, nil
}

// unfetched is the error for a song that cannot be read. What passes is tried again for a while.
func (p *preparation) unfetched(err error) error {
	refused, ok := errors.AsType[*source.Error](err)
	switch {
	case !ok:
		return storeRefusal(err)
	case refused.Kind == source.TooLarge:
		return tooLarge(err)
	}
	gone := wrongSong("cannot be fetched: "+err.Error(), err)
	if refused.Kind == source.Forbidden || refused.Kind == source.Gone {
		return gone
	}
	return p.hostFailed(retryable(
		stemflow.ErrorProviderUnavailable, "audioUrl cannot be fetched at the moment: "+err.Error(), err,
	), gone)
}

func wrongSong(problem string, cause error) error {
	return final(stemflow.ErrorInvalidInput, "audioUrl: "+problem, cause)
}

// cutSong is the error for what is probably not all of a song. Headers are wrong at times, so who
// says which content is meant has it taken.
func cutSong(s song) error {
	return wrongSong("ends earlier than it says itself: give the whole song; if this is all there is of it, give "+
		"audioSha256, too, which is "+s.prepared.SHA256, nil)
}

func tooLarge(cause error) error {
	return wrongSong(fmt.Sprintf("is larger than %d MB, which is the most that the provider takes: give a smaller file",
		stemflow.MaxAudioSize>>20), cause)
}
