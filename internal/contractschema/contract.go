package contractschema

import (
	"reflect"

	"stemflow"
)

// The contract, as the schema has it. Types that these have fields of follow by themselves.
var (
	// inputs are held to the rules of their Validate.
	inputs = []reflect.Type{
		reflect.TypeFor[stemflow.SeparateStemsInput](),
		reflect.TypeFor[stemflow.SeparateCatalogInput](),
		reflect.TypeFor[stemflow.GenerateMIDIInput](),
		reflect.TypeFor[stemflow.ConvertToWAVInput](),
		reflect.TypeFor[stemflow.VerifyArchiveInput](),
	}
	// outputs are what stemflow writes. Later releases may add fields and values to them.
	outputs = []reflect.Type{
		reflect.TypeFor[stemflow.SeparateStemsResult](),
		reflect.TypeFor[stemflow.SeparateCatalogResult](),
		reflect.TypeFor[stemflow.GenerateMIDIResult](),
		reflect.TypeFor[stemflow.ConvertToWAVResult](),
		reflect.TypeFor[stemflow.VerifyArchiveResult](),
		reflect.TypeFor[stemflow.Progress](),
		reflect.TypeFor[stemflow.CatalogProgress](),
		reflect.TypeFor[stemflow.MIDIProgress](),
		reflect.TypeFor[stemflow.WAVProgress](),
		reflect.TypeFor[stemflow.PollNowResult](),
		reflect.TypeFor[stemflow.ErrorDetails](),
		reflect.TypeFor[stemflow.MIDIErrorDetails](),
		reflect.TypeFor[stemflow.WAVErrorDetails](),
		reflect.TypeFor[stemflow.Event](),
		reflect.TypeFor[stemflow.Manifest](),
		reflect.TypeFor[stemflow.CatalogReport](),
	}
)

// conditions are what a type's Validate says of several fields at once.
var conditions = map[reflect.Type][]Schema{
	reflect.TypeFor[stemflow.SeparateStemsInput]():   append(separation(), forceOrTask("separationTaskId")),
	reflect.TypeFor[stemflow.GenerateMIDIInput]():    separation(),
	reflect.TypeFor[stemflow.ConvertToWAVInput]():    conversion(),
	reflect.TypeFor[stemflow.SeparateCatalogInput](): catalog(),
	reflect.TypeFor[stemflow.VerifyArchiveInput]():   verification(),
}

// nullable are inputs of which nothing is required, so that null is one.
var nullable = map[reflect.Type]bool{reflect.TypeFor[stemflow.VerifyArchiveInput](): true}

// differences is what no schema can say, and Validate refuses all the same. The schema admits these
// inputs.
var differences = []string{
	"Prefixes and keys of objects are limited in bytes of UTF-8, and here in characters: letters that are not ASCII " +
		"take up more than one byte.",
	"Durations of several parts, like \"1h30m\", are not added up here, and fractions are not compared: the limits " +
		"of durations hold for one whole number and its unit.",
	"Where both pollInterval and deadline are given, they are not compared here.",
	"The tracks of a catalogue must be different separations. Here only equal objects are found.",
	"That n is at most t in a readData of \"n/t\" is not checked here.",
}
