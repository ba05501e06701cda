package trackstate

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/archive"
)

// documents are a store of texts by their keys.
type documents map[string]string

func (d documents) List(context.Context, string, string) ([]archive.Info, error) { return nil, nil }

func (d documents) ReadJSON(_ context.Context, _, key string, v any) (etag string, err error) {
	text, ok := d[key]
	if !ok {
		return "", archive.ErrNotFound
	}
	return "etag", json.Unmarshal([]byte(text), v)
}

// What stands where the ledger is, and does not say all that was paid for the track, is never taken
// for one that says so.
func TestLedgersThatCannotBeBelieved(t *testing.T) {
	track := stemflow.Track{
		TaskID:   "music",
		AudioID:  "audio",
		Type:     stemflow.SplitStemAdvanced,
		StemName: "Lead Vocal",
	}
	at := archive.Locate("bucket", "in/it", track)
	text, err := json.Marshal(stemflow.Submission{
		Version: 1, State: stemflow.SubmissionPaid, Track: track, SeparationTaskID: "separation", RunID: "run",
	})
	require.NoError(t, err)
	right := string(text)
	replaced := func(old, with string) string {
		require.Contains(t, right, old)
		return strings.Replace(right, old, with, 1)
	}
	earlier := strings.TrimSuffix(right, "}") + `,"earlier":[` + replaced(`"paid"`, `"Paid"`) + `]}`
	for name, document := range map[string]string{
		"an empty object":            `{}`,
		"null":                       `null`,
		"no entry":                   `{"revision":7}`,
		"entries behind none":        `{"earlier":[` + right + `]}`,
		"a state in other letters":   replaced(`"paid"`, `"PAID"`),
		"a state of a later release": replaced(`"paid"`, `"archived"`),
		"the version of a later one": replaced(`"version":1`, `"version":2`),
		"such an earlier entry":      earlier,
		"another audio":              replaced(`"audioId":"audio"`, `"audioId":"other"`),
		"another task":               replaced(`"taskId":"music"`, `"taskId":"usic"`),
		"another instrument":         replaced(`Lead Vocal`, `Bass`),
		"another type":               replaced(`split_stem_advanced`, `split_stem`),
	} {
		for _, key := range []string{archive.SubmissionKey(at), archive.SubmissionKey(archive.Locate("bucket", "", track))} {
			_, _, err := ReadLedger(t.Context(), documents{key: document}, archive.Locate("bucket", "", track), at)
			require.ErrorIs(t, err, archive.ErrCorrupt, "%s: %s", name, document)
		}
	}
	for name, document := range map[string]string{
		"as it was written":       right,
		"other letters of a slug": replaced(`Lead Vocal`, `lead-vocal`),
		"without a track":         `{"version":1,"state":"paid","separationTaskId":"separation","runId":"run"}`,
	} {
		l, etag, err := ReadLedger(t.Context(), documents{archive.SubmissionKey(at): document}, at, at)
		require.NoError(t, err, name)
		require.Equal(t, "etag", etag)
		paid, ok := l.Paid()
		require.True(t, ok)
		require.Equal(t, "separation", paid.SeparationTaskID)
	}
	account := archive.Locate("bucket", "", track)
	both := documents{archive.SubmissionKey(account): right, archive.SubmissionKey(at): `{}`}
	l, _, err := ReadLedger(t.Context(), both, account, at)
	require.NoError(t, err, "a copy that says nothing takes nothing away")
	require.Equal(t, "separation", l.SeparationTaskID)
	both[archive.SubmissionKey(at)] = replaced(`"paid"`, `"PAID"`)
	_, _, err = ReadLedger(t.Context(), both, account, at)
	require.ErrorIs(t, err, archive.ErrCorrupt, "one that cannot be read may say more")
	other := strings.NewReplacer(`"separation"`, `"other"`, `"run"`, `"another"`)
	both[archive.SubmissionKey(at)] = other.Replace(right)
	l, _, err = ReadLedger(t.Context(), both, account, at)
	require.NoError(t, err)
	require.Len(t, l.Entries(), 2, "what an earlier release paid for counts")
	none, etag, err := ReadLedger(t.Context(), documents{}, at, at)
	require.NoError(t, err)
	require.Empty(t, etag)
	require.Empty(t, none.State)
}
