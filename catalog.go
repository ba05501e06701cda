package stemflow

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"stemflow/internal/bounded"
	"stemflow/internal/naming"
)

// A catalogue is many tracks, separated as one run.
const (
	// WorkflowSeparateCatalog separates many tracks: it takes a [SeparateCatalogInput], starts a
	// [WorkflowSeparateStems] for each track that is not archived yet, a window of them at a time,
	// and returns a [SeparateCatalogResult]. That a track fails stops no other.
	WorkflowSeparateCatalog = "SeparateCatalog"

	// UpdatePause lets a catalogue start no more tracks; those under way go on. UpdateResume lets
	// it go on; after a pause that it made by itself one track is tried first, and no other is
	// started until it has succeeded. Both take no argument, do no harm when repeated, and answer
	// with a [CatalogProgress].
	UpdatePause  = "pause"
	UpdateResume = "resume"
	// UpdateSetWindow takes a number, how many tracks are under way at a time from now on, and
	// answers with a [CatalogProgress].
	UpdateSetWindow = "set-window"

	// QueryOutcomes answers with the outcomes that the catalogue has not put into the store yet, a
	// list of [TrackOutcome]: some hundred at most. All others are in the objects below
	// [CatalogProgress.Folder].
	QueryOutcomes = "outcomes"
)

// Defaults and limits of [SeparateCatalogInput].
const (
	// DefaultWindow is as many separations as the provider says to have room for at once.
	DefaultWindow = 100
	// MaxWindow keeps what a run hands on to its continuation small.
	MaxWindow = 250
	// MaxInlineTracks keeps the input far below what Temporal takes.
	MaxInlineTracks = 500
	// MaxCatalogTracks bounds the memory that it takes to find a track that is listed twice.
	MaxCatalogTracks = 1_000_000
)

// SeparateCatalogInput is the input of [WorkflowSeparateCatalog], as JSON as a person types it into
// the Temporal UI. Only Tracks or Source is required.
type SeparateCatalogInput struct {
	// Name is what the catalogue is called: it is in the workflow's id and in the keys of the
	// catalogue's objects. Default: the file's name in Source, without its ending.
	Name string `json:"name,omitempty"`
	// Tracks are the tracks, at most MaxInlineTracks. What one of them leaves out is as in the
	// fields below; decoding fills it in.
	Tracks []SeparateStemsInput `json:"tracks,omitempty"`
	// Source is, in place of Tracks, an object that lists them: as JSON lines, an object like a
	// [SeparateStemsInput] in each, or as CSV, whose first row names the fields. Without a bucket
	// it is in Bucket.
	Source *ObjectRef `json:"source,omitempty"`
	// Window is how many tracks are under way at a time. Default DefaultWindow.
	Window int `json:"window,omitempty"`
	// CreditBudget is how many of the provider's credits the run may spend, by the documented
	// prices: see [Price]. Nil is as many as the account has, 0 pays nothing and archives what is
	// paid for.
	CreditBudget *int `json:"creditBudget,omitempty"`

	// Bucket and Prefix say where the catalogue's own objects and the tracks that say nothing else
	// are archived; empty is the worker's configuration.
	Bucket string `json:"bucket,omitempty"`
	Prefix string `json:"prefix,omitempty"`
	// The others are for tracks that do not say otherwise, as in [SeparateStemsInput]. StemName
	// serves tracks of type SplitStemAdvanced only.
	Type          SeparationType `json:"type,omitempty"`
	StemName      string         `json:"stemName,omitempty"`
	CallbackGrace Duration       `json:"callbackGrace,omitempty"`
	PollInterval  Duration       `json:"pollInterval,omitempty"`
	Deadline      Duration       `json:"deadline,omitempty"`
	Force         bool           `json:"force,omitempty"`
	AllowPartial  bool           `json:"allowPartial,omitempty"`
	MIDI          bool           `json:"midi,omitempty"`
	// ForbidForce makes Force an error, of the catalogue and of every track in it: a list that
	// somebody else has written cannot pay again for what is paid for. The Nexus operation sets it
	// where the operator says so.
	ForbidForce bool `json:"forbidForce,omitempty"`

	// undecoded is what UnmarshalJSON could not take, for Validate to report.
	undecoded []InputProblem
}

