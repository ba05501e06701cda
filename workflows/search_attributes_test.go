package workflows_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"stemflow"
	"stemflow/internal/activityapi"
)

func TestSearchAttributesThatTheNamespaceKnows(t *testing.T) {
	all := stemflow.SearchAttributes()
	// With the track is set what is known before it is paid for.
	track := append(slices.Clone(all[:3]), stemflow.SearchAttributeTitle)
	some := []string{stemflow.SearchAttributeType, stemflow.SearchAttributeSettledBy}
	for name, c := range map[string]struct {
		// prepared are known when the run is prepared, and later each time that one is to be set.
		prepared []string
		later    [][]string
		fails    bool
		want     []string
	}{
		"all":                    {prepared: all, later: [][]string{all, all, all}, want: all},
		"some":                   {prepared: some, later: [][]string{some, some, some}, want: some},
		"none":                   {},
		"all are taken away":     {prepared: all, later: [][]string{all, nil, nil}, want: track},
		"all from the beginning": {prepared: all, later: [][]string{nil, nil, nil}},
		"one is taken away": {
			prepared: all, later: [][]string{all, some, some},
			want: append(slices.Clone(track), stemflow.SearchAttributeSettledBy),
		},
		"some come later": {prepared: some, later: [][]string{all, all, all}, want: some},
		"nobody says":     {prepared: all, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t)
			prepare := w.prepare
			w.prepare = func(in activityapi.PrepareArchiveInput) (*activityapi.PreparedArchive, error) {
				prepared, err := prepare(in)
				prepared.SearchAttributes = c.prepared
				return prepared, err
			}
			asked := 0
			w.env.RegisterActivityWithOptions(func(context.Context) ([]string, error) {
				asked++
				if c.fails {
					return nil, errors.New("Temporal is away")
				}
				return c.later[asked-1], nil
			}, activity.RegisterOptions{Name: activityapi.ActivityListSearchAttributes})
			set := map[string]any{}
			w.env.OnUpsertTypedSearchAttributes(mock.Anything).Run(func(arguments mock.Arguments) {
				for key, value := range arguments.Get(0).(temporal.SearchAttributes).GetUntypedValues() {
					if key.GetName() != "TemporalChangeVersion" {
						set[key.GetName()] = value
					}
				}
			}).Return(nil)
			w.callbackAfter(time.Second, success(separationID))
			in := input()
			in.Title = "Größe"
			w.run(in)
			w.result()

			values := map[string]any{
				stemflow.SearchAttributeTaskID: "task", stemflow.SearchAttributeAudioID: "audio",
				stemflow.SearchAttributeType:             string(stemflow.SeparateVocal),
				stemflow.SearchAttributeSeparationTaskID: separationID,
				stemflow.SearchAttributeSettledBy:        string(stemflow.SettledByCallback),
				stemflow.SearchAttributeTitle:            "Größe",
			}
			want := map[string]any{}
			for _, name := range c.want {
				want[name] = values[name]
			}
			require.Equal(t, want, set)
			if c.prepared == nil {
				require.Zero(t, asked, "a namespace without them pays nothing for them")
			}
		})
	}
}
