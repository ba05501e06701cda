package activities

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/kie"
)

// GetSeparationRecord asks the provider how a separation stands, or a task of another kind.
type GetSeparationRecord struct {
	Provider *kie.Client
	Callback CallbackAddress

	paidTask
}

// Execute answers with the stems once there are any or, with EmptyLooks, all that are expected. The
// record of another task counts as one that cannot be read. It fails, to be retried, with
// ActivityErrorPending, ActivityErrorNoRecord, ActivityErrorUnreadable and ActivityErrorNoLinks;
// for good with the kind's error types (of separations ErrorSeparationFailed and ErrorNoStems),
// with ActivityErrorNotOwn, with ErrorSourceExpired when the record has been absent for
// AbsentLooks, and with ErrorInvalidInput when the separation is of another track.
//
// A key that is refused, or a provider that is down, is awaited: what is paid for is not given
// up before the deadline.
func (a *GetSeparationRecord) Execute(
	ctx context.Context,
	in activityapi.GetSeparationRecordInput,
) (*activityapi.SeparationRecord, error) {
	subject{separationTaskID: in.SeparationTaskID}.annotate(ctx)
	record, err := a.Provider.RecordOf(ctx, a.atProvider(), in.SeparationTaskID)
	if errors.Is(err, kie.ErrNoRecord) {
		return nil, noRecord(ctx, in)
	}
	if err != nil {
		return nil, unreadableRecord(err)
	}
	record.Stems = a.task().Results(record.Stems)
	if err := a.checkOwner(ctx, in, record); err != nil {
		return nil, err
	}

	if size := stemsSize(record); size > mostStems {
		return nil, retryable(activityapi.ActivityErrorUnreadable,
			fmt.Sprintf("the provider's record names stems of %d bytes, which is too much to be handed on", size), nil)
	}
	out := &activityapi.SeparationRecord{
		Stems: record.Stems, OriginURL: record.OriginURL, CreatedAt: record.CreatedAt, CompletedAt: record.CompletedAt,
		Announced: record.Announced,
	}
	if claims, ours := a.Callback.minted(record.CallbackURL); ours && in.Track != nil {
		out.Owner = claims.RunID
	}
	switch {
	case record.State == kie.Failed:
		return nil, final(
			a.task().Failed,
			fmt.Sprintf("the provider failed the %s (code %d: %s); "+
				"start the track again to pay for another try", a.task().Name, record.ErrorCode, record.ErrorMessage),
			nil,
			stemflow.ErrorDetails{ProviderCode: record.ErrorCode, ProviderMessage: record.ErrorMessage},
			activityapi.SeparationRecord{Owner: out.Owner},
		)
	case record.State == kie.Pending:
		if in.ReportPending {
			return &activityapi.SeparationRecord{Pending: true, CreatedAt: record.CreatedAt}, nil
		}
		return nil, stillPending(ctx, record)
	case len(record.Stems) == 0 && in.ReportPending:
		return &activityapi.SeparationRecord{Pending: true, CreatedAt: record.CreatedAt}, nil
	case len(record.Stems) == 0, in.EmptyLooks > 0:
		return a.whole(ctx, in, record, out)
	}
	// CALLBACK_EXCEPTION says that the provider's webhook could not be delivered, and nothing about
	// the stems that are there.
	return out, nil
}

// mostStems bounds the texts of a record's stems, in bytes: twelve links take some kilobytes. As
// JSON, where a character may become six, Temporal still takes them.
const mostStems = 256 << 10

func stemsSize(record *kie.Record) int {
	size := len(record.OriginURL)
	for _, stem := range record.Stems {
		size += len(stem.Name) + len(stem.URL) + len(stem.SourceID)
	}
	for _, name := range record.Announced {
		size += len(name)
	}
	return size
}

