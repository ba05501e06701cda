package activities

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/internal/outcome"
)

// putText stores a text, such as a list of tracks.
func (w *world) putText(key, text string) {
	w.t.Helper()
	_, err := w.store.Put(w.t.Context(), w.loc.Bucket, key, "text/plain", strings.NewReader(text), int64(len(text)))
	require.NoError(w.t, err)
}

func (w *world) text(key string) string {
	w.t.Helper()
	body, _, err := w.store.Open(w.t.Context(), w.loc.Bucket, key)
	require.NoError(w.t, err)
	defer body.Close()
	text, err := io.ReadAll(body)
	require.NoError(w.t, err)
	return string(text)
}

func (w *world) prepareCatalog(in stemflow.SeparateCatalogInput) (*activityapi.PreparedCatalog, error) {
	return call[activityapi.PreparedCatalog](w, activityapi.ActivityPrepareCatalog, in)
}

// listed is an input whose source is a list with the given rows below a header.
func (w *world) listed(rows ...string) stemflow.SeparateCatalogInput {
	w.putText("lists/june.csv", "taskId,audioId,type\n"+strings.Join(rows, "\n"))
	return stemflow.SeparateCatalogInput{Source: &stemflow.ObjectRef{Key: "lists/june.csv"}}
}

func (w *world) readCatalog(prepared *activityapi.PreparedCatalog, offset int64) (*activityapi.CatalogPage, error) {
	return call[activityapi.CatalogPage](w, activityapi.ActivityReadCatalog, activityapi.ReadCatalogInput{
		Location: prepared.Location, ETag: prepared.ETag, Offset: offset,
	})
}

func TestCatalogIsKeptForTheRunAndReadInPages(t *testing.T) {
	const tracks = 2*activityapi.CatalogPageSize + 1
	var rows []string
	var inline []stemflow.SeparateStemsInput
	for i := range tracks {
		rows = append(rows, fmt.Sprintf("t,a%d,", i))
		inline = append(inline, stemflow.SeparateStemsInput{TaskID: "t", AudioID: fmt.Sprintf("a%d", i), Type: stemflow.SplitStem})
	}
	for name, prepare := range map[string]func(w *world) stemflow.SeparateCatalogInput{
		"a source": func(w *world) stemflow.SeparateCatalogInput {
			in := w.listed(rows...)
			in.Type = stemflow.SplitStem
			return in
		},
		"inline": func(*world) stemflow.SeparateCatalogInput {
			return stemflow.SeparateCatalogInput{Name: "june", Tracks: inline}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			in := prepare(w)
			prepared, err := w.prepareCatalog(in)
			require.NoError(t, err)
			require.Equal(t, tracks, prepared.Tracks)
			require.Equal(t, archive.LocateCatalog(w.loc.Bucket, "", "june", testRunID), prepared.Location)
			if in.Source != nil {
				w.putText(in.Source.Key, "changed")
			}
			var read []activityapi.CatalogTrack
			pages := 0
			for offset := int64(0); pages == 0 || offset > 0; pages++ {
				page, err := w.readCatalog(prepared, offset)
				require.NoError(t, err)
				require.LessOrEqual(t, len(page.Tracks), activityapi.CatalogPageSize)
				read, offset = append(read, page.Tracks...), page.Next
			}
			require.Equal(t, 3, pages)
			require.Len(t, read, tracks)
			for i, track := range read {
				require.Equal(t, i+1, track.Number)
				require.Equal(t, inline[i], track.Input)
				require.Nil(t, track.Found)
			}
		})
	}
}

func TestAWrongListIsRefusedAndNothingOfItKept(t *testing.T) {
	w := newWorld(t)
	_, err := w.prepareCatalog(w.listed("t,a,", "t,a,", "t,b,karaoke"))
	app := requireType(t, err, stemflow.ErrorInvalidInput)
	require.True(t, app.NonRetryable())
	require.Contains(t, app.Message(), "line 3: is the same separation as line 2, leave one of them out; line 4: type: \"karaoke\" is unknown")
	objects, err := w.store.List(t.Context(), w.loc.Bucket, "_catalogs/")
	require.NoError(t, err)
	require.Empty(t, objects)

	_, err = w.prepareCatalog(stemflow.SeparateCatalogInput{Source: &stemflow.ObjectRef{Key: "no/such.csv"}})
	app = requireType(t, err, stemflow.ErrorInvalidInput)
	require.Contains(t, app.Message(), "source: there is no object no/such.csv in bucket "+w.loc.Bucket)
}

