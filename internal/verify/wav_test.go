package verify_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
)

// A WAV is checked as a separation is, beside those of the same music.
func TestWAVsAreChecked(t *testing.T) {
	f := newFixture(t)
	f.plant(stemflow.SeparateVocal, f.at)
	p := f.plant(stemflow.TypeWAV, f.at)
	result := f.check()
	require.Empty(t, result.findings)
	require.Equal(t, 3, result.counts.Stems)

	p.remove(p.loc.Bucket, p.manifest.Stems[0].Key)
	result = f.check()
	require.NotEmpty(t, result.findings)
	require.Equal(t, p.manifest.Stems[0].Key, result.findings[0].Key)
	require.Equal(t, p.id, result.findings[0].Resume, "a repair resumes it, unpaid")
	require.Equal(t, stemflow.TypeWAV, result.findings[0].Track.Type)
}
