package stemflow

import (
	"fmt"
	"slices"

	"stemflow/internal/bytesize"
	"stemflow/internal/naming"
	"stemflow/internal/sample"
)

// WorkflowVerifyArchive checks an archive: it takes a [VerifyArchiveInput] and returns a
// [VerifyArchiveResult]. Unless it is to repair, it changes nothing. A Temporal Schedule can run
// it.
const WorkflowVerifyArchive = "VerifyArchive"

// MaxListedFindings is how many findings a [VerifyArchiveResult] lists. All of them are counted.
const MaxListedFindings = 100

// VerifyArchiveInput is the input of [WorkflowVerifyArchive], as JSON as a person types it into the
// Temporal UI. Nothing is required: an empty input checks the worker's own archive.
type VerifyArchiveInput struct {
	// Bucket and Prefix say what to check; empty is the worker's configuration. The prefix "/" is
	// the whole bucket.
	Bucket string `json:"bucket,omitempty"`
	Prefix string `json:"prefix,omitempty"`
	// TaskID and AudioID, with Type and StemName as in [SeparateStemsInput], check one track alone.
	TaskID   string         `json:"taskId,omitempty"`
	AudioID  string         `json:"audioId,omitempty"`
	Type     SeparationType `json:"type,omitempty"`
	StemName string         `json:"stemName,omitempty"`
	// ReadData says which stems are read back and hashed: "all", a random share like "5%", the n-th
	// of t parts like "1/7", or a random part of a size like "10G". Empty is none: then only the
	// store's own word is taken.
	ReadData string `json:"readData,omitempty"`
	// LimitRate bounds how fast they are read, in bytes a second, like "10M". Empty is no bound.
	LimitRate string `json:"limitRate,omitempty"`
	// Deadline is the longest deadline that separations are given. Until it has passed, what is
	// paid for or intended is under way and no damage. Default: DefaultDeadline where Temporal can
	// be asked whether a run is still open, MaxDeadline where it cannot.
	Deadline Duration `json:"deadline,omitempty"`
	// Repair resumes what is paid for, and writes again what follows from something else. It never
	// pays.
	Repair bool `json:"repair,omitempty"`
	// FailOnDamage ends the run with ErrorArchiveDamaged when damage is left.
	FailOnDamage bool `json:"failOnDamage,omitempty"`

	// undecoded is what UnmarshalJSON could not take, for Validate to report.
	undecoded []InputProblem
}

// UnmarshalJSON never fails: see [SeparateStemsInput.UnmarshalJSON].
func (in *VerifyArchiveInput) UnmarshalJSON(data []byte) error {
	*in = VerifyArchiveInput{}
	_, in.undecoded = fieldsOf(in).decode(data, `{"prefix": "music", "readData": "5%"}`)
	return nil
}

// Track is the one track to check, with the defaults of what the input leaves out; ok is false if
// it names none.
func (in VerifyArchiveInput) Track() (t Track, ok bool) {
	if in.TaskID == "" && in.AudioID == "" {
		return Track{}, false
	}
	return in.separation().Track(), true
}

func (in VerifyArchiveInput) separation() SeparateStemsInput {
	return SeparateStemsInput{TaskID: in.TaskID, AudioID: in.AudioID, Type: in.Type, StemName: in.StemName}
}

// Validate reports everything that is wrong with the input, as an [*InputError], or nil.
func (in VerifyArchiveInput) Validate() error {
	problems := slices.Clone(in.undecoded)
	report := func(field, format string, args ...any) {
		problems = append(problems, InputProblem{Field: field, Message: fmt.Sprintf(format, args...)})
	}
	if _, ok := in.Track(); ok {
		of := in.separation()
		if of.Type == TypeWAV {
			of.Type = "" // it is checked as any other track
		}
		problems = append(problems, of.problemsBut(in.undecoded)...)
	} else if (in.Type != "" || in.StemName != "") && decoded(in.undecoded, "taskId") {
		report("taskId", "is required with type and stemName, which name a track: give it, or leave them out")
	}
	if in.Bucket != "" {
		if err := naming.CheckBucket(in.Bucket); err != nil {
			report("bucket", "%v", err)
		}
	}
	if err := naming.CheckPrefix(in.Prefix); err != nil {
		report("prefix", "%v", err)
	}
	part, err := sample.Parse(in.ReadData)
	if err != nil {
		report("readData", "%v", err)
	}
	if in.LimitRate != "" {
		if _, err := bytesize.Parse(in.LimitRate); err != nil {
			report("limitRate", "%v", err)
		}
		if err == nil && part.None() && decoded(problems, "readData") {
			report("limitRate", "goes only with readData, leave it out or say what to read")
		}
	}
	if in.Deadline < 0 || in.Deadline > MaxDeadline {
		report("deadline", "%v is not between 0 and %v, the longest that a separation may have",
			in.Deadline, MaxDeadline)
	}
	if len(problems) > 0 {
		return &InputError{Problems: problems}
	}
	return nil
}