func TestPrepareCatalogWithoutPermissionEndsAtOnce(t *testing.T) {
	w := newWorld(t)
	in := w.listed("t,a,")
	wrong := w.storeOptions
	wrong.SecretKey = "not-the-secret"
	store, err := archive.New(wrong)
	require.NoError(t, err)
	w.set.PrepareArchive.Store = store
	_, err = w.prepareCatalog(in)
	require.True(t, requireType(t, err, stemflow.ErrorArchiveUnavailable).NonRetryable())
}

// What is archived, and what is paid for, is known without a run.
func TestCatalogTellsWhatTheArchiveKnows(t *testing.T) {
	w := newWorld(t)
	at := func(audioID string) activityapi.Location {
		return archive.Locate(w.loc.Bucket, "", stemflow.Track{TaskID: "t", AudioID: audioID, Type: stemflow.SeparateVocal})
	}
	for _, audioID := range []string{"archived", "forced"} {
		key := archive.StemKey(at(audioID), "sep", "vocals", "mp3")
		w.write(key, "sound")
		info, err := w.store.Stat(t.Context(), w.loc.Bucket, key)
		require.NoError(t, err)
		w.write(archive.ManifestKey(at(audioID)), stemflow.Manifest{Version: 1, SeparateStemsResult: stemflow.SeparateStemsResult{
			SeparationTaskID: "sep", SettledBy: stemflow.SettledByCallback, Paid: true,
			Stems:    []stemflow.Stem{{Name: "vocals", Key: key, Size: info.Size}},
			Manifest: stemflow.ObjectRef{Bucket: w.loc.Bucket, Key: archive.ManifestKey(at(audioID))},
		}})
	}
	w.write(archive.SubmissionKey(at("paid")), stemflow.Submission{State: stemflow.SubmissionPaid, SeparationTaskID: "sep"})
	w.write(archive.SubmissionKey(at("refused")), stemflow.Submission{State: stemflow.SubmissionRefused})
	w.write(archive.SubmissionKey(at("corrupt")), "no ledger")
	w.putText("lists/june.jsonl", `{"taskId": "t", "audioId": "archived"}
{"taskId": "t", "audioId": "forced", "force": true}
{"taskId": "t", "audioId": "paid"}
{"taskId": "t", "audioId": "refused"}
{"taskId": "t", "audioId": "corrupt"}
{"taskId": "t", "audioId": "elsewhere", "bucket": "no-such-bucket-anywhere"}
{"taskId": "t", "audioId": "unknown"}`)
	prepared, err := w.prepareCatalog(stemflow.SeparateCatalogInput{Source: &stemflow.ObjectRef{Key: "lists/june.jsonl"}})
	require.NoError(t, err)
	page, err := w.readCatalog(prepared, 0)
	require.NoError(t, err)
	require.Zero(t, page.Next)
	found := map[string]activityapi.CatalogTrack{}
	for _, track := range page.Tracks {
		found[track.Input.AudioID] = track
	}
	require.Equal(t, &stemflow.TrackOutcome{
		Number: 1, Line: 1, TaskID: "t", AudioID: "archived", Type: stemflow.SeparateVocal, Status: stemflow.TrackFound,
		SeparationTaskID: "sep", SettledBy: stemflow.SettledByArchive, Stems: 1, Bytes: int64(len("\"sound\"\n")),
		Manifest: &stemflow.ObjectRef{Bucket: w.loc.Bucket, Key: archive.ManifestKey(at("archived"))},
	}, found["archived"].Found)
	require.Equal(t, "sep", found["paid"].Input.SeparationTaskID)
	for _, audioID := range []string{"forced", "paid", "refused", "corrupt", "elsewhere", "unknown"} {
		require.Nil(t, found[audioID].Found, audioID)
	}
	for _, audioID := range []string{"forced", "refused", "corrupt", "elsewhere", "unknown"} {
		require.Empty(t, found[audioID].Input.SeparationTaskID, audioID)
	}
}

