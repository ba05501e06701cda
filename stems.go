package stemflow

import "stemflow/internal/naming"

// SeparationType is the provider's mode of separation.
type SeparationType string

const (
	// SeparateVocal yields two stems: vocals and instrumental.
	SeparateVocal SeparationType = "separate_vocal"
	// SplitStem yields up to twelve stems, one for each family of instruments.
	SplitStem SeparationType = "split_stem"
	// SplitStemAdvanced extracts the one instrument named by StemName and yields it and the rest.
	SplitStemAdvanced SeparationType = "split_stem_advanced"
)

// SeparationTypes are the types that stemflow knows, in the order of the provider's documents.
func SeparationTypes() []SeparationType {
	return []SeparationType{SeparateVocal, SplitStem, SplitStemAdvanced}
}

// MaxStems is more than any separation has: the provider's documents know fourteen names, and two
// candidates of each have been seen. A longer list is none of the provider's, so no record and no
// callback is read that has one.
const MaxStems = 32

// ExpectedStems are the canonical names of the stems that the provider documents for a type; for
// SplitStemAdvanced they follow from stemName. The provider may serve fewer (an instrument that
// does not play) and, later, more. For TypeWAV it is the one file that a conversion yields.
func ExpectedStems(t SeparationType, stemName string) []string {
	switch t {
	case SeparateVocal:
		return []string{"vocals", "instrumental"}
	case SplitStem:
		return []string{
			"vocals", "backing_vocals", "drums", "bass", "guitar", "keyboard",
			"percussion", "strings", "synth", "fx", "brass", "woodwinds",
		}
	case SplitStemAdvanced:
		return []string{naming.Slug(stemName), naming.Slug(stemName) + "_removed"}
	case TypeWAV:
		return []string{WAVName}
	default:
		return nil
	}
}
