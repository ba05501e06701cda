package activities

import (
	"net/http"
	"net/http/httptest"
	"strings"
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

func (h *harness) get(in activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
	return call[activityapi.SeparationRecord](h, activityapi.ActivityGetSeparationRecord, in)
}

// paid submits with the given scenario and returns the separation's id.
func (h *harness) paid(scenario kiesim.Scenario) string {
	h.t.Helper()
	h.sim.SetScenario(h.track.AudioID, scenario)
	submitted, err := h.submit()
	require.NoError(h.t, err)
	return submitted.SeparationTaskID
}

func TestRecordWithStems(t *testing.T) {
	for name, scenario := range map[string]kiesim.Scenario{
		"success":                  {},
		"numeric strings as times": {Record: kiesim.Record{Times: kiesim.TimesNumericString}},
		"dates as times":           {Record: kiesim.Record{Times: kiesim.TimesDateTime}},
		"callback exception":       {Callback: kiesim.Callback{Lost: true, Exception: kiesim.ExceptionWithLinks}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			id := h.paid(scenario)
			var record *activityapi.SeparationRecord
			require.Eventually(t, func() bool {
				var err error
				record, err = h.get(activityapi.GetSeparationRecordInput{SeparationTaskID: id, RequireOwn: true})
				return err == nil
			}, time.Minute, 10*time.Millisecond)
			require.Equal(t, "vocals", record.Stems[0].Name)
			require.Len(t, record.Stems, 2)
			require.False(t, record.CreatedAt.IsZero())
			require.False(t, record.CompletedAt.Before(record.CreatedAt))
		})
	}
}

// The provider answers with the record of another task: nothing in it is believed.
func TestRecordOfAnotherTaskIsNotRead(t *testing.T) {
	for _, scenario := range []kiesim.Scenario{
		{Record: kiesim.Record{OtherTaskLooks: 1}},
		{Record: kiesim.Record{OtherTaskLooks: 1}, Outcome: kiesim.Outcome{Failure: &kiesim.Failure{}}},
		{Record: kiesim.Record{OtherTaskLooks: 1, State: kiesim.StateState, Links: kiesim.LinksDoubled}},
	} {
		h := newHarness(t)
		in := activityapi.GetSeparationRecordInput{SeparationTaskID: h.paid(scenario), RequireOwn: true, AbsentLooks: 1}
		_, err := h.get(in)
		require.False(t, requireType(t, err, activityapi.ActivityErrorUnreadable).NonRetryable())
		require.ErrorContains(t, err, "another task")
	}
}

// A stem that the provider adds later makes a separation no other one.
func TestNewStemsFitTheirType(t *testing.T) {
	for kind, stems := range map[stemflow.SeparationType]map[string]bool{
		stemflow.SeparateVocal: {
			"vocals": true, "vocals-2": true, "instrumental": true, "kazoo": true, "stem-2": true,
			"drums": false, "backing_vocals": false, "kazoo_removed": false,
		},
		stemflow.SplitStem: {"vocals": true, "drums": true, "kazoo": true, "instrumental": false, "kazoo_removed": false},
		stemflow.SplitStemAdvanced: {
			"lead_vocal": true, "lead_vocal_removed": true, "lead_vocal-2": true, "vocals": false, "kazoo": false,
		},
	} {
		for stem, want := range stems {
			track := stemflow.Track{Type: kind, StemName: "Lead Vocal"}
			_, wrong := misfit(track, []stemflow.SourceStem{{Name: stem}})
			require.Equal(t, want, !wrong, "%s of a %s", stem, kind)
		}
	}
}

func TestRecordThatIsNotReady(t *testing.T) {
	for name, c := range map[string]struct {
		scenario kiesim.Scenario
		want     string
	}{
		"pending":        {kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}}, activityapi.ActivityErrorPending},
		"unknown flag":   {kiesim.Scenario{Record: kiesim.Record{UnknownFlagLooks: 100}}, activityapi.ActivityErrorPending},
		"null":           {kiesim.Scenario{Record: kiesim.Record{NullLooks: 100}}, activityapi.ActivityErrorNoRecord},
		"no links":       {kiesim.Scenario{Outcome: kiesim.Outcome{Links: kiesim.LinksNull}}, activityapi.ActivityErrorNoLinks},
		"key refused":    {kiesim.Scenario{RecordInfo: kiesim.Fault{Answer: kiesim.AnswerRefuse, Code: 401}}, activityapi.ActivityErrorUnreadable},
		"provider fails": {kiesim.Scenario{RecordInfo: kiesim.Fault{Answer: kiesim.AnswerHTML}}, activityapi.ActivityErrorUnreadable},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			in := activityapi.GetSeparationRecordInput{SeparationTaskID: h.paid(c.scenario), EmptyLooks: 2}
			_, err := h.get(in)
			require.False(t, requireType(t, err, c.want).NonRetryable())
		})
	}
}

