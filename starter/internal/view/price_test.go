package view

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
)

func TestAPriceFitsATerminal(t *testing.T) {
	const columns = 80
	budget, balance := 100_000, 1_234.5
	p := Price{
		Name: "june", Tracks: 9_980, Archived: 1_995, Paid: 1_995, InDoubt: 1_995, Unreadable: 1_995,
		Budget: &budget, Balance: &balance,
	}
	for range 1_000 {
		p.Add(stemflow.SplitStem)
		p.Add(stemflow.SeparateVocal)
	}
	var b strings.Builder
	p.Print(&b)
	for line := range strings.Lines(b.String()) {
		require.LessOrEqual(t, len(strings.TrimSuffix(line, "\n")), columns, line)
	}
	require.Contains(t, b.String(), "unreadable")
}
