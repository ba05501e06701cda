package activities

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/kiesim"
)

// A record that is done without all that is expected is believed after looks and time, never after
// one of them alone.
func TestRecordThatLacksStemsIsLookedAtAgain(t *testing.T) {
	h := newHarness(t)
	id := h.paid(kiesim.Scenario{Outcome: kiesim.Outcome{EmptyStems: []string{"instrumental"}}})
	in := activityapi.GetSeparationRecordInput{
		SeparationTaskID: id, EmptyLooks: 3, EmptyFor: stemflow.Duration(time.Minute),
		EmptyPause: stemflow.Duration(7 * time.Second),
		Expected:   activityapi.StemExpectation{Required: []string{"vocals", "instrumental"}},
	}
	var kept *looks
	h.env.SetOnActivityHeartbeatListener(func(_ *activity.Info, details converter.EncodedValues) {
		kept = new(looks)
		require.NoError(t, details.Get(kept))
	})
	now := time.Now()
	for name, c := range map[string]struct {
		before   looks
		believed bool
	}{
		"the first look":                      {looks{}, false},
		"looks, and no time":                  {looks{Empty: 9, EmptySince: now.Add(-time.Second)}, false},
		"looks that did not keep their time":  {looks{Empty: 9}, false},
		"time, and no looks":                  {looks{Empty: 1, EmptySince: now.Add(-time.Hour)}, false},
		"a clock that was ahead":              {looks{Empty: 9, EmptySince: now.Add(time.Hour)}, false},
		"looks and time":                      {looks{Empty: 2, EmptySince: now.Add(-time.Minute)}, true},
		"after looks that did not find it":    {looks{Empty: 2, Absent: 7, EmptySince: now.Add(-time.Minute)}, true},
		"with links that are not there again": {looks{Empty: 2, EmptySince: now.Add(-time.Minute), Seen: links("brass")}, true},
	} {
		h.env.SetHeartbeatDetails(c.before)
		record, err := h.get(in)
		require.Equal(t, c.before.Empty+1, kept.Empty, name)
		require.Zero(t, kept.Absent, name)
		require.False(t, kept.EmptySince.IsZero(), name)
		if !c.believed {
			app := requireType(t, err, activityapi.ActivityErrorNoLinks)
			require.Equal(t, 7*time.Second, app.NextRetryDelay(), name)
			require.Contains(t, app.Message(), "without instrumental", name)
			var partial activityapi.SeparationRecord
			require.NoError(t, app.Details(&partial))
			require.Equal(t, "vocals", partial.Stems[0].Name)
			continue
		}
		require.NoError(t, err, name)
		require.True(t, record.Believed, name)
		require.Len(t, record.Stems, 1+len(c.before.Seen), name)
	}

	in.Expected.Required = []string{"vocals"}
	h.env.SetHeartbeatDetails(looks{})
	record, err := h.get(in)
	require.NoError(t, err, "it has all")
	require.False(t, record.Believed)

	in.EmptyLooks, in.Expected.Required = 0, []string{"instrumental"}
	record, err = h.get(in)
	require.NoError(t, err, "a single look decides")
	require.Len(t, record.Stems, 1)
}

