package activities

import (
	"bytes"
	"context"
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
	"stemflow/internal/allowed"
	"stemflow/internal/archive"
	"stemflow/internal/catalog"
	"stemflow/internal/outcome"
)

// putText stores a text, such as a list of tracks.
func (h *harness) putText(key, text string) {
	h.t.Helper()
	_, err := h.store.Put(h.t.Context(), h.loc.Bucket, key, "text/plain", strings.NewReader(text), int64(len(text)))
	require.NoError(h.t, err)
}

func (h *harness) text(key string) string {
	h.t.Helper()
	body, _, err := h.store.Open(h.t.Context(), h.loc.Bucket, key)
	require.NoError(h.t, err)
	defer body.Close()
	text, err := io.ReadAll(body)
	require.NoError(h.t, err)
	return string(text)
}

func (h *harness) prepareCatalog(in stemflow.SeparateCatalogInput) (*activityapi.PreparedCatalog, error) {
	return call[activityapi.PreparedCatalog](h, activityapi.ActivityPrepareCatalog, in)
}

// listed is an input whose source is a list with the given rows below a header.
func (h *harness) listed(rows ...string) stemflow.SeparateCatalogInput {
	h.putText("lists/june.csv", "taskId,audioId,type\n"+strings.Join(rows, "\n"))
	return stemflow.SeparateCatalogInput{Source: &stemflow.ObjectRef{Key: "lists/june.csv"}}
}

func (h *harness) readCatalog(prepared *activityapi.PreparedCatalog, offset int64) (*activityapi.CatalogPage, error) {
	return call[activityapi.CatalogPage](h, activityapi.ActivityReadCatalog, activityapi.ReadCatalogInput{
		Location: prepared.Location, ETag: prepared.ETag, Offset: offset,
	})
}