func TestACatalogThatIsChangedUnderTheRunIsNotMixed(t *testing.T) {
	for name, spoil := range map[string]func(w *world, prepared *activityapi.PreparedCatalog){
		"changed": func(w *world, prepared *activityapi.PreparedCatalog) {
			w.putText(archive.CatalogTracksKey(prepared.Location), "x")
		},
		"gone": func(_ *world, prepared *activityapi.PreparedCatalog) { prepared.Location.Dir = "elsewhere/" },
		"no such list": func(w *world, prepared *activityapi.PreparedCatalog) {
			w.putText(archive.CatalogTracksKey(prepared.Location), "x\n")
			info, err := w.store.Stat(w.t.Context(), w.loc.Bucket, archive.CatalogTracksKey(prepared.Location))
			require.NoError(w.t, err)
			prepared.ETag = info.ETag
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			prepared, err := w.prepareCatalog(w.listed("t,a,"))
			require.NoError(t, err)
			spoil(w, prepared)
			_, err = w.readCatalog(prepared, 0)
			require.True(t, requireType(t, err, stemflow.ErrorArchiveUnavailable).NonRetryable())
		})
	}
}

func TestTheStoreIsWaitedForWhileReading(t *testing.T) {
	w := newWorld(t)
	prepared, err := w.prepareCatalog(w.listed("t,a,"))
	require.NoError(t, err)
	down := w.storeOptions
	down.Endpoint = "127.0.0.1:1"
	w.set.PrepareArchive.Store, err = archive.New(down)
	require.NoError(t, err)
	_, err = w.readCatalog(prepared, 0)
	require.False(t, requireType(t, err, stemflow.ErrorArchiveUnavailable).NonRetryable())
}

func TestBalance(t *testing.T) {
	answer := func(text string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) {
			require.Equal(t, "/api/v1/chat/credit", r.URL.Path)
			fmt.Fprint(w, text)
		}
	}
	for name, c := range map[string]struct {
		answer  string
		credits float64
		kind    string
		final   bool
	}{
		"a number":        {answer: `{"code":200,"msg":"success","data":5916.25}`, credits: 5916.25},
		"nothing is left": {answer: `{"code":402,"msg":"Credits insufficient","data":null}`},
		"a wrong key":     {answer: `{"code":401,"msg":"You do not have access permissions"}`, kind: stemflow.ErrorUnauthorized, final: true},
		"no such call":    {answer: `{"code":404,"msg":"not found"}`, kind: stemflow.ErrorProviderRejected, final: true},
		"maintenance":     {answer: `{"code":455,"msg":"maintenance"}`, kind: stemflow.ErrorProviderUnavailable},
		"a web page":      {answer: `<html>`, kind: stemflow.ErrorProviderUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			provider := httptest.NewServer(http.HandlerFunc(answer(c.answer)))
			defer provider.Close()
			w.use(provider.URL, "")
			balance, err := call[activityapi.Balance](w, activityapi.ActivityGetBalance, nil)
			if c.kind != "" {
				require.Equal(t, c.final, requireType(t, err, c.kind).NonRetryable())
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.credits, balance.Credits)
		})
	}
}

func trackOutcome(number int, status stemflow.TrackStatus) stemflow.TrackOutcome {
	o := outcome.OfTrack(activityapi.CatalogTrack{
		Number: number, Line: number + 1, Input: stemflow.SeparateStemsInput{TaskID: "t", AudioID: fmt.Sprintf("a%d", number)},
	}, status)
	if status == stemflow.TrackArchived {
		o.Manifest = &stemflow.ObjectRef{Bucket: "b", Key: fmt.Sprintf("t/a%d/manifest.json", number)}
		o.Credits, o.Stems, o.Bytes = 10, 2, 1000
	} else {
		o.Reason, o.Message = stemflow.ErrorSeparationFailed, "the provider said \"no\", <twice>\nand that was it"
	}
	return o
}

