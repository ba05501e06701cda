package stemflow

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Defaults and limits of the timings in [SeparateStemsInput].
const (
	DefaultCallbackGrace = Duration(3 * time.Minute)
	// DefaultPollInterval is the provider's own recommendation.
	DefaultPollInterval = Duration(30 * time.Second)
	DefaultDeadline     = Duration(45 * time.Minute)

	// MinPollInterval keeps a single run below the provider's limit on record look-ups (three a second for a task).
	MinPollInterval = Duration(time.Second)
	// MaxDeadline is as long as the provider keeps results.
	MaxDeadline = Duration(14 * 24 * time.Hour)
)

// SeparateStemsInput is the input of [WorkflowSeparateStems], as JSON as a person types it into the Temporal UI.
// Only TaskID and AudioID are required.
type SeparateStemsInput struct {
	// TaskID is the provider's id of the music task that made the track.
	TaskID string `json:"taskId"`
	// AudioID is the provider's id of the track.
	AudioID string `json:"audioId"`
	// Type is what to separate; empty is SeparateVocal, as with the provider.
	Type SeparationType `json:"type,omitempty"`
	// StemName is the instrument to extract, in the provider's spelling ("Lead Vocal"): required with, and only with,
	// SplitStemAdvanced.
	StemName string `json:"stemName,omitempty"`
	// SeparationTaskID is the id of a separation already paid for. With it the run never submits.
	SeparationTaskID string `json:"separationTaskId,omitempty"`
	// Bucket and Prefix say where to archive; empty is the worker's configuration.
	Bucket string `json:"bucket,omitempty"`
	Prefix string `json:"prefix,omitempty"`
	// CallbackGrace is how long the callback alone is waited for; polling begins after it. Default 3m.
	CallbackGrace Duration `json:"callbackGrace,omitempty"`
	// PollInterval is the pause between two polls. Default 30s.
	PollInterval Duration `json:"pollInterval,omitempty"`
	// Deadline is how long the provider may take, counted from its answer to the submit. Default 45m.
	Deadline Duration `json:"deadline,omitempty"`
	// Force pays again even if an archived result or a paid separation exists.
	Force bool `json:"force,omitempty"`
	// AllowPartial lets the run succeed when some stems could not be archived.
	AllowPartial bool `json:"allowPartial,omitempty"`

	// undecoded is what UnmarshalJSON could not take, for Validate to report.
	undecoded []string
}

// UnmarshalJSON never fails. Temporal drops unknown fields silently and reports a wrong type without naming the field, and
// encoding/json takes "audioID" for "audioId": here whatever does not decode exactly is kept for [SeparateStemsInput.Validate]
// to report, so that a run ends with InvalidInput before anything is paid.
func (in *SeparateStemsInput) UnmarshalJSON(data []byte) error {
	*in = SeparateStemsInput{}
	fields := map[string]any{
		"taskId": &in.TaskID, "audioId": &in.AudioID, "type": &in.Type, "stemName": &in.StemName,
		"separationTaskId": &in.SeparationTaskID, "bucket": &in.Bucket, "prefix": &in.Prefix,
		"callbackGrace": &in.CallbackGrace, "pollInterval": &in.PollInterval, "deadline": &in.Deadline,
		"force": &in.Force, "allowPartial": &in.AllowPartial,
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		in.undecoded = []string{`the input must be one JSON object, like {"taskId": "...", "audioId": "..."}`}
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		target, known := fields[name]
		if !known {
			in.undecoded = append(in.undecoded, unknownField(name, slices.Sorted(maps.Keys(fields))))
			continue
		}
		if bytes.Equal(raw[name], []byte("null")) {
			continue
		}
		if err := json.Unmarshal(raw[name], target); err != nil {
			in.undecoded = append(in.undecoded, name+": "+undecodable(target, raw[name], err))
		}
	}
	return nil
}

func unknownField(name string, known []string) string {
	for _, k := range known {
		if strings.EqualFold(k, name) || oneEditApart(strings.ToLower(k), strings.ToLower(name)) ||
			(len(name) >= 3 && strings.HasPrefix(strings.ToLower(k), strings.ToLower(name))) {
			return fmt.Sprintf("%s: no such field, did you mean %s?", name, k)
		}
	}
	return fmt.Sprintf("%s: no such field, known are %s", name, strings.Join(known, ", "))
}

// oneEditApart tells whether one inserted, dropped, changed or swapped letter makes a of b.
func oneEditApart(a, b string) bool {
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return len(a)+len(b) == 1 || len(a) == 1 && len(b) == 1 ||
		len(a) == 2 && len(b) == 2 && a[0] == b[1] && a[1] == b[0]
}

func undecodable(target any, value json.RawMessage, err error) string {
	switch target.(type) {
	case *Duration:
		return err.Error()
	case *bool:
		return fmt.Sprintf("%s is not a boolean, write true or false without quotes", value)
	default:
		return fmt.Sprintf("%s is not a string", value)
	}
}

