package workflows_test

import (
	"stemflow/internal/activityapi"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"stemflow"
)

func TestSearchAttributesThatTheNamespaceKnows(t *testing.T) {
	for name, registered := range map[string][]string{
		"all":  stemflow.SearchAttributes(),
		"some": {stemflow.SearchAttributeType, stemflow.SearchAttributeSettledBy},
		"none": nil,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			prepare := w.prepare
			w.prepare = func(in activityapi.PrepareArchiveInput) (*activityapi.PreparedArchive, error) {
				prepared, err := prepare(in)
				prepared.SearchAttributes = registered
				return prepared, err
			}
			set := map[string]any{}
			w.env.OnUpsertTypedSearchAttributes(mock.Anything).Run(func(arguments mock.Arguments) {
				for key, value := range arguments.Get(0).(temporal.SearchAttributes).GetUntypedValues() {
					set[key.GetName()] = value
				}
			}).Return(nil)
			w.callbackAfter(time.Second, success(separationID))
			w.run(input())
			w.result()

			all := map[string]any{
				stemflow.SearchAttributeTaskID: "task", stemflow.SearchAttributeAudioID: "audio",
				stemflow.SearchAttributeType:             string(stemflow.SeparateVocal),
				stemflow.SearchAttributeSeparationTaskID: separationID,
				stemflow.SearchAttributeSettledBy:        string(stemflow.SettledByCallback),
			}
			want := map[string]any{}
			for _, name := range registered {
				want[name] = all[name]
			}
			require.Equal(t, want, set)
		})
	}
}