// checkOwner demands what the input demands about whose separation it is. The callback URL that the
// record echoes carries our token: it proves the run, and goes no further than here.
func (a *GetSeparationRecord) checkOwner(
	ctx context.Context,
	in activityapi.GetSeparationRecordInput,
	record *kie.Record,
) error {
	info := activity.GetInfo(ctx)
	owner := cmp.Or(in.Owner, info.WorkflowExecution.RunID)
	if in.RequireOwn && !a.Callback.Names(record.CallbackURL, info.Namespace, info.WorkflowExecution.ID, owner) {
		return final(activityapi.ActivityErrorNotOwn, "this run did not submit "+in.SeparationTaskID, nil)
	}
	if in.Track == nil {
		return nil
	}
	// What the record names as track where the provider has not made it is not documented.
	if record.AudioID != "" && record.AudioID != in.Track.AudioID && !in.Track.IsSong() {
		return final(
			stemflow.ErrorInvalidInput,
			fmt.Sprintf("%s: %s is a %s of track %s, not of audioId %s",
				a.task().Field, in.SeparationTaskID, a.task().Name, record.AudioID, in.Track.AudioID),
			nil,
		)
	}
	if claims, ours := a.Callback.minted(record.CallbackURL); ours && isOtherSong(claims.Track, *in.Track) {
		return final(
			stemflow.ErrorInvalidInput,
			fmt.Sprintf("%s: %s is a %s of the song with the SHA-256 %s, not of this one, which has %s",
				a.task().Field, in.SeparationTaskID, a.task().Name, claims.Track.AudioID, in.Track.AudioID),
			nil,
		)
	}
	if stem, ok := misfit(*in.Track, record.Stems); ok {
		return final(
			stemflow.ErrorInvalidInput,
			fmt.Sprintf(a.task().Field+": %s has a stem %s, so it is no %s of %q; "+
				"give the type and stemName that were paid for", in.SeparationTaskID, stem,
				in.Track.Type, in.Track.StemName),
			nil,
		)
	}
	return nil
}

// isOtherSong reports whether two songs of one's own have another content. Of one that is known by
// its address nobody can say.
func isOtherSong(submitted, asked stemflow.Track) bool {
	return submitted.TaskID == stemflow.TaskSHA256 && asked.TaskID == stemflow.TaskSHA256 &&
		submitted.AudioID != asked.AudioID
}

// misfit finds the stem that shows that a separation is of another type than the track's. The
// record does not say the type. A name that no document knows shows nothing: the provider adds
// stems.
func misfit(track stemflow.Track, stems []stemflow.SourceStem) (name string, found bool) {
	if len(stems) == 0 {
		return "", false
	}
	expected := stemflow.ExpectedStems(track.Type, track.StemName)
	// Of the other types a record may show a stem first that no document knows.
	some := track.Type != stemflow.SplitStemAdvanced
	for _, stem := range stems {
		switch {
		case isOneOf(expected, stem.Name):
			some = true
		case isOfOtherType(stem.Name):
			return stem.Name, true
		}
	}
	return stems[0].Name, !some
}

// isOneOf reports whether a name is one of the expected, or a further candidate of one.
func isOneOf(expected []string, name string) bool {
	return slices.ContainsFunc(expected, func(e string) bool { return name == e || strings.HasPrefix(name, e+"-") })
}

// isOfOtherType reports whether a stem that was not expected is one that the documents know.
func isOfOtherType(name string) bool {
	return strings.HasSuffix(name, "_removed") ||
		isOneOf(stemflow.ExpectedStems(stemflow.SeparateVocal, ""), name) ||
		isOneOf(stemflow.ExpectedStems(stemflow.SplitStem, ""), name)
}

// looks are how often a record was found that is done and lacks links, and how often in a row none
// was found. They are kept in the heartbeat details, which outlive the attempt. A time alone would
// prove nothing, since a worker may be away for any time.
type looks struct {
	Empty  int `json:"empty,omitempty"`
	Absent int `json:"absent,omitempty"`
	// EmptySince is when the first of the Empty looks was.
	EmptySince time.Time `json:"emptySince,omitzero"`
	// Seen are the stems that the record had a link for at one of them.
	Seen []stemflow.SourceStem `json:"seen,omitempty"`
	// Undecoded counts how often the result of an awaited run was not decoded.
	Undecoded int `json:"undecoded,omitempty"`
}

func looksSoFar(ctx context.Context) looks {
	var l looks
	_ = activity.GetHeartbeatDetails(ctx, &l) // there are none at the first look
	return l
}

