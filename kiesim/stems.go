package kiesim

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"stemflow/internal/tune"
)

// Types of separation.
const (
	SeparateVocal     = "separate_vocal"
	SplitStem         = "split_stem"
	SplitStemAdvanced = "split_stem_advanced"
)

// instrument is a stem as the documents spell it.
type instrument struct {
	// name is ours, and that of the recording in package tune.
	name string
	// group is stem_type_group_name and the end of the file name.
	group string
	// recordKey and callbackKey hold its link.
	recordKey, callbackKey string
}

// instruments are all the documents know, in the order of the record. The two of
// split_stem_advanced have no key of their own and are called after the instrument that was asked
// for.
var instruments = []instrument{
	{"instrumental", "Instrumental", "instrumentalUrl", "instrumental_url"},
	{"vocals", "Vocals", "vocalUrl", "vocal_url"},
	{"backing_vocals", "Backing_Vocals", "backingVocalsUrl", "backing_vocals_url"},
	{"drums", "Drums", "drumsUrl", "drums_url"},
	{"bass", "Bass", "bassUrl", "bass_url"},
	{"guitar", "Guitar", "guitarUrl", "guitar_url"},
	{"piano", "Piano", "pianoUrl", ""},
	{"keyboard", "Keyboard", "keyboardUrl", "keyboard_url"},
	{"percussion", "Percussion", "percussionUrl", "percussion_url"},
	{"strings", "Strings", "stringsUrl", "strings_url"},
	{"synth", "Synth", "synthUrl", "synth_url"},
	{"fx", "FX", "fxUrl", "fx_url"},
	{"brass", "Brass", "brassUrl", "brass_url"},
	{"woodwinds", "Woodwinds", "woodwindsUrl", "woodwinds_url"},
	{WAV, "WAV", "", ""},
	{extract, "", "", ""},
	{remove, "", "", ""},
}

// The parts of split_stem_advanced.
const (
	extract = "extract"
	remove  = "remove"
)

// parts are the stems of each type, in the order of originData.
var parts = map[string][]string{
	SeparateVocal: {"vocals", "instrumental"},
	SplitStem: {
		"backing_vocals", "bass", "brass", "drums", "fx", "guitar", "keyboard", "percussion", "strings", "synth",
		"vocals", "woodwinds",
	},
	SplitStemAdvanced: {extract, remove},
	WAV:               {WAV},
}

// callbackKeys are the members of a callback's container, in their order.
var callbackKeys = map[string][]string{
	SeparateVocal: {"instrumental_url", "origin_url", "vocal_url"},
	SplitStem: {
		"origin_url", "backing_vocals_url", "bass_url", "brass_url", "drums_url", "fx_url", "guitar_url",
		"keyboard_url", "percussion_url", "strings_url", "synth_url", "vocal_url", "woodwinds_url",
	},
}

// stem is one result of a task and the file behind it.
type stem struct {
	instrument
	task *task
	id   string
	path string
	// empty stems have neither link nor file.
	empty     bool
	recording tune.Recording
	file      *file
}

// late reports whether the record does not show the stem's link yet.
func (s *stem) late(now time.Time) bool {
	outcome := s.task.scenario.Outcome
	return slices.Contains(outcome.LateStems, s.name) &&
		(outcome.LateBy == 0 || now.Sub(s.task.settled) < time.Duration(outcome.LateBy))
}

// link is the address of a stem at base. A link that was renewed differs from the one that had
// expired.
func (s *stem) link(base string) string { return base + s.path + s.file.versionQuery() }

// separate makes the stems of a task: one set for every candidate, the first set first.
func separate(t *task) []*stem {
	request, scenario := t.request, t.scenario
	var wanted []instrument
	for _, name := range parts[request.Type] {
		i := slices.IndexFunc(instruments, func(i instrument) bool { return i.name == name })
		part := instruments[i]
		if request.Type == SplitStemAdvanced {
			part.group = request.StemName
		}
		wanted = append(wanted, part)
	}
	if name := scenario.Outcome.ExtraStem; name != "" {
		wanted = append(wanted, instrument{name, strings.ToUpper(name[:1]) + name[1:], name + "Url", name + "_url"})
	}

	folder := "/s/"
	if request.Type == SplitStemAdvanced {
		folder = "/r/"
	}
	var stems []*stem
	for range max(1, scenario.Outcome.Candidates) {
		for _, part := range wanted {
			id := newFileID()
			settings, ok := scenario.Files[part.name]
			if !ok {
				settings = scenario.Files[AllStems]
			}
			stems = append(stems, &stem{
				instrument: part,
				task:       t,
				id:         id,
				path:       folder + fileName(id, part, scenario),
				empty:      slices.Contains(scenario.Outcome.EmptyStems, part.name),
				recording:  record(part.name, settings),
				file:       &file{settings: settings, expired: settings.Expired == ExpiredAtOnce},
			})
		}
	}
	return stems
}

// fileName is the last part of a link.
func fileName(id string, part instrument, scenario Scenario) string {
	if scenario.Outcome.OpaqueLinks {
		return newTaskID()
	}
	if part.name == WAV {
		return id + ".wav"
	}
	return id + "_" + part.group + ".mp3"
}

// record picks what a stem plays. Those that the tune has no recording of borrow one.
func record(name string, settings File) tune.Recording {
	if name == WAV && settings.Content != ContentMP3 {
		return settings.Content.put(wavFile(cmp.Or(settings.Size, defaultWAV)))
	}
	switch name {
	case extract:
		name = "vocals"
	case remove:
		name = "instrumental"
	}
	clip, ok := tune.Stem(name)
	if !ok {
		clip, _ = tune.Stem("synth")
	}
	if settings.Silent {
		clip = clip.Silenced()
	}
	playing := clip.Once()
	if settings.Size > 0 {
		playing = clip.Resize(settings.Size)
	}
	return settings.Content.put(playing)
}
