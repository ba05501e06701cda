package activityapi

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
)

func linked(names ...string) (stems []stemflow.SourceStem) {
	for _, name := range names {
		stems = append(stems, stemflow.SourceStem{Name: name, URL: "https://f/" + name})
	}
	return stems
}

func TestLackingStems(t *testing.T) {
	instruments := []string{"vocals", "drums", "bass"}
	for name, c := range map[string]struct {
		expected           StemExpectation
		has, announced     []string
		required, possible []string
	}{
		"nothing is expected":        {StemExpectation{}, []string{"vocals"}, []string{"kazoo"}, nil, nil},
		"two of two":                 {StemExpectation{Required: []string{"a", "b"}}, []string{"b", "a"}, nil, nil, nil},
		"one of two":                 {StemExpectation{Required: []string{"a", "b"}}, []string{"b"}, nil, []string{"a"}, nil},
		"possible":                   {StemExpectation{Possible: instruments}, []string{"drums"}, nil, nil, []string{"vocals", "bass"}},
		"required and possible":      {StemExpectation{Required: []string{"bass"}, Possible: instruments}, []string{"drums"}, nil, []string{"bass"}, []string{"vocals"}},
		"announced":                  {StemExpectation{Possible: instruments}, instruments, []string{"kazoo"}, nil, []string{"kazoo"}},
		"announced, of a fixed type": {StemExpectation{Required: instruments}, instruments, []string{"kazoo"}, nil, nil},
		"the callback agrees":        {StemExpectation{Required: []string{"bass"}, Possible: instruments, Named: []string{"bass"}}, []string{"bass"}, []string{"kazoo"}, nil, nil},
		"the callback has fewer":     {StemExpectation{Required: []string{"bass"}, Possible: instruments, Named: []string{"bass"}}, []string{"bass", "drums"}, nil, nil, []string{"vocals"}},
		"the callback has others":    {StemExpectation{Required: []string{"bass"}, Possible: instruments, Named: []string{"bass"}}, []string{"drums"}, nil, []string{"bass"}, []string{"vocals"}},
	} {
		required, possible := c.expected.Lacking(linked(c.has...), c.announced)
		require.Equal(t, c.required, required, name)
		require.Equal(t, c.possible, possible, name)
	}
}

// Whatever is expected and there: what was promised is there or lacking, and nothing is both.
func TestNothingThatWasPromisedIsForgotten(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	some := func() (names []string) {
		for i := range 8 {
			if random.IntN(2) == 0 {
				names = append(names, fmt.Sprint("stem", i))
			}
		}
		return names
	}
	for range 5000 {
		e := StemExpectation{Required: some(), Possible: some(), Named: some()}
		has, announced := some(), some()
		required, possible := e.Lacking(linked(has...), announced)
		for _, name := range e.Required {
			require.NotEqual(t, slices.Contains(has, name), slices.Contains(required, name))
		}
		for _, name := range slices.Concat(required, possible) {
			require.NotContains(t, has, name)
		}
		all := slices.Concat(required, possible)
		slices.Sort(all)
		require.Equal(t, all, slices.Compact(slices.Clone(all)))

		before := linked(has...)
		added := AddStems(before, linked(announced...))
		require.ElementsMatch(t, linked(has...), added[:len(has)])
		for _, name := range announced {
			require.True(t, HasStem(added, name))
		}
		OrderStems(added, e.Possible)
		require.Equal(t, linked(has...), before, "it shares no memory")
	}
}

func TestStemsAreAddedUpToWhatASeparationCanHave(t *testing.T) {
	var many []string
	for i := range 3 * stemflow.MaxStems {
		many = append(many, fmt.Sprint("stem", i))
	}
	require.Len(t, AddStems(linked("vocals"), linked(many...)), stemflow.MaxStems)
}
