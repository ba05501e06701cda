package activityapi

import (
	"cmp"
	"slices"

	"stemflow"
)

// StemExpectation is what a separation must yield, as far as its run knows.
type StemExpectation struct {
	// Required are stems that were promised: by the type, by a callback that had a link, or by an
	// earlier look at the record.
	Required []string `json:"required,omitempty"`
	// Possible are those that the type may yield besides. A song need not have them.
	Possible []string `json:"possible,omitempty"`
	// Named are the stems that callbacks had links for. Where the record has links for exactly
	// these the provider has said twice what it made, and what is merely possible is not awaited.
	Named []string `json:"named,omitempty"`
}

// Lacking returns what a record's stems lack: what was promised, and what may follow. The record
// has announced names without a link for them; they may follow too, unless the type has just so
// many stems.
func (e StemExpectation) Lacking(stems []stemflow.SourceStem, announced []string) (required, possible []string) {
	for _, name := range e.Required {
		if !HasStem(stems, name) {
			required = append(required, name)
		}
	}
	if len(e.Possible) == 0 || e.agree(stems) {
		return required, nil
	}
	for _, name := range slices.Concat(e.Possible, announced) {
		if !HasStem(stems, name) && !slices.Contains(required, name) && !slices.Contains(possible, name) {
			possible = append(possible, name)
		}
	}
	return required, possible
}

// agree reports whether the record and the callbacks name the same stems.
func (e StemExpectation) agree(stems []stemflow.SourceStem) bool {
	return len(e.Named) > 0 && len(e.Named) == len(stems) &&
		!slices.ContainsFunc(e.Named, func(name string) bool { return !HasStem(stems, name) })
}

// HasStem reports whether a stem of this name is among the stems.
func HasStem(stems []stemflow.SourceStem, name string) bool {
	return slices.ContainsFunc(stems, func(s stemflow.SourceStem) bool { return s.Name == name })
}

// AddStems adds those of more that stems has not, up to as many as a separation can have. The
// result shares no memory with stems.
func AddStems(stems, more []stemflow.SourceStem) []stemflow.SourceStem {
	added := slices.Clone(stems)
	for _, stem := range more {
		if len(added) >= stemflow.MaxStems {
			break
		}
		if !HasStem(added, stem.Name) {
			added = append(added, stem)
		}
	}
	return added
}

// OrderStems puts stems in the order of the type's documents, and those that they do not know last.
func OrderStems(stems []stemflow.SourceStem, expected []string) {
	rank := func(s stemflow.SourceStem) int {
		if i := slices.Index(expected, s.Name); i >= 0 {
			return i
		}
		return len(expected)
	}
	slices.SortStableFunc(stems, func(a, b stemflow.SourceStem) int { return cmp.Compare(rank(a), rank(b)) })
}