// WithDefaults fills in the defaults that do not depend on the worker's configuration.
func (in SeparateStemsInput) WithDefaults() SeparateStemsInput {
	if in.Type == "" {
		in.Type = SeparateVocal
	}
	if in.CallbackGrace == 0 {
		in.CallbackGrace = DefaultCallbackGrace
	}
	if in.PollInterval == 0 {
		in.PollInterval = DefaultPollInterval
	}
	if in.Deadline == 0 {
		in.Deadline = DefaultDeadline
	}
	return in
}

// InputError lists all that is wrong with an input, each problem as "field: what is wrong and what to write instead".
type InputError struct{ Problems []string }

func (e *InputError) Error() string { return strings.Join(e.Problems, "; ") }

var (
	// idPattern is what ids look like that can stand in an object key and a workflow id. The provider's are hexadecimal or UUIDs.
	idPattern     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)
	bucketPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	ipv4Pattern   = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$`)
)

// Validate reports everything that is wrong with the input at once, as an [*InputError], or nil.
func (in SeparateStemsInput) Validate() error {
	problems := slices.Clone(in.undecoded)
	report := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	decoded := func(field string) bool {
		return !slices.ContainsFunc(in.undecoded, func(p string) bool { return strings.HasPrefix(p, field+":") })
	}
	checkID := func(field, value, meaning string) {
		if value == "" {
			if decoded(field) {
				report("%s: is required, give %s", field, meaning)
			}
		} else if !idPattern.MatchString(value) {
			report("%s: %q is not an id of the provider (letters, digits, '.', '_' and '-', at most 128)", field, value)
		}
	}
	checkID("taskId", in.TaskID, "the id of the music task that made the track")
	checkID("audioId", in.AudioID, "the id of the track within its music task")
	if in.SeparationTaskID != "" {
		checkID("separationTaskId", in.SeparationTaskID, "")
	}

	filled := in.WithDefaults()
	if !slices.Contains(SeparationTypes(), filled.Type) {
		report("type: %q is unknown, use %s, %s or %s", in.Type, SeparateVocal, SplitStem, SplitStemAdvanced)
	}
	switch {
	case filled.Type == SplitStemAdvanced && in.StemName == "" && decoded("stemName"):
		report("stemName: is required with type %s, give the instrument to extract, like \"Lead Vocal\"", SplitStemAdvanced)
	case filled.Type == SplitStemAdvanced && in.StemName != "" && (Slug(in.StemName) == "" || len(in.StemName) > 64):
		report("stemName: %q is no name of an instrument, give one in the provider's spelling, like \"Lead Vocal\"", in.StemName)
	case filled.Type != SplitStemAdvanced && in.StemName != "":
		report("stemName: goes only with type %s, leave it out or change the type", SplitStemAdvanced)
	}
	if in.SeparationTaskID != "" && in.Force {
		report("force: pays again and separationTaskId resumes what was paid, leave one of them out")
	}

	if in.Bucket != "" {
		if err := CheckBucketName(in.Bucket); err != nil {
			report("bucket: %v", err)
		}
	}
	if err := CheckPrefix(in.Prefix); err != nil {
		report("prefix: %v", err)
	}

	if filled.CallbackGrace < 0 {
		report("callbackGrace: %v is negative, give a duration like \"3m\"", in.CallbackGrace)
	}
	if filled.PollInterval < MinPollInterval {
		report("pollInterval: %v is too short for the provider's limits, give at least %v", in.PollInterval, MinPollInterval)
	}
	if filled.Deadline < filled.PollInterval || filled.Deadline > MaxDeadline {
		report("deadline: %v must be at least the poll interval (%v) and at most %v", in.Deadline, filled.PollInterval, MaxDeadline)
	}
	if len(problems) > 0 {
		return &InputError{Problems: problems}
	}
	return nil
}

// CheckBucketName tells what is wrong with a bucket's name by S3's rules, or nil.
func CheckBucketName(name string) error {
	if !bucketPattern.MatchString(name) || strings.Contains(name, "..") || ipv4Pattern.MatchString(name) {
		return fmt.Errorf("%q is not a bucket name: 3 to 63 lower-case letters, digits, '.' and '-', "+
			"a letter or digit at both ends, no IP address", name)
	}
	return nil
}

// CheckPrefix tells what is wrong with a key prefix, or nil. Slashes at the ends do not matter.
func CheckPrefix(prefix string) error {
	trimmed := strings.Trim(prefix, "/")
	if trimmed == "" {
		return nil
	}
	if len(trimmed) > 400 {
		return fmt.Errorf("is %d bytes long, at most 400 leave room for the rest of an object key", len(trimmed))
	}
	for part := range strings.SplitSeq(trimmed, "/") {
		if part == "" || part == "." || part == ".." || strings.ContainsFunc(part, func(r rune) bool {
			return r < ' ' || r == 0x7f || r == '\\' || r == 0xfffd
		}) {
			return fmt.Errorf("%q is not a key prefix: parts separated by single slashes, none of them '.' or '..', "+
				"no backslashes or control characters", prefix)
		}
	}
	return nil
}
