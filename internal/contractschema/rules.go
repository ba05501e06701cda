package contractschema

import (
	"fmt"
	"math"
	"time"

	"stemflow"
	"stemflow/internal/naming"
)

// fieldRules are what Validate says of a field of an input by itself, by its name: it means the
// same in all inputs. A text that is empty, and null, are as if the field was left out.
var fieldRules = map[string]Schema{
	"taskId":           text(Schema{Pattern: naming.IDPattern}),
	"audioId":          text(Schema{Pattern: naming.IDPattern}),
	"separationTaskId": text(Schema{Pattern: naming.IDPattern}),
	"wavTaskId":        text(Schema{Pattern: naming.IDPattern}),
	"audioUrl": text(Schema{MaxLength: naming.MaxAddress, AnyOf: []Schema{
		{Pattern: naming.AddressPattern},
		{Pattern: naming.ObjectPattern, Not: &Schema{Pattern: naming.ObjectForbidden}},
	}}),
	"audioSha256": text(Schema{Pattern: naming.SHA256Pattern}),
	"type":        {Enum: separationTypes()},
	"stemName":    text(stemName),
	"stem":        text(Schema{Pattern: inSlug, MaxLength: naming.MaxStem}),
	"title":       {Type: orNull("string"), MaxLength: stemflow.MaxTitle},
	"bucket":      text(bucket),
	"prefix": {
		Type: orNull("string"), Pattern: fmt.Sprintf(`^/*[\s\S]{0,%d}/*$`, naming.MaxPrefix),
		Not: &Schema{Type: "string", Pattern: naming.PrefixForbidden},
	},
	"callbackGrace": duration(math.MaxInt64),
	"pollInterval": duration(
		stemflow.MaxDeadline,
		Schema{Pattern: shorterPattern(time.Duration(stemflow.MinPollInterval))},
	),
	"deadline":     duration(stemflow.MaxDeadline),
	"name":         text(Schema{Pattern: naming.IDPattern, MaxLength: naming.MaxCatalogName}),
	"window":       {Type: orNull("integer"), Minimum: new(int64(0)), Maximum: new(int64(stemflow.MaxWindow))},
	"creditBudget": {Type: orNull("integer"), Minimum: new(int64(0)), Maximum: new(int64(math.MaxInt64))},
	"tracks":       {Type: orNull("array"), MaxItems: stemflow.MaxInlineTracks, UniqueItems: true},
	"source": {
		Type: orNull("object"), AdditionalProperties: &never, AllOf: []Schema{given("key")},
		Properties: Properties{
			{"bucket", text(bucket)},
			{"key", Schema{Type: orNull("string"), MaxLength: naming.MaxKey}},
		},
	},
	"readData":  {Type: orNull("string"), Pattern: `^` + space + `*(?:` + samplePattern() + space + `*)?$`},
	"limitRate": text(Schema{Pattern: `^` + space + `*` + sizePattern() + space + `*$`}),
}

var (
	bucket   = Schema{Pattern: naming.BucketPattern, Not: &Schema{Pattern: naming.BucketForbidden}}
	stemName = Schema{Pattern: inSlug, MaxLength: naming.MaxStemName}
)

// fieldRule is what holds for a field of an input; it panics for one that has no rule, so that none
// is forgotten.
func fieldRule(name string) Schema {
	rule, ok := fieldRules[name]
	if !ok {
		panic("contractschema: no rule says what " + name + " may be")
	}
	return rule
}

func orNull(name string) []string { return []string{name, "null"} }

// text is a string that is empty or as rule says, or null.
func text(rule Schema) Schema {
	s := Schema{Type: orNull("string")}
	s.AnyOf = []Schema{rule, {Pattern: `^$`}} // validators report the first one first
	return s
}

func separationTypes() []any {
	var all []any
	for _, t := range stemflow.SeparationTypes() {
		all = append(all, t)
	}
	return append(all, "", nil)
}

// duration is a duration that is not negative and not longer than a limit, nor as any of these.
func duration(limit stemflow.Duration, unlike ...Schema) Schema {
	unlike = append([]Schema{{Pattern: negativePattern}, {Pattern: longerPattern(time.Duration(limit))}}, unlike...)
	return Schema{Type: orNull("string"), Pattern: durationPattern, Not: &Schema{Type: "string", AnyOf: unlike}}
}

// given holds where a field has a value.
func given(name string) Schema {
	return Schema{Required: []string{name}, Properties: Properties{{name, Schema{Type: "string", MinLength: 1}}}}
}

// stated holds where a field is there and not null, even if it is empty.
func stated(name string) Schema {
	return Schema{Required: []string{name}, Properties: Properties{{name, Schema{Not: &Schema{Type: "null"}}}}}
}

