package stemflow

// CreditPrice is what a credit of the provider costs, in US dollars. Its packages may make it less.
//
// Source: https://kie.ai/pricing, as of August 2026.
const CreditPrice = 1.0 / creditsPerDollar // 0.005

const creditsPerDollar = 200

// Dollars returns what credits cost at [CreditPrice], in US dollars.
func Dollars(credits float64) float64 { return credits / creditsPerDollar }

// Price is what a separation of a type costs by the provider's documents, in credits of
// [CreditPrice]; 0 for a type without one. No answer of the provider says what one has cost, and
// what the account is charged may differ: https://kie.ai/pricing decides, and changes.
//
// Source: https://docs.kie.ai/suno-api/separate-vocals, as of August 2026.
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