func TestCatalogIsKeptForTheRunAndReadInPages(t *testing.T) {
	const tracks = 2*activityapi.CatalogPageSize + 1
	var rows []string
	var inline []stemflow.SeparateStemsInput
	for i := range tracks {
		rows = append(rows, fmt.Sprintf("t,a%d,", i))
		inline = append(
			inline,
			stemflow.SeparateStemsInput{TaskID: "t", AudioID: fmt.Sprintf("a%d", i), Type: stemflow.SplitStem},
		)
	}
	for name, prepare := range map[string]func(h *harness) stemflow.SeparateCatalogInput{
		"a source": func(h *harness) stemflow.SeparateCatalogInput {
			in := h.listed(rows...)
			in.Type = stemflow.SplitStem
			return in
		},
		"inline": func(*harness) stemflow.SeparateCatalogInput {
			return stemflow.SeparateCatalogInput{Name: "june", Tracks: inline}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			in := prepare(h)
			prepared, err := h.prepareCatalog(in)
			require.NoError(t, err)
			require.Equal(t, tracks, prepared.Tracks)
			require.Equal(t, archive.LocateCatalog(h.loc.Bucket, "", "june", testRunID), prepared.Location)
			if in.Source != nil {
				h.putText(in.Source.Key, "changed")
			}
			var read []activityapi.CatalogTrack
			pages := 0
			for offset := int64(0); pages == 0 || offset > 0; pages++ {
				page, err := h.readCatalog(prepared, offset)
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
	h := newHarness(t)
	_, err := h.prepareCatalog(h.listed("t,a,", "t,a,", "t,b,karaoke"))
	app := requireType(t, err, stemflow.ErrorInvalidInput)
	require.True(t, app.NonRetryable())
	require.Contains(
		t,
		app.Message(),
		"line 3: is the same separation as line 2, leave one of them out; line 4, column 3: type: is unknown",
	)
	objects, err := h.store.List(t.Context(), h.loc.Bucket, "_catalogs/")
	require.NoError(t, err)
	require.Empty(t, objects)

	_, err = h.prepareCatalog(stemflow.SeparateCatalogInput{Source: &stemflow.ObjectRef{Key: "no/such.csv"}})
	app = requireType(t, err, stemflow.ErrorInvalidInput)
	require.Contains(t, app.Message(), "source: there is no object no/such.csv in bucket "+h.loc.Bucket)
}

func TestPrepareCatalogWithoutPermissionEndsAtOnce(t *testing.T) {
	h := newHarness(t)
	in := h.listed("t,a,")
	wrong := h.storeOptions
	wrong.SecretKey = "not-the-secret"
	store, err := archive.New(wrong)
	require.NoError(t, err)
	h.set.PrepareArchive.Store = store
	_, err = h.prepareCatalog(in)
	require.True(t, requireType(t, err, stemflow.ErrorArchiveUnavailable).NonRetryable())
}

// What is archived, and what is paid for, is known without a run.
func TestReadCatalogReportsWhatTheArchiveHas(t *testing.T) {
	h := newHarness(t)
	at := func(audioID string) activityapi.Location {
		return archive.Locate(
			h.loc.Bucket,
			"",
			stemflow.Track{TaskID: "t", AudioID: audioID, Type: stemflow.SeparateVocal},
		)
	}
	for _, audioID := range []string{"archived", "forced"} {
		key := archive.StemKey(at(audioID), "sep", "vocals", "mp3")
		h.write(key, "sound")
		info, err := h.store.Stat(t.Context(), h.loc.Bucket, key)
		require.NoError(t, err)
		h.write(
			archive.ManifestKey(at(audioID)),
			stemflow.Manifest{Version: 1, SeparateStemsResult: stemflow.SeparateStemsResult{
				SeparationTaskID: "sep", Type: stemflow.SeparateVocal, SettledBy: stemflow.SettledByCallback, Paid: true,
				Stems:    []stemflow.Stem{{Name: "vocals", Bucket: h.loc.Bucket, Key: key, Size: info.Size}},
				Manifest: stemflow.ObjectRef{Bucket: h.loc.Bucket, Key: archive.ManifestKey(at(audioID))},
			}, Source: stemflow.ManifestSource{TaskID: "t", AudioID: audioID}},
		)
	}
	h.write(
		archive.SubmissionKey(at("paid")),
		stemflow.Submission{State: stemflow.SubmissionPaid, SeparationTaskID: "sep"},
	)
	h.write(archive.SubmissionKey(at("refused")), stemflow.Submission{State: stemflow.SubmissionRefused})
	h.write(archive.SubmissionKey(at("corrupt")), "no ledger")
	h.putText("lists/june.jsonl", `{"taskId": "t", "audioId": "archived"}
{"taskId": "t", "audioId": "forced", "force": true}
{"taskId": "t", "audioId": "paid"}
{"taskId": "t", "audioId": "refused"}
{"taskId": "t", "audioId": "corrupt"}
{"taskId": "t", "audioId": "elsewhere", "bucket": "no-such-bucket-anywhere"}
{"taskId": "t", "audioId": "unknown"}`)
	h.set.PrepareArchive.Allowed = allowed.Places{{Bucket: h.loc.Bucket}, {Bucket: "no-such-bucket-anywhere"}}
	prepared, err := h.prepareCatalog(
		stemflow.SeparateCatalogInput{Source: &stemflow.ObjectRef{Key: "lists/june.jsonl"}},
	)
	require.NoError(t, err)
	page, err := h.readCatalog(prepared, 0)
	require.NoError(t, err)
	require.Zero(t, page.Next)
	found := map[string]activityapi.CatalogTrack{}
	for _, track := range page.Tracks {
		found[track.Input.AudioID] = track
	}
	require.Equal(t, &stemflow.TrackOutcome{
		Number: 1, Line: 1, TaskID: "t", AudioID: "archived", Type: stemflow.SeparateVocal, Status: stemflow.TrackFound,
		SeparationTaskID: "sep", SettledBy: stemflow.SettledByArchive, Stems: 1, Bytes: int64(len("\"sound\"\n")),
		Manifest: &stemflow.ObjectRef{Bucket: h.loc.Bucket, Key: archive.ManifestKey(at("archived"))},
	}, found["archived"].Found)
	require.Equal(t, "sep", found["paid"].Input.SeparationTaskID)
	for _, audioID := range []string{"forced", "paid", "refused", "corrupt", "elsewhere", "unknown"} {
		require.Nil(t, found[audioID].Found, audioID)
	}
	for _, audioID := range []string{"forced", "refused", "corrupt", "elsewhere", "unknown"} {
		require.Empty(t, found[audioID].Input.SeparationTaskID, audioID)
	}
}

// A catalogue that is reset learns what was paid for its tracks since it began.
func TestReadCatalogSaysWhatWasPaid(t *testing.T) {
	h := newHarness(t)
	since := time.Now().Add(-time.Hour).UTC()
	for audioID, age := range map[string]time.Duration{
		"paid": time.Minute, "before": 2 * time.Hour, "forced": time.Minute, "named": time.Minute,
	} {
		track := stemflow.Track{TaskID: "t", AudioID: audioID, Type: stemflow.SplitStem}
		h.write(archive.SubmissionKey(archive.Locate(h.loc.Bucket, "", track)), stemflow.Submission{
			Version: 1, State: stemflow.SubmissionPaid, SeparationTaskID: "sep", SubmittedAt: time.Now().Add(-age),
		})
	}
	h.putText("lists/june.jsonl", `{"taskId": "t", "audioId": "paid", "type": "split_stem"}
{"taskId": "t", "audioId": "before", "type": "split_stem"}
{"taskId": "t", "audioId": "forced", "type": "split_stem", "force": true}
{"taskId": "t", "audioId": "named", "type": "split_stem", "separationTaskId": "sep"}
{"taskId": "t", "audioId": "unknown", "type": "split_stem"}`)
	prepared, err := h.prepareCatalog(
		stemflow.SeparateCatalogInput{Source: &stemflow.ObjectRef{Key: "lists/june.jsonl"}})
	require.NoError(t, err)
	page, err := call[activityapi.CatalogPage](h, activityapi.ActivityReadCatalog, activityapi.ReadCatalogInput{
		Location: prepared.Location, ETag: prepared.ETag, PaidSince: &since,
	})
	require.NoError(t, err)
	price := stemflow.Price(stemflow.SplitStem)
	for i, want := range []*int{&price, new(int), &price, nil, new(int)} {
		require.Equal(t, want, page.Tracks[i].Before, page.Tracks[i].Input.AudioID)
	}
	require.Empty(t, page.Tracks[2].Input.SeparationTaskID)
	page, err = h.readCatalog(prepared, 0)
	require.NoError(t, err)
	for _, track := range page.Tracks {
		require.Nil(t, track.Before)
	}
}

func TestACatalogThatIsChangedUnderTheRunIsNotMixed(t *testing.T) {
	for name, spoil := range map[string]func(h *harness, prepared *activityapi.PreparedCatalog){
		"changed": func(h *harness, prepared *activityapi.PreparedCatalog) {
			h.putText(archive.CatalogTracksKey(prepared.Location), "x")
		},
		"gone": func(_ *harness, prepared *activityapi.PreparedCatalog) { prepared.Location.Dir = "elsewhere/" },
		"no such list": func(h *harness, prepared *activityapi.PreparedCatalog) {
			h.putText(archive.CatalogTracksKey(prepared.Location), "x\n")
			info, err := h.store.Stat(h.t.Context(), h.loc.Bucket, archive.CatalogTracksKey(prepared.Location))
			require.NoError(h.t, err)
			prepared.ETag = info.ETag
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			prepared, err := h.prepareCatalog(h.listed("t,a,"))
			require.NoError(t, err)
			spoil(h, prepared)
			_, err = h.readCatalog(prepared, 0)
			require.True(t, requireType(t, err, stemflow.ErrorArchiveUnavailable).NonRetryable())
		})
	}
}

func TestTheStoreIsWaitedForWhileReading(t *testing.T) {
	h := newHarness(t)
	prepared, err := h.prepareCatalog(h.listed("t,a,"))
	require.NoError(t, err)
	down := h.storeOptions
	down.Endpoint = "127.0.0.1:1"
	h.set.PrepareArchive.Store, err = archive.New(down)
	require.NoError(t, err)
	_, err = h.readCatalog(prepared, 0)
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
			h := newHarness(t)
			provider := httptest.NewServer(http.HandlerFunc(answer(c.answer)))
			defer provider.Close()
			h.use(provider.URL, "")
			balance, err := call[activityapi.Balance](h, activityapi.ActivityGetBalance, nil)
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

// Outcomes come in any order, some of them twice, and the report has each once, in the order of the
// list.
func TestTheReportHasEveryOutcomeOnceAndInOrder(t *testing.T) {
	h := newHarness(t)
	loc := archive.LocateCatalog(h.loc.Bucket, "p", "june", "run")
	record := func(outcomes ...stemflow.TrackOutcome) {
		_, err := call[struct{}](
			h,
			activityapi.ActivityRecordOutcomes,
			activityapi.RecordOutcomesInput{Location: loc, Outcomes: outcomes},
		)
		require.NoError(t, err)
	}
	record(
		trackOutcome(101, stemflow.TrackArchived),
		trackOutcome(3, stemflow.TrackArchived),
		trackOutcome(1, stemflow.TrackFailed),
	)
	record(
		trackOutcome(301, stemflow.TrackArchived),
		trackOutcome(2, stemflow.TrackArchived),
		trackOutcome(1, stemflow.TrackArchived),
	)
	record(trackOutcome(301, stemflow.TrackArchived), trackOutcome(100, stemflow.TrackFailed))
	pages, err := h.store.List(t.Context(), loc.Bucket, loc.Dir)
	require.NoError(t, err)
	require.Len(t, pages, 3, "there is none of the third hundred")

	result := stemflow.SeparateCatalogResult{
		Name: "june", Tracks: 301, CatalogCounts: stemflow.CatalogCounts{Archived: 5, Failed: 1}, Credits: 50, StartedAt: time.Unix(1_800_000_000, 0).UTC(),
	}
	refs, err := call[stemflow.ReportRefs](
		h,
		activityapi.ActivityWriteCatalogReport,
		activityapi.WriteCatalogReportInput{Location: loc, Result: result},
	)
	require.NoError(t, err)
	require.Equal(t, "p/_catalogs/june/run/report.json", refs.JSON.Key)

	var report stemflow.CatalogReport
	require.NoError(t, json.Unmarshal([]byte(h.text(refs.JSON.Key)), &report))
	result.Report = *refs
	require.Equal(t, stemflow.CatalogReport{
		Version: 1, SeparateCatalogResult: result, Outcomes: []stemflow.TrackOutcome{
			trackOutcome(1, stemflow.TrackArchived), trackOutcome(2, stemflow.TrackArchived),
			trackOutcome(3, stemflow.TrackArchived), trackOutcome(100, stemflow.TrackFailed),
			trackOutcome(101, stemflow.TrackArchived), trackOutcome(301, stemflow.TrackArchived),
		},
	}, report)

	rows, err := csv.NewReader(bytes.NewReader([]byte(h.text(refs.CSV.Key)))).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 7)
	require.Equal(t, catalog.ReportColumns(), rows[0])
	require.Equal(
		t,
		[]string{
			"2", "t", "a1", "separate_vocal", "", "archived", "", "", "", "", "10", "false", "2", "1000", "b",
			"t/a1/manifest.json", "",
		},
		rows[1],
	)
	require.Equal(t, []string{"101", "t", "a100", "separate_vocal", "", "failed", "SeparationFailed",
		"the provider said \"no\", <twice>\nand that was it", "", "", "0", "false", "0", "0", "", "", ""}, rows[4])
}

func TestAReportOfNothing(t *testing.T) {
	h := newHarness(t)
	loc := archive.LocateCatalog(h.loc.Bucket, "", "june", "run")
	refs, err := call[stemflow.ReportRefs](
		h,
		activityapi.ActivityWriteCatalogReport,
		activityapi.WriteCatalogReportInput{
			Location: loc, Result: stemflow.SeparateCatalogResult{Tracks: 1000},
		},
	)
	require.NoError(t, err)
	var report stemflow.CatalogReport
	require.NoError(t, json.Unmarshal([]byte(h.text(refs.JSON.Key)), &report))
	require.Empty(t, report.Outcomes)
	require.Equal(t, strings.Join(catalog.ReportColumns(), ",")+"\n", h.text(refs.CSV.Key))
}

func TestOutcomesThatCannotBeReadAreNotOverwritten(t *testing.T) {
	h := newHarness(t)
	loc := archive.LocateCatalog(h.loc.Bucket, "", "june", "run")
	h.putText(archive.CatalogOutcomesKey(loc, 1), "no outcomes")
	_, err := call[struct{}](h, activityapi.ActivityRecordOutcomes, activityapi.RecordOutcomesInput{
		Location: loc, Outcomes: []stemflow.TrackOutcome{trackOutcome(1, stemflow.TrackArchived)},
	})
	app := requireType(t, err, stemflow.ErrorArchiveUnavailable)
	require.True(t, app.NonRetryable())
	require.Contains(t, app.Error(), "start the catalogue again, which pays for nothing that is paid for")
	_, err = call[stemflow.ReportRefs](h, activityapi.ActivityWriteCatalogReport, activityapi.WriteCatalogReportInput{
		Location: loc, Result: stemflow.SeparateCatalogResult{Tracks: 1},
	})
	app = requireType(t, err, stemflow.ErrorArchiveUnavailable)
	require.True(t, app.NonRetryable())
	require.Contains(t, app.Error(), "start the catalogue again, which pays for nothing that is paid for")
}

// What the run has kept of its tracks ends early. A report that ends with it would be taken for the
// whole.
func TestAReportIsWholeOrNone(t *testing.T) {
	h := newHarness(t)
	loc := archive.LocateCatalog(h.loc.Bucket, "", "june", "run")
	var kept []byte
	var outcomes []stemflow.TrackOutcome
	for n := 1; n <= activityapi.CatalogPageSize; n++ {
		if n < activityapi.CatalogPageSize {
			kept = catalog.Append(kept, activityapi.CatalogTrack{
				Number: n, Columns: []activityapi.CatalogColumn{{Name: "notes", Value: strings.Repeat("x", 200)}},
			})
		}
		outcomes = append(outcomes, trackOutcome(n, stemflow.TrackArchived))
	}
	h.putText(archive.CatalogTracksKey(loc), string(kept))
	_, err := call[struct{}](h, activityapi.ActivityRecordOutcomes, activityapi.RecordOutcomesInput{
		Location: loc, Outcomes: outcomes,
	})
	require.NoError(t, err)
	_, err = call[stemflow.ReportRefs](h, activityapi.ActivityWriteCatalogReport, activityapi.WriteCatalogReportInput{
		Location: loc, Result: stemflow.SeparateCatalogResult{Tracks: len(outcomes)},
	})
	require.True(t, requireType(t, err, stemflow.ErrorArchiveUnavailable).NonRetryable(), "%v", err)
}

func TestWhatBreaksOffIsNotUploaded(t *testing.T) {
	h := newHarness(t)
	to := stemflow.ObjectRef{Bucket: h.loc.Bucket, Key: "text"}
	err := upload(t.Context(), h.store, to, "text/plain", func(_ context.Context, w io.Writer) error {
		_, _ = io.WriteString(w, strings.Repeat("half", 10_000))
		return io.EOF // of what it reads
	})
	require.Error(t, err)
	_, err = h.store.Stat(t.Context(), to.Bucket, to.Key)
	require.ErrorIs(t, err, archive.ErrNotFound)
}