// noRecord: the provider may not know the separation yet, or no longer.
func noRecord(ctx context.Context, in activityapi.GetSeparationRecordInput) error {
	if in.AbsentLooks > 0 {
		l := looksSoFar(ctx)
		l.Absent++
		activity.RecordHeartbeat(ctx, l)
		if l.Absent >= in.AbsentLooks {
			return final(
				stemflow.ErrorSourceExpired,
				fmt.Sprintf("the provider had no record of %s at %d looks in a row",
					in.SeparationTaskID, l.Absent),
				nil,
			)
		}
	}
	return noRecordYet(in.SeparationTaskID)
}

// stillPending: the provider knows the separation, so the looks that did not find it are forgotten.
func stillPending(ctx context.Context, record *kie.Record) error {
	if l := looksSoFar(ctx); l.Absent > 0 {
		l.Absent = 0
		activity.RecordHeartbeat(ctx, l)
	}
	return expected(activityapi.ActivityErrorPending, "the provider is still at work: "+record.Flag)
}

// whole answers with a record that is done once it has all that is expected. Links have been seen
// to follow late, so one that lacks some, or all, is looked at again, and believed after so many
// looks and so much time. A stem that it once had a link for counts as lacking when the link is
// gone; where it stays so the link that it had is returned.
func (a *GetSeparationRecord) whole(
	ctx context.Context,
	in activityapi.GetSeparationRecordInput,
	record *kie.Record,
	out *activityapi.SeparationRecord,
) (*activityapi.SeparationRecord, error) {
	l := looksSoFar(ctx)
	expected := in.Expected
	for _, stem := range l.Seen {
		if !slices.Contains(expected.Required, stem.Name) {
			expected.Required = append(slices.Clone(expected.Required), stem.Name)
		}
	}
	required, possible := expected.Lacking(out.Stems, out.Announced)
	lacking := slices.Concat(required, possible)
	if len(out.Stems) > 0 && len(lacking) == 0 {
		return out, nil
	}

	l.Absent = 0
	l.Empty++
	if l.EmptySince.IsZero() {
		l.EmptySince = time.Now()
	}
	l.Seen = activityapi.AddStems(out.Stems, l.Seen)
	activity.RecordHeartbeat(ctx, l)
	enough, pause := in.EmptyFor, in.EmptyPause
	if len(out.Stems) > 0 && len(required) == 0 {
		enough, pause = cmp.Or(in.PossibleFor, enough), cmp.Or(in.PossiblePause, pause)
	}
	if in.EmptyLooks == 0 || l.Empty < in.EmptyLooks || time.Since(l.EmptySince) < time.Duration(enough) {
		return nil, a.noLinks(record, out, lacking, time.Duration(pause))
	}
	if len(l.Seen) > 0 {
		out.Stems, out.Believed = l.Seen, true
		return out, nil
	}
	if record.State == kie.CallbackException {
		return nil, final(a.task().Failed, "the provider reports "+record.Flag+" and made no "+a.task().Part+"; "+
			"start the track again to pay for another try", nil,
			stemflow.ErrorDetails{ProviderCode: record.ErrorCode, ProviderMessage: record.ErrorMessage})
	}
	return nil, final(
		a.task().Empty,
		"the provider reports success and serves no "+a.task().Part+"; start the track again later "+
			"to look once more, unpaid; only if there is still none, start it with force, which pays for "+
			"another try",
		nil,
	)
}

// noLinks: the record is looked at again. Where it has some stems they are the error's detail.
func (a *GetSeparationRecord) noLinks(
	record *kie.Record, partial *activityapi.SeparationRecord, lacking []string, pause time.Duration,
) error {
	options := temporal.ApplicationErrorOptions{
		Category: temporal.ApplicationErrorCategoryBenign, NextRetryDelay: pause,
	}
	message := "the provider reports " + record.Flag + " and serves no " + a.task().Part + " (yet)"
	if n := len(record.Stems); n > 0 {
		message = fmt.Sprintf("the provider reports %s and serves %d stems, without %s (yet)",
			record.Flag, n, strings.Join(lacking, ", "))
		options.Details = []any{partial}
	}
	return temporal.NewApplicationErrorWithOptions(message, activityapi.ActivityErrorNoLinks, options)
}
