package stemflow

// Price is what the provider documents for a separation, in credits (https://kie.ai/pricing and the page of the API, as of 2026). It says
// neither with the submit nor in its record what one has cost. A type that is unknown has no price.
func Price(t SeparationType) int {
	switch t {
	case SeparateVocal:
		return 10
	case SplitStem:
		return 50
	case SplitStemAdvanced:
		return 20
	default:
		return 0
	}
}
