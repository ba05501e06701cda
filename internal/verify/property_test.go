package verify_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/allowed"
	"stemflow/internal/sample"
)

// Of any archive a check finds what is damaged, all of it and nothing else, whatever is beside it
// and however the check is cut into pages.
func TestTheDamageFoundIsTheDamageDone(t *testing.T) {
	f := newFixture(t)
	for round := range 12 {
		seed := rand.Uint64()
		t.Logf("round %d has seed %d", round, seed)
		f.randomArchive(rand.New(rand.NewPCG(seed, 0)), round)
	}
}

func (f *fixture) randomArchive(r *rand.Rand, round int) {
	own := *f
	root := string(rune('a'+round)) + "-archive"
	prefixes := []string{root, root + "/music", root + "/music/old", root + "/split_stem/x/split_stem"}
	own.at = allowed.PlaceOf(f.bucket, prefixes[r.IntN(len(prefixes))])
	own.ledger = own.at
	if r.IntN(2) == 0 {
		own.ledger = allowed.PlaceOf(f.bucket, root+"/ledgers")
	}
	own.options.At, own.options.Ledger = allowed.PlaceOf(f.bucket, root), own.ledger
	own.options.Homes = []allowed.Place{own.at}
	own.options.Read = sample.Sample{Share: 1}
	own.options.PageFolders = 1 + r.IntN(5)

	want := []found{}
	for range 6 + r.IntN(8) {
		at := own.at
		if r.IntN(3) == 0 {
			at = allowed.PlaceOf(f.bucket, prefixes[r.IntN(len(prefixes))])
		}
		p := own.plant(stemflow.SeparationTypes()[r.IntN(3)], at)
		apart := p.at != own.ledger
		switch r.IntN(3) {
		case 0:
			all := damages()
			if d := all[r.IntN(len(all))]; (!apart || !d.notApart) && (apart || !d.apart) {
				f.t.Logf("%s: %s", p.loc.Dir, d.name)
				want = append(want, d.do(p)...)
			}
		case 1:
			all := healthies()
			if h := all[r.IntN(len(all))]; apart || !h.apart {
				f.t.Logf("%s: %s", p.loc.Dir, h.name)
				h.do(p)
			}
		}
	}
	f.tracks = own.tracks
	require.Equal(f.t, sortFound(want), own.check().found())
}
