package kie

// Price is what a separation of a type costs by the provider's documents, in credits; 0 for a type without one. A credit is 0.005 US dollars.
// What the account is charged may differ: https://kie.ai/pricing decides, and changes. No answer of the provider says it.
//
// Source: https://docs.kie.ai/suno-api/separate-vocals, as of August 2026.
func Price(kind string) float64 {
	switch kind {
	case "separate_vocal":
		return 10
	case "split_stem":
		return 50
	case "split_stem_advanced":
		return 20
	default:
		return 0
	}
}