// What the type may yield and the song need not have is awaited for a shorter time.
func TestRecordThatMayHaveMoreIsBelievedSooner(t *testing.T) {
	h := newHarness(t)
	id := h.paid(kiesim.Scenario{Outcome: kiesim.Outcome{EmptyStems: []string{"instrumental"}}})
	in := activityapi.GetSeparationRecordInput{
		SeparationTaskID: id, EmptyLooks: 3,
		EmptyFor: stemflow.Duration(time.Hour), EmptyPause: stemflow.Duration(7 * time.Second),
		PossibleFor: stemflow.Duration(time.Minute), PossiblePause: stemflow.Duration(3 * time.Second),
		Expected: activityapi.StemExpectation{Possible: []string{"vocals", "instrumental"}},
	}
	h.env.SetHeartbeatDetails(looks{Empty: 9, EmptySince: time.Now().Add(-time.Second)})
	_, err := h.get(in)
	require.Equal(t, 3*time.Second, requireType(t, err, activityapi.ActivityErrorNoLinks).NextRetryDelay())
	h.env.SetHeartbeatDetails(looks{Empty: 2, EmptySince: time.Now().Add(-time.Minute)})
	record, err := h.get(in)
	require.NoError(t, err)
	require.True(t, record.Believed)

	in.Expected.Required = []string{"instrumental"} // it was promised
	_, err = h.get(in)
	require.Equal(t, 7*time.Second, requireType(t, err, activityapi.ActivityErrorNoLinks).NextRetryDelay())
	in.Expected.Required, in.PossibleFor, in.PossiblePause = nil, 0, 0 // asked by an earlier release
	_, err = h.get(in)
	require.Equal(t, 7*time.Second, requireType(t, err, activityapi.ActivityErrorNoLinks).NextRetryDelay())
}

func links(names ...string) (stems []stemflow.SourceStem) {
	for _, name := range names {
		stems = append(stems, stemflow.SourceStem{Name: name, URL: "https://f/" + name})
	}
	return stems
}

// A record that has lost all its links gives what it had.
func TestRecordThatHasLostItsLinks(t *testing.T) {
	h := newHarness(t)
	in := activityapi.GetSeparationRecordInput{
		SeparationTaskID: h.paid(kiesim.Scenario{Outcome: kiesim.Outcome{Links: kiesim.LinksNull}}), EmptyLooks: 2,
	}
	h.env.SetHeartbeatDetails(looks{Empty: 1, EmptySince: time.Now(), Seen: links("vocals")})
	record, err := h.get(in)
	require.NoError(t, err)
	require.Equal(t, links("vocals"), record.Stems)
	require.True(t, record.Believed)
}

func TestPrepareFindsWhatMayBeCompleted(t *testing.T) {
	for name, c := range map[string]struct {
		missing []stemflow.MissingStem
		age     time.Duration
		spoil   func(*stemflow.Manifest)
		partial bool
		whole   bool
	}{
		"whole":                       {nil, time.Hour, nil, false, true},
		"missing":                     {[]stemflow.MissingStem{{Name: "bass"}}, time.Hour, nil, true, false},
		"missing for almost 14 days":  {[]stemflow.MissingStem{{Name: "bass"}}, 14*24*time.Hour - time.Hour, nil, true, false},
		"missing for over 14 days":    {[]stemflow.MissingStem{{Name: "bass"}}, 14*24*time.Hour + time.Hour, nil, false, true},
		"missing, and an object gone": {[]stemflow.MissingStem{{Name: "bass"}}, time.Hour, func(m *stemflow.Manifest) { m.Stems[0].Key += "x" }, false, false},
		"missing, and one failed":     {[]stemflow.MissingStem{{Name: "bass"}}, time.Hour, func(m *stemflow.Manifest) { m.Failed = []stemflow.FailedStem{{Name: "fx"}} }, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			key := archive.StemKey(h.loc, "sep", "drums", "mp3")
			h.write(key, "an object")
			info, err := h.store.Stat(t.Context(), h.loc.Bucket, key)
			require.NoError(t, err)
			m := stemflow.Manifest{Version: 1, SeparateStemsResult: stemflow.SeparateStemsResult{
				SeparationTaskID: "sep", Stems: []stemflow.Stem{{Name: "drums", Key: key, Size: info.Size}},
				Missing: c.missing, SettledAt: time.Now().Add(-c.age),
			}}
			if c.spoil != nil {
				c.spoil(&m)
			}
			h.write(archive.ManifestKey(h.loc), m)
			prepared, err := h.prepare()
			require.NoError(t, err)
			require.Equal(t, c.partial, prepared.Partial != nil)
			require.Equal(t, c.whole, prepared.Archived != nil)
		})
	}
}