// Outcomes come in any order, some of them twice, and the report has each once, in the order of the list.
func TestTheReportHasEveryOutcomeOnceAndInOrder(t *testing.T) {
	w := newWorld(t)
	loc := archive.LocateCatalog(w.loc.Bucket, "p", "june", "run")
	record := func(outcomes ...stemflow.TrackOutcome) {
		_, err := call[struct{}](w, activityapi.ActivityRecordOutcomes, activityapi.RecordOutcomesInput{Location: loc, Outcomes: outcomes})
		require.NoError(t, err)
	}
	record(trackOutcome(101, stemflow.TrackArchived), trackOutcome(3, stemflow.TrackArchived), trackOutcome(1, stemflow.TrackFailed))
	record(trackOutcome(301, stemflow.TrackArchived), trackOutcome(2, stemflow.TrackArchived), trackOutcome(1, stemflow.TrackArchived))
	record(trackOutcome(301, stemflow.TrackArchived), trackOutcome(100, stemflow.TrackFailed))
	pages, err := w.store.List(t.Context(), loc.Bucket, loc.Dir)
	require.NoError(t, err)
	require.Len(t, pages, 3, "there is none of the third hundred")

	result := stemflow.SeparateCatalogResult{
		Name: "june", Tracks: 301, CatalogCounts: stemflow.CatalogCounts{Archived: 5, Failed: 1}, Credits: 50, StartedAt: time.Unix(1_800_000_000, 0).UTC(),
	}
	refs, err := call[stemflow.ReportRefs](w, activityapi.ActivityWriteCatalogReport, activityapi.WriteCatalogReportInput{Location: loc, Result: result})
	require.NoError(t, err)
	require.Equal(t, "p/_catalogs/june/run/report.json", refs.JSON.Key)

	var report stemflow.CatalogReport
	require.NoError(t, json.Unmarshal([]byte(w.text(refs.JSON.Key)), &report))
	result.Report = *refs
	require.Equal(t, stemflow.CatalogReport{Version: 1, SeparateCatalogResult: result, Outcomes: []stemflow.TrackOutcome{
		trackOutcome(1, stemflow.TrackArchived), trackOutcome(2, stemflow.TrackArchived), trackOutcome(3, stemflow.TrackArchived),
		trackOutcome(100, stemflow.TrackFailed), trackOutcome(101, stemflow.TrackArchived), trackOutcome(301, stemflow.TrackArchived),
	}}, report)

	rows, err := csv.NewReader(bytes.NewReader([]byte(w.text(refs.CSV.Key)))).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 7)
	require.Equal(t, reportColumns, rows[0])
	require.Equal(t, []string{"2", "t", "a1", "separate_vocal", "", "archived", "", "", "", "", "10", "false", "2", "1000", "b", "t/a1/manifest.json"}, rows[1])
	require.Equal(t, []string{"101", "t", "a100", "separate_vocal", "", "failed", "SeparationFailed",
		"the provider said \"no\", <twice>\nand that was it", "", "", "0", "false", "0", "0", "", ""}, rows[4])
}

func TestAReportOfNothing(t *testing.T) {
	w := newWorld(t)
	loc := archive.LocateCatalog(w.loc.Bucket, "", "june", "run")
	refs, err := call[stemflow.ReportRefs](w, activityapi.ActivityWriteCatalogReport, activityapi.WriteCatalogReportInput{
		Location: loc, Result: stemflow.SeparateCatalogResult{Tracks: 1000},
	})
	require.NoError(t, err)
	var report stemflow.CatalogReport
	require.NoError(t, json.Unmarshal([]byte(w.text(refs.JSON.Key)), &report))
	require.Empty(t, report.Outcomes)
	require.Equal(t, strings.Join(reportColumns, ",")+"\n", w.text(refs.CSV.Key))
}

func TestOutcomesThatCannotBeReadAreNotOverwritten(t *testing.T) {
	w := newWorld(t)
	loc := archive.LocateCatalog(w.loc.Bucket, "", "june", "run")
	w.putText(archive.CatalogOutcomesKey(loc, 1), "no outcomes")
	_, err := call[struct{}](w, activityapi.ActivityRecordOutcomes, activityapi.RecordOutcomesInput{
		Location: loc, Outcomes: []stemflow.TrackOutcome{trackOutcome(1, stemflow.TrackArchived)},
	})
	require.True(t, requireType(t, err, stemflow.ErrorArchiveUnavailable).NonRetryable())
	_, err = call[stemflow.ReportRefs](w, activityapi.ActivityWriteCatalogReport, activityapi.WriteCatalogReportInput{
		Location: loc, Result: stemflow.SeparateCatalogResult{Tracks: 1},
	})
	require.True(t, requireType(t, err, stemflow.ErrorArchiveUnavailable).NonRetryable())
}
