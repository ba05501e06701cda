package kie

import (
	"slices"
	"strings"

	"stemflow/internal/naming"
)

// stemOrder are the canonical names in the order in which stems are returned: the contract's for
// split_stem, with the two that are not of that type where they belong.
var stemOrder = []string{
	"vocals", "instrumental", "backing_vocals", "drums", "bass", "guitar", "piano", "keyboard",
	"percussion", "strings", "synth", "fx", "brass", "woodwinds",
}

// canonicalNames finds a canonical name by what is left of a provider's spelling without case and
// separators.
var canonicalNames = func() map[string]string {
	names := map[string]string{"vocal": "vocals", "backingvocal": "backing_vocals"}
	for _, name := range stemOrder {
		names[fold(name)] = name
	}
	return names
}()

// stemName makes the canonical name of a field ("backingVocals") or a group ("Backing Vocals"). A
// name that is not known passes through in the canonical spelling; one without a Latin letter or
// digit, or longer than any instrument's, is "stem".
func stemName(spelling string) string {
	name := naming.Slug(splitCamel(spelling))
	if canonical, ok := canonicalNames[fold(name)]; ok {
		return canonical
	}
	if name == "" || len(name) > maxStemName {
		return unnamed
	}
	return name
}

const (
	// unnamed is a stem whose name does not say which.
	unnamed = "stem"
	// maxStemName bounds a name, in bytes.
	maxStemName = 64
)

// splitCamel puts an underscore where a capital follows a small letter or a digit.
func splitCamel(s string) string {
	var b strings.Builder
	var last rune
	for _, r := range s {
		if 'A' <= r && r <= 'Z' && ('a' <= last && last <= 'z' || '0' <= last && last <= '9') {
			b.WriteByte('_')
		}
		b.WriteRune(r)
		last = r
	}
	return b.String()
}

// stemRank is the place of a name in stemOrder; names that are not known come last.
func stemRank(name string) int {
	if at := slices.Index(stemOrder, name); at >= 0 {
		return at
	}
	return len(stemOrder)
}