func TestPendingRecordIsAResultWhereAskedFor(t *testing.T) {
	for name, outcome := range map[string]kiesim.Outcome{"pending": {Pending: true}, "done without links": {Links: kiesim.LinksEmpty}} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			record, err := h.get(
				activityapi.GetSeparationRecordInput{
					SeparationTaskID: h.paid(kiesim.Scenario{Outcome: outcome}),
					ReportPending:    true,
				},
			)
			require.NoError(t, err)
			require.True(t, record.Pending)
		})
	}
}

func TestRecordWithoutStemsIsLookedAtAgain(t *testing.T) {
	for name, c := range map[string]struct {
		scenario kiesim.Scenario
		want     string
	}{
		"success":            {kiesim.Scenario{Outcome: kiesim.Outcome{Links: kiesim.LinksNull}}, stemflow.ErrorNoStems},
		"callback exception": {kiesim.Scenario{Callback: kiesim.Callback{Lost: true, Exception: kiesim.ExceptionWithoutLinks}}, stemflow.ErrorSeparationFailed},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			in := activityapi.GetSeparationRecordInput{SeparationTaskID: h.paid(c.scenario), EmptyLooks: 3}
			require.Eventually(t, func() bool {
				record, err := h.get(
					activityapi.GetSeparationRecordInput{SeparationTaskID: in.SeparationTaskID, ReportPending: true},
				)
				return err == nil && record.Pending
			}, time.Minute, 10*time.Millisecond)

			h.env.SetHeartbeatDetails(looks{Empty: 1})
			_, err := h.get(in)
			require.False(t, requireType(t, err, activityapi.ActivityErrorNoLinks).NonRetryable())

			h.env.SetHeartbeatDetails(looks{Empty: 2})
			_, err = h.get(in)
			require.True(t, requireType(t, err, c.want).NonRetryable())

			in.EmptyLooks = 0
			_, err = h.get(in)
			require.False(
				t,
				requireType(t, err, activityapi.ActivityErrorNoLinks).NonRetryable(),
				"it is not for this look to believe it",
			)
		})
	}
}

func TestFailedRecordCarriesTheProvidersWords(t *testing.T) {
	h := newHarness(t)
	id := h.paid(kiesim.Scenario{Outcome: kiesim.Outcome{Failure: &kiesim.Failure{Code: 531, Message: "refunded"}}})
	_, err := h.get(activityapi.GetSeparationRecordInput{SeparationTaskID: id})
	app := requireType(t, err, stemflow.ErrorSeparationFailed)
	var details stemflow.ErrorDetails
	require.NoError(t, app.Details(&details))
	require.Equal(t, stemflow.ErrorDetails{ProviderCode: 531, ProviderMessage: "refunded"}, details)
}

func TestRecordOfAnotherOwner(t *testing.T) {
	h := newHarness(t)
	id := h.paid(kiesim.Scenario{})
	h.use(h.providerURL, "") // what has no address of its own can prove nothing
	_, err := h.get(activityapi.GetSeparationRecordInput{SeparationTaskID: id, RequireOwn: true})
	require.True(t, requireType(t, err, activityapi.ActivityErrorNotOwn).NonRetryable())

	other := h.track
	other.AudioID = "another-track"
	_, err = h.get(activityapi.GetSeparationRecordInput{SeparationTaskID: id, Track: &other})
	require.Contains(t, requireType(t, err, stemflow.ErrorInvalidInput).Message(), h.track.AudioID)

	other = h.track
	other.Type = stemflow.SplitStem
	_, err = h.get(activityapi.GetSeparationRecordInput{SeparationTaskID: id, Track: &other})
	require.Contains(t, requireType(t, err, stemflow.ErrorInvalidInput).Message(), "instrumental")

	_, err = h.get(activityapi.GetSeparationRecordInput{SeparationTaskID: id, Track: &h.track})
	require.NoError(t, err)
}

// The provider's record says nothing of a song of one's own: the token in the callback address
// does.
func TestRecordOfAnotherSong(t *testing.T) {
	h := newHarness(t)
	song := stemflow.Track{
		TaskID: stemflow.TaskSHA256, AudioID: strings.Repeat("1", 64),
		Type: stemflow.SplitStemAdvanced, StemName: "Bass",
	}
	songs := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(songs.Close)
	submitted, err := h.submit(func(in *activityapi.SubmitSeparationInput) {
		in.Track, in.AudioURL, in.Location = song, songs.URL+"/1.mp3", archive.Locate(h.loc.Bucket, "", song)
	})
	require.NoError(t, err)
	for name, c := range map[string]struct {
		change  func(*stemflow.Track)
		another bool
	}{
		"the same":                     {func(*stemflow.Track) {}, false},
		"the same instrument":          {func(t *stemflow.Track) { t.StemName = "bass" }, false},
		"perhaps the same, by address": {func(t *stemflow.Track) { t.TaskID = stemflow.TaskURL }, false},
		"a track of the provider":      {func(t *stemflow.Track) { t.TaskID, t.AudioID = "task", "audio" }, true},
		"another song":                 {func(t *stemflow.Track) { t.AudioID = strings.Repeat("2", 64) }, true},
		"another instrument":           {func(t *stemflow.Track) { t.StemName = "Drums" }, true},
		"another type":                 {func(t *stemflow.Track) { t.Type, t.StemName = stemflow.SplitStem, "" }, true},
	} {
		t.Run(name, func(t *testing.T) {
			asked := song
			c.change(&asked)
			_, err := h.get(activityapi.GetSeparationRecordInput{
				SeparationTaskID: submitted.SeparationTaskID, Track: &asked, ReportPending: true,
			})
			if !c.another {
				require.NoError(t, err)
				return
			}
			require.Contains(t, requireType(t, err, stemflow.ErrorInvalidInput).Message(), "separationTaskId")
		})
	}
}

