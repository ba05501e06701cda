package kie

import (
	"encoding/json"
	"slices"

	"stemflow"
)

// Task is a kind of task that costs money: where it is submitted, what is sent, and what its record
// says. All else is the same for every kind.
type Task struct {
	// kinds are the types of a [GenerateRequest] that are of this kind; none: all that are of no
	// other.
	kinds []string
	// opSubmit and opRecord are the calls as errors name them.
	opSubmit, opRecord string
	// pathSubmit and pathRecord are the endpoints of this kind alone, and model is its name on the
	// jobs route.
	pathSubmit, pathRecord, model string
	// body and input are what the dedicated endpoint and the jobs route take.
	body, input func(GenerateRequest) any
	// once says that the provider makes one for each track, and refuses another under 409.
	once bool
	// localTimes says that the times of its records have no zone, and nobody knows which it is.
	localTimes bool
	// ownLinks reads links that are of this kind alone; nil: there are none.
	ownLinks func(object) []stemflow.SourceStem
}

// tasks are all kinds. The last is what nothing else is.
var tasks = []*Task{WAV, Separation}

// TaskOf is the kind of a type of task: Separation, where it is of no other kind.
func TaskOf(kind string) *Task {
	for _, t := range tasks {
		if slices.Contains(t.kinds, kind) {
			return t
		}
	}
	return Separation
}

// Separation is a separation of any type.
var Separation = &Task{
	opSubmit: opGenerate, opRecord: opRecord,
	pathSubmit: "/api/v1/vocal-removal/generate", pathRecord: "/api/v1/vocal-removal/record-info",
	model: "ai-music-api/separate-vocals",
	body: func(r GenerateRequest) any {
		return generateBody{
			TaskID: r.TaskID, AudioID: r.AudioID, AudioURL: r.AudioURL, CallbackURL: r.CallbackURL,
			Type: r.Type, StemName: r.StemName,
		}
	},
	input: func(r GenerateRequest) any {
		return jobInput{
			TaskID: r.TaskID, AudioID: r.AudioID, AudioURL: r.AudioURL, Type: r.Type, StemName: r.StemName,
		}
	},
}

// isSubmit reports whether a call is one that costs money.
func isSubmit(op string) bool {
	return slices.ContainsFunc(tasks, func(t *Task) bool { return t.opSubmit == op })
}

// links completes what the record of this kind has links for.
func (t *Task) links(data object, stems []stemflow.SourceStem) []stemflow.SourceStem {
	if t.ownLinks == nil {
		return stems
	}
	if own := t.ownLinks(data); len(own) > 0 {
		return own
	}
	return stems
}

// isOther reports whether a record says that it is of another kind. Of the jobs route alone, which
// has the records of all of them.
func (t *Task) isOther(model json.RawMessage) bool {
	name := text(model)
	return name != t.model && slices.ContainsFunc(tasks, func(o *Task) bool { return o.model == name })
}