func is(name string, value any) Schema {
	return Schema{Required: []string{name}, Properties: Properties{{name, Schema{Const: value}}}}
}

func matches(name, pattern string) Schema {
	return Schema{Required: []string{name}, Properties: Properties{{name, Schema{Type: "string", Pattern: pattern}}}}
}

func not(s Schema) Schema { return Schema{Not: &s} }

func all(s ...Schema) Schema { return Schema{AllOf: s} }

func anyOf(s ...Schema) Schema { return Schema{AnyOf: s} }

func when(condition, then Schema) Schema { return Schema{If: &condition, Then: &then} }

var (
	isAdvanced = is("type", stemflow.SplitStemAdvanced)
	noStemName = not(given("stemName"))
)

// separation is what holds for an input that names a track: by its ids, or as a song of one's own.
func separation() []Schema {
	return append(track(),
		Schema{If: &isAdvanced, Then: new(given("stemName")), Else: &noStemName},
		timings(),
		deadlineAtAll(),
	)
}

// track is what names one.
func track() []Schema {
	return []Schema{
		{
			If:   new(given("audioUrl")),
			Then: new(not(anyOf(given("taskId"), given("audioId")))),
			Else: new(all(given("taskId"), given("audioId"), not(given("audioSha256")))),
		},
	}
}

// timings holds the one of two timings that is given against the default of the other.
func timings() Schema {
	return all(deadlineAlone(), pollIntervalAlone())
}

func deadlineAlone() Schema {
	return when(not(stated("pollInterval")),
		not(matches("deadline", shorterPattern(time.Duration(stemflow.DefaultPollInterval)))))
}

func pollIntervalAlone() Schema {
	return when(not(stated("deadline")),
		not(matches("pollInterval", longerPattern(time.Duration(stemflow.DefaultDeadline)))))
}

// deadlineAtAll holds a deadline against the shortest pause there may be.
func deadlineAtAll() Schema {
	return not(matches("deadline", shorterPattern(time.Duration(stemflow.MinPollInterval))))
}

// forceOrTask refuses to pay again for what the input says is paid for.
func forceOrTask(task string) Schema { return not(all(is("force", true), given(task))) }

// conversion is what holds for an input that names a track of the provider, and no song of one's
// own.
func conversion() []Schema {
	return []Schema{
		all(given("taskId"), given("audioId")),
		not(anyOf(is("taskId", stemflow.TaskURL), is("taskId", stemflow.TaskSHA256))),
		timings(),
		deadlineAtAll(),
		forceOrTask("wavTaskId"),
	}
}

// verification is what holds for a check: it may be of one track.
func verification() []Schema {
	return []Schema{
		when(anyOf(given("taskId"), given("audioId"), given("type"), given("stemName")),
			all(given("taskId"), given("audioId"))),
		{If: &isAdvanced, Then: new(given("stemName")), Else: &noStemName},
		when(given("limitRate"), matches("readData", `[^`+space[1:])),
	}
}

// catalog is what holds for a catalogue and its tracks, which take from it what they leave out.
func catalog() []Schema {
	hasTracks := Schema{
		Required:   []string{"tracks"},
		Properties: Properties{{"tracks", Schema{Type: "array", MinItems: 1}}},
	}
	rules := []Schema{
		{If: &hasTracks, Then: new(not(stated("source"))), Else: new(stated("source"))},
		timings(),
		deadlineAtAll(),
		when(is("forbidForce", true), all(not(is("force", true)), items(not(is("force", true))))),
		when(not(stated("pollInterval")), items(deadlineAlone())),
		when(not(stated("deadline")), items(pollIntervalAlone())),
	}
	// A track's type and the name of its instrument, each its own or the catalogue's.
	for _, advanced := range []bool{true, false} {
		for _, named := range []bool{true, false} {
			isSo, hasName := isAdvanced, given("stemName")
			trackIsSo := isAdvanced
			if advanced {
				trackIsSo = anyOf(isAdvanced, not(given("type")))
			} else {
				isSo = not(isSo)
			}
			trackHasName := given("stemName")
			if named {
				trackHasName = Schema{}
			} else {
				hasName = not(hasName)
			}
			rules = append(rules, when(all(isSo, hasName),
				items(Schema{If: &trackIsSo, Then: &trackHasName, Else: &noStemName})))
		}
	}
	return rules
}

// items is what holds for each track of a catalogue.
func items(rule Schema) Schema {
	return Schema{Properties: Properties{{"tracks", Schema{Items: &rule}}}}
}

// catalogTrack is a track of a catalogue.
func catalogTrack() []Schema {
	return append(track(), deadlineAtAll(), forceOrTask("separationTaskId"))
}