func TestRecordThatStaysAbsentIsGone(t *testing.T) {
	h := newHarness(t)
	in := activityapi.GetSeparationRecordInput{SeparationTaskID: "forgotten", AbsentLooks: 3}
	for _, c := range []struct {
		before looks
		final  bool
	}{
		{before: looks{}}, {before: looks{Absent: 1}}, {before: looks{Absent: 2},
			final: true}, {before: looks{Empty: 9}},
	} {
		h.env.SetHeartbeatDetails(c.before)
		_, err := h.get(in)
		if !c.final {
			require.False(t, requireType(t, err, activityapi.ActivityErrorNoRecord).NonRetryable())
			continue
		}
		require.True(t, requireType(t, err, stemflow.ErrorSourceExpired).NonRetryable())
	}

	h.env.SetHeartbeatDetails(looks{Absent: 100})
	in.AbsentLooks = 0
	_, err := h.get(in)
	app := requireType(t, err, activityapi.ActivityErrorNoRecord)
	require.False(t, app.NonRetryable(), "it is not for this look to believe it")
}

// Only looks in a row count: a record that was seen in between is not gone.
func TestRecordThatIsSeenEndsItsAbsence(t *testing.T) {
	h := newHarness(t)
	id := h.paid(kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}})
	var kept *looks
	h.env.SetOnActivityHeartbeatListener(func(_ *activity.Info, details converter.EncodedValues) {
		kept = new(looks)
		require.NoError(t, details.Get(kept))
	})
	h.env.SetHeartbeatDetails(looks{Empty: 1, Absent: 2})
	_, err := h.get(activityapi.GetSeparationRecordInput{SeparationTaskID: id, AbsentLooks: 3})
	requireType(t, err, activityapi.ActivityErrorPending)
	require.Equal(t, &looks{Empty: 1}, kept)
}

func TestStemsShowWhatTheyWereMadeBy(t *testing.T) {
	vocal := stemflow.Track{Type: stemflow.SeparateVocal}
	split := stemflow.Track{Type: stemflow.SplitStem}
	lead := stemflow.Track{Type: stemflow.SplitStemAdvanced, StemName: "Lead Vocal"}
	drums := stemflow.Track{Type: stemflow.SplitStemAdvanced, StemName: "Drums"}
	for name, c := range map[string]struct {
		track  stemflow.Track
		stems  []string
		misfit string
	}{
		"what it makes":                    {vocal, []string{"vocals", "instrumental"}, ""},
		"half of it":                       {vocal, []string{"instrumental"}, ""},
		"two candidates":                   {vocal, []string{"vocals", "vocals-2", "instrumental"}, ""},
		"a stem more":                      {vocal, []string{"kazoo", "vocals", "instrumental"}, ""},
		"only stems that nobody knows":     {vocal, []string{"kazoo"}, ""},
		"a split":                          {vocal, []string{"vocals", "drums"}, "drums"},
		"the removal of an instrument":     {vocal, []string{"vocals", "vocals_removed"}, "vocals_removed"},
		"a split with a stem more":         {split, []string{"drums", "kazoo"}, ""},
		"a split of unknown stems":         {split, []string{"kazoo"}, ""},
		"vocals alone for a split":         {split, []string{"vocals", "instrumental"}, "instrumental"},
		"a removal for a split":            {split, []string{"drums", "drums_removed"}, "drums_removed"},
		"an instrument":                    {lead, []string{"lead_vocal", "lead_vocal_removed"}, ""},
		"an instrument and a stem more":    {lead, []string{"lead_vocal", "kazoo"}, ""},
		"another instrument":               {lead, []string{"kick", "kick_removed"}, "kick_removed"},
		"another instrument, half of it":   {lead, []string{"kick"}, "kick"},
		"an instrument that a split makes": {drums, []string{"drums", "drums_removed"}, ""},
		"a split for an instrument":        {drums, []string{"drums", "bass"}, "bass"},
		"nothing yet":                      {vocal, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			stems := make([]stemflow.SourceStem, len(c.stems))
			for i, stem := range c.stems {
				stems[i].Name = stem
			}
			stem, found := misfit(c.track, stems)
			require.Equal(t, c.misfit != "", found)
			if found {
				require.Equal(t, c.misfit, stem)
			}
		})
	}
}