const exampleTracks = "[" + exampleTrack + ", ...]"

// UnmarshalJSON never fails: see [SeparateStemsInput.UnmarshalJSON]. Tracks get what holds for all,
// which the input itself does not keep then.
func (in *SeparateCatalogInput) UnmarshalJSON(data []byte) error {
	*in = SeparateCatalogInput{}
	var tracks []json.RawMessage
	var source json.RawMessage
	targets := fieldsOf(in)
	targets["tracks"], targets["source"] = &tracks, &source // they have fields of their own
	_, in.undecoded = targets.decode(data, `{"tracks": `+exampleTracks+`} or {"source": {"key": "tracks.csv"}}`)
	if source != nil {
		in.Source = &ObjectRef{}
		given, problems := fieldsOf(in.Source).decode(source, "")
		if given == nil {
			problems = nil
			in.undecoded = append(in.undecoded,
				InputProblem{Field: "source", Message: `must be an object, like {"key": "tracks.csv"}`})
		}
		for _, p := range problems {
			p.Field = "source." + p.Field
			in.undecoded = append(in.undecoded, p)
		}
	}
	for _, track := range tracks {
		in.Tracks = append(in.Tracks, in.Track(track))
	}
	if len(tracks) > 0 && in.checkCommon() == nil {
		in.Type, in.StemName, in.CallbackGrace, in.PollInterval, in.Deadline = "", "", 0, 0, 0
		in.AllowPartial, in.MIDI = false, false
		in.Force = in.Force && in.ForbidForce // for Validate to report, though no track may come to it
	}
	return nil
}

// Track decodes a track from its JSON, laid over what the catalogue says for all. It never fails:
// [SeparateStemsInput.Validate] reports.
func (in SeparateCatalogInput) Track(data []byte) SeparateStemsInput {
	track := in.common()
	given := track.decode(data)
	if track.Type != SplitStemAdvanced && !given["stemName"] {
		track.StemName = ""
	}
	if given["separationTaskId"] && !given["force"] {
		track.Force = false // what is paid for is taken up
	}
	return track
}

// common is a track that says nothing for itself. Workflows call it, so it must do without
// reflection.
func (in SeparateCatalogInput) common() SeparateStemsInput {
	return SeparateStemsInput{
		Type: in.Type, StemName: in.StemName, Bucket: in.Bucket, Prefix: in.Prefix,
		CallbackGrace: in.CallbackGrace, PollInterval: in.PollInterval, Deadline: in.Deadline,
		Force: in.Force, AllowPartial: in.AllowPartial, MIDI: in.MIDI,
	}
}

// checkCommon reports what is wrong for all tracks.
func (in SeparateCatalogInput) checkCommon() error {
	track := in.common()
	track.TaskID, track.AudioID, track.StemName = "task", "audio", ""
	if track.Type == SplitStemAdvanced {
		track.StemName = "Lead Vocal"
	}
	if in.StemName != "" && slices.Contains(SeparationTypes(), track.WithDefaults().Type) {
		track.Type, track.StemName = SplitStemAdvanced, in.StemName // some tracks may be of this type
	}
	return track.Validate()
}

// WithDefaults fills in the defaults that do not depend on the worker's configuration.
func (in SeparateCatalogInput) WithDefaults() SeparateCatalogInput {
	if in.Window == 0 {
		in.Window = DefaultWindow
	}
	switch {
	case in.Name != "":
	case in.Source != nil:
		file := path.Base(in.Source.Key)
		in.Name = cmp.Or(catalogName(strings.TrimSuffix(file, path.Ext(file))), "catalog")
	default:
		sum := sha256.New()
		for _, track := range in.Tracks {
			sum.Write([]byte(WorkflowID(track) + "\n"))
		}
		in.Name = "inline-" + hex.EncodeToString(sum.Sum(nil))[:12]
	}
	return in
}

// catalogName makes a name of a file's.
func catalogName(file string) string {
	name := strings.Map(func(r rune) rune {
		if r < 0x80 && naming.IsID("a"+string(r)) {
			return r
		}
		return '_'
	}, file)
	name = strings.TrimLeft(name, "._-")
	return name[:min(len(name), naming.MaxCatalogName)]
}

// CatalogWorkflowID is the id under which a catalogue is started. Two starts of one catalogue under
// this id, with the conflict policy "use existing", join one run.
func CatalogWorkflowID(in SeparateCatalogInput) string { return "catalog:" + in.WithDefaults().Name }

// Validate reports everything that is wrong with the input, as an [*InputError], or nil. The run
// reports what is wrong with the tracks in Source, before anything is paid.
func (in SeparateCatalogInput) Validate() error {
	wrong := &InputError{}
	for _, p := range in.undecoded {
		wrong.Add(p)
	}
	report := func(field, format string, args ...any) {
		wrong.Add(InputProblem{Field: field, Message: fmt.Sprintf(format, args...)})
	}

	switch {
	case len(in.Tracks) > 0 && in.Source != nil:
		report("source", "names an object with the tracks, and tracks has them too: leave one of them out")
	case in.Source != nil:
		if in.Source.Key == "" && decoded(in.undecoded, "source") && decoded(in.undecoded, "source.key") {
			report("source.key", "is required, give the key of an object with the tracks, like \"tracks.csv\"")
		}
		if len(in.Source.Key) > naming.MaxKey {
			report("source.key", "is %d bytes long, and an object's key has %d at most", len(in.Source.Key),
				naming.MaxKey)
		}
		if in.Source.Bucket != "" {
			if err := naming.CheckBucket(in.Source.Bucket); err != nil {
				report("source.bucket", "%v", err)
			}
		}
	case len(in.Tracks) == 0 && len(in.undecoded) == 0:
		report("tracks", "is required, give the tracks, or in source an object that lists them")
	}
	if len(in.Tracks) > MaxInlineTracks {
		report(
			"tracks",
			"%d are too many for the input, which takes %d: put them into the bucket, as JSON lines or CSV, and "+
				"name the object in source",
			len(in.Tracks),
			MaxInlineTracks,
		)
	}
	if in.Name != "" && (!naming.IsID(in.Name) || len(in.Name) > naming.MaxCatalogName) {
		report(
			"name",
			"%s is no name for a catalogue: letters, digits, '.', '_' and '-', at most %d",
			bounded.Quote(in.Name),
			naming.MaxCatalogName,
		)
	}
	if in.Window < 0 || in.Window > MaxWindow {
		report("window", "%d is not between 1 and %d", in.Window, MaxWindow)
	}
	if in.CreditBudget != nil && *in.CreditBudget < 0 {
		report("creditBudget", "%d is negative; 0 pays nothing", *in.CreditBudget)
	}

	if in.ForbidForce && in.Force {
		wrong.Add(ForceForbidden())
	}
	if err, ok := in.checkCommon().(*InputError); ok {
		wrong.addAll("", err)
		return wrong // the tracks would only repeat it
	}
	in.checkTracks(wrong)
	if len(wrong.Problems) > 0 {
		return wrong
	}
	return nil
}

// ForceForbidden is the problem of Force where it is forbidden.
func ForceForbidden() InputProblem {
	return InputProblem{
		Field:   "force",
		Message: "is forbidden here, since it pays again for what is paid for: leave it out, which resumes that",
	}
}

func (in SeparateCatalogInput) checkTracks(wrong *InputError) {
	item := func(i int) string { return fmt.Sprintf("tracks[%d]", i) }
	first := map[string]int{}
	for i, track := range in.Tracks {
		if err, ok := track.Validate().(*InputError); ok {
			wrong.addAll(item(i), err)
			continue
		}
		if in.ForbidForce && track.Force {
			p := ForceForbidden()
			p.Item = item(i)
			wrong.Add(p)
			continue
		}
		id := WorkflowID(track)
		if earlier, twice := first[id]; twice {
			wrong.Add(InputProblem{
				Item:    item(i),
				Message: fmt.Sprintf("is the same separation as %s, leave one of them out", item(earlier)),
			})
			continue
		}
		first[id] = i
	}
}
