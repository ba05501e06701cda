package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/internal/catalog"
	"stemflow/internal/devservers/serverstest"
	"stemflow/internal/ledger"
	"stemflow/internal/program"
	"stemflow/starter/internal/archived"
	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/view"
)

// stocked is a bucket with one archived, one paid, one lost and one broken track.
func stocked(t *testing.T) (variables map[string]string, list string) {
	t.Helper()
	root, bucket := serverstest.Bucket(t)
	user := serverstest.SharedUser(t, root, bucket)
	store, err := archive.New(user)
	require.NoError(t, err)
	put := func(key string, v any) { require.NoError(t, store.PutJSON(t.Context(), bucket, key, v)) }
	at := func(audioID string) string { return "t/" + audioID + "/separate_vocal/" }
	entry := func(state stemflow.SubmissionState, id string) ledger.Ledger {
		return ledger.Ledger{Revision: 1, Entry: ledger.Entry{
			State: state, SeparationTaskID: id, RunID: "run", Owner: "run", Attempt: 1, Nonce: "n", SubmittedAt: time.Now(),
		}}
	}
	key := at("archived") + "sep/vocals.mp3"
	_, err = store.Put(t.Context(), bucket, key, "audio/mpeg", strings.NewReader("audio"), 5)
	require.NoError(t, err)
	put(at("archived")+"manifest.json", stemflow.Manifest{Version: 1, SeparateStemsResult: stemflow.SeparateStemsResult{
		SeparationTaskID: "sep", Type: stemflow.SeparateVocal, ArchivedAt: time.Now(),
		Stems: []stemflow.Stem{{Name: "vocals", Bucket: bucket, Key: key, Size: 5}},
	}, Source: stemflow.ManifestSource{TaskID: "t", AudioID: "archived"}})
	put(at("paid")+"submission.json", entry(stemflow.SubmissionPaid, "sep-2"))
	put(at("doubt")+"submission.json", entry(stemflow.SubmissionIntended, ""))
	put(at("failed")+"submission.json", entry(stemflow.SubmissionFailed, "sep-3"))
	_, err = store.Put(t.Context(), bucket, at("broken")+"submission.json", "application/json", strings.NewReader("{"), 1)
	require.NoError(t, err)
	rows := "taskId,audioId,type,separationTaskId\nt,archived,,\nt,paid,,\nt,doubt,,\nt,broken,,\nt,failed,,\nt,new,,\nt,new,split_stem,\n" +
		"t,known,,sep-9\n"
	return map[string]string{
		"MINIO_ENDPOINT": user.Endpoint, "MINIO_ACCESS_KEY": user.AccessKey, "MINIO_SECRET_KEY": user.SecretKey,
		"STEMFLOW_BUCKET": bucket, "NO_PROXY": "*",
	}, writeList(t, "june.csv", rows)
}

func balanceServer(t *testing.T, answer string) map[string]string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	return map[string]string{"KIE_API_KEY": "0123456789", "KIE_BASE_URL": server.URL}
}

func TestADryRunPricesAList(t *testing.T) {
	variables, list := stocked(t)
	want := view.Price{
		Name: "june", Tracks: 8, Archived: 1, Paid: 2, InDoubt: 1, Unreadable: 1, ToPay: 3, Credits: 70, Dollars: 0.35,
		Types: map[stemflow.SeparationType]int{stemflow.SeparateVocal: 2, stemflow.SplitStem: 1},
	}
	code, stdout, stderr := starter(t, "", variables, "catalog", "--file", list, "--dry-run", "--json")
	require.Zero(t, code, stderr)
	var got view.Price
	require.NoError(t, json.Unmarshal([]byte(stdout), &got))
	require.Equal(t, want, got)

	maps.Copy(variables, balanceServer(t, `{"code":200,"msg":"success","data":50.5}`))
	code, stdout, stderr = starter(t, "", variables, "catalog", "--file", list, "--dry-run")
	require.Zero(t, code, stderr)
	for _, row := range []string{
		"tracks +8  in the list", "archived +1  costs nothing", "paid +2  ", "in doubt +1  ", "unreadable +1  ",
		`to pay +3  70 credits, about \$0\.35, by the documented prices`, "1  split_stem, 50 credits each",
		"account +50.5  credits, 19.5 too few",
	} {
		require.Regexp(t, row, stdout)
	}
	maps.Copy(variables, balanceServer(t, `{"code":401,"msg":"no","data":null}`))
	code, stdout, _ = starter(t, "", variables, "catalog", "--file", list, "--dry-run")
	require.Zero(t, code, "the price is known without the balance")
	require.Regexp(t, `account +\?  the balance cannot be read`, stdout)

	store := variables["STEMFLOW_BUCKET"]
	require.NotEmpty(t, store)
	code, _, stderr = starter(t, "", variables, "catalog", "--key", "lists/gone.csv", "--dry-run")
	require.Equal(t, failure.ExitUsage, code)
	require.Contains(t, stderr, "there is no list s3://"+store+"/lists/gone.csv")
}

// A song of one's own is looked up under the ids that it is archived by.
func TestADryRunKnowsSongsThatArePaidFor(t *testing.T) {
	variables, _ := stocked(t)
	store, err := archive.New(archive.Options{
		Endpoint: variables["MINIO_ENDPOINT"], AccessKey: variables["MINIO_ACCESS_KEY"], SecretKey: variables["MINIO_SECRET_KEY"],
	})
	require.NoError(t, err)
	sum := strings.Repeat("ab", 32)
	require.NoError(t, store.PutJSON(t.Context(), variables["STEMFLOW_BUCKET"], "sha256/"+sum+"/separate_vocal/submission.json",
		ledger.Ledger{Revision: 1, Entry: ledger.Entry{
			State: stemflow.SubmissionPaid, SeparationTaskID: "sep", RunID: "run", Owner: "run", Attempt: 1, Nonce: "n",
			SubmittedAt: time.Now(),
		}}))
	list := writeList(t, "songs.jsonl", `{"audioUrl":"https://example.com/song.mp3","audioSha256":"`+sum+"\"}\n"+
		`{"audioUrl":"https://example.com/other.mp3"}`+"\n")
	code, stdout, stderr := starter(t, "", variables, "catalog", "--file", list, "--dry-run", "--json")
	require.Zero(t, code, stderr)
	var got view.Price
	require.NoError(t, json.Unmarshal([]byte(stdout), &got))
	require.Equal(t, []int{1, 1, 10}, []int{got.Paid, got.ToPay, got.Credits})
}

func TestNothingIsPaidUnasked(t *testing.T) {
	variables, list := stocked(t)
	code, _, stderr := starter(t, "", variables, "catalog", "--file", list)
	require.Equal(t, failure.ExitUsage, code)
	require.Contains(t, stderr, "give --credit-budget CREDITS, or --yes")

	code, _, stderr = starter(t, "", variables, "--address", nowhere(t), "catalog", "--file", list, "--yes")
	require.Equal(t, failure.ExitFailed, code)
	require.Contains(t, stderr, "TemporalUnavailable")
}

func TestAskingBeforePaying(t *testing.T) {
	budget := func(n int) *int { return &n }
	for answer, yes := range map[string]bool{"y\n": true, "YES\r\n": true, " yes ": true, "n\n": false, "\n": false, "": false, "yikes\n": false} {
		c, _, stderr := newTestCLI(answer, nil)
		price := &view.Price{Name: "june", ToPay: 1166, Credits: 58_300}
		in := stemflow.SeparateCatalogInput{}
		err := c.confirm(t.Context(), price, &in)
		require.Contains(t, stderr.String(), "Pay up to 58,300 credits (about $291.50) for 1,166 tracks? [y/N] ")
		if yes {
			require.NoError(t, err, answer)
			require.Equal(t, budget(58_300), in.CreditBudget, "no more than what was asked for")
			continue
		}
		require.Equal(t, failure.ExitFailed, failure.Of(err).Code, "%q", answer)
		require.Nil(t, in.CreditBudget)
	}

	c, _, stderr := newTestCLI("y\n", nil)
	in := stemflow.SeparateCatalogInput{CreditBudget: budget(5000)}
	require.NoError(t, c.confirm(t.Context(), &view.Price{ToPay: 1166, Credits: 58_300, Budget: in.CreditBudget}, &in))
	require.Contains(t, stderr.String(), "Pay up to 5,000 credits (about $25.00) for as many of 1,166 tracks as that pays for? [y/N] ")
	require.Equal(t, budget(5000), in.CreditBudget)

	c, _, stderr = newTestCLI("", nil)
	in = stemflow.SeparateCatalogInput{}
	require.NoError(t, c.confirm(t.Context(), &view.Price{Archived: 3}, &in))
	require.Empty(t, stderr.String(), "what costs nothing is not asked for")
	require.Equal(t, budget(0), in.CreditBudget)

	ctx, interrupt := context.WithCancel(t.Context())
	c, _, _ = newTestCLI("", nil)
	stdin, write := io.Pipe()
	defer write.Close()
	c.stdin = stdin
	interrupt()
	require.Equal(t, failure.ExitInterrupted, failure.Of(c.confirm(ctx, &view.Price{ToPay: 1, Credits: 10}, &in)).Code)
}

// A catalogue that is joined costs nothing, so nobody is asked. It may end before: then the run
// that begins in its place pays nothing that nobody was asked for.
func TestNothingIsPaidInPlaceOfWhatWasToBeJoined(t *testing.T) {
	variables, list := stocked(t)
	f, address := newFakeTemporal(t, map[string]bool{"catalog:june": true})
	for _, flags := range [][]string{nil, {"--credit-budget", "50"}} {
		c, _, stderr := newTestCLI("", variables)
		c.stdinIsTerminal = true
		c.stderrSize = func() (program.TerminalSize, bool) { return program.TerminalSize{Columns: 80, Rows: 24}, true }
		code := c.run(t.Context(), append([]string{"--address", address, "catalog", "--file", list}, flags...))
		require.Zero(t, code, stderr.String())
		require.NotContains(t, stderr.String(), "[y/N]")
	}
	require.Len(t, f.started, 2)
	for _, input := range f.started {
		require.Contains(t, input, `"creditBudget":0`)
	}
}

func TestWhatStartingAgainCanHelp(t *testing.T) {
	now := time.Now()
	id := "sep"
	for name, c := range map[string]struct {
		outcome  stemflow.TrackOutcome
		standing archived.Standing
		paid     *stemflow.Submission
		want     bool
	}{
		"wrong input":                  {outcome: stemflow.TrackOutcome{Reason: stemflow.ErrorInvalidInput}},
		"rejected":                     {outcome: stemflow.TrackOutcome{Reason: stemflow.ErrorProviderRejected}},
		"no credits":                   {outcome: stemflow.TrackOutcome{Reason: stemflow.ErrorInsufficientCredits}, want: true},
		"failed by the provider":       {outcome: stemflow.TrackOutcome{Reason: stemflow.ErrorSeparationFailed, Credits: 10, SeparationTaskID: id}, want: true},
		"unknown, held by the ledger":  {outcome: stemflow.TrackOutcome{Reason: stemflow.ErrorSubmissionUnknown, Credits: 10}, standing: archived.InDoubt},
		"unknown, without a ledger":    {outcome: stemflow.TrackOutcome{Reason: stemflow.ErrorSubmissionUnknown, Credits: 10}},
		"unknown, and learned since":   {outcome: stemflow.TrackOutcome{Reason: stemflow.ErrorSubmissionUnknown}, standing: archived.IsPaid, want: true},
		"paid, without ledger and id":  {outcome: stemflow.TrackOutcome{Reason: stemflow.ErrorNoStems, Credits: 10}},
		"paid, the id is known":        {outcome: stemflow.TrackOutcome{Reason: stemflow.ErrorNoStems, Credits: 10, SeparationTaskID: id}, want: true},
		"archived by now":              {outcome: stemflow.TrackOutcome{Reason: stemflow.ErrorSourceExpired}, standing: archived.IsArchived},
		"a ledger that cannot be read": {outcome: stemflow.TrackOutcome{Reason: stemflow.ErrorArchiveUnavailable}, standing: archived.Unreadable},
		"gone": {
			outcome: stemflow.TrackOutcome{Reason: stemflow.ErrorSourceExpired}, standing: archived.IsPaid,
			paid: &stemflow.Submission{SubmittedAt: now.Add(-15 * 24 * time.Hour)},
		},
		"paid lately": {
			outcome: stemflow.TrackOutcome{Reason: stemflow.ErrorSourceExpired}, standing: archived.IsPaid,
			paid: &stemflow.Submission{SubmittedAt: now.Add(-13 * 24 * time.Hour)}, want: true,
		},
		"terminated": {outcome: stemflow.TrackOutcome{Reason: stemflow.ReasonTerminated, Credits: 10}, want: true},
	} {
		require.Equal(t, c.want, canHelp(c.outcome, c.standing, c.paid, now), name)
	}
}

// A track is started again as it was before: what its list said to be paid for is not paid again,
// although a run that never got so far does not repeat it, and a song keeps its address.
func TestATrackIsStartedAgainAsItWas(t *testing.T) {
	song := stemflow.SeparateStemsInput{
		AudioURL: "https://example.com/song.mp3?sig=1", AudioSHA256: strings.Repeat("ab", 32), Type: stemflow.SplitStem,
	}
	named := stemflow.SeparateStemsInput{TaskID: "t", AudioID: "a", SeparationTaskID: "named"}
	plain := stemflow.SeparateStemsInput{TaskID: "t", AudioID: "b"}
	all := []retried{
		{
			track: activityapi.CatalogTrack{Number: 1, Input: named}, start: true,
			outcome: stemflow.TrackOutcome{Reason: stemflow.ErrorArchiveUnavailable},
		},
		{
			track: activityapi.CatalogTrack{Number: 2, Input: plain}, start: true, standing: archived.ToPay,
			outcome: stemflow.TrackOutcome{Reason: stemflow.ErrorNoStems, SeparationTaskID: "learned"},
		},
		{
			track: activityapi.CatalogTrack{Number: 3, Input: song}, start: true, standing: archived.IsPaid,
			outcome: stemflow.TrackOutcome{Reason: stemflow.ErrorSourceBlocked, SeparationTaskID: "of the ledger"},
		},
		{
			track: activityapi.CatalogTrack{
				Number: 4, Input: stemflow.SeparateStemsInput{TaskID: "t", AudioID: "c", SeparationTaskID: "failed"},
			},
			start:   true,
			outcome: stemflow.TrackOutcome{Reason: stemflow.ErrorSeparationFailed, SeparationTaskID: "failed"},
		},
	}
	name, tracks, err := writeRetryList(all, retryOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(filepath.Dir(name))) })
	require.Equal(t, 4, tracks)
	file, err := os.Open(name)
	require.NoError(t, err)
	defer file.Close()
	var got []stemflow.SeparateStemsInput
	_, err = catalog.Check(file, stemflow.SeparateCatalogInput{}, nil, func(track activityapi.CatalogTrack) error {
		got = append(got, track.Input)
		return nil
	})
	require.NoError(t, err)
	require.Len(t, got, 4)
	require.Equal(t, "named", got[0].SeparationTaskID)
	require.Equal(t, "learned", got[1].SeparationTaskID)
	require.Equal(t, song.Track(), got[2].Track())
	require.Equal(t, song.AudioURL, got[2].AudioURL)
	require.Empty(t, got[2].SeparationTaskID, "the ledger knows it")
	require.Empty(t, got[3].SeparationTaskID, "it failed")
}

func TestFailuresAreGroupedWithTheirRemedies(t *testing.T) {
	var outcomes []stemflow.TrackOutcome
	reasons := []string{stemflow.ErrorSeparationFailed, stemflow.ErrorUnauthorized, stemflow.ErrorSeparationFailed}
	for i, reason := range reasons {
		outcomes = append(outcomes, stemflow.TrackOutcome{Line: i + 2, AudioID: "e231", Reason: reason, Message: "no\x1b[31m\nmore"})
	}
	outcomes[2].Title = "A song"
	var out bytes.Buffer
	view.Failures(&out, view.GroupFailures(outcomes, failure.HintFor), 60)
	require.Equal(t, "\n  SeparationFailed\n    line 2, e231: no [31m; more\n    line 4, A song: no [31m; more\n    → "+
		failure.HintFor(stemflow.ErrorSeparationFailed)+"\n\n  Unauthorized\n    line 3, e231: no [31m; more\n    → "+
		failure.HintFor(stemflow.ErrorUnauthorized)+"\n", out.String())

	out.Reset()
	for _, room := range []int{40, 80, 200} {
		table := view.NewOutcomeTable(&out, room)
		table.Row(stemflow.TrackOutcome{Line: 1_000_000, AudioID: strings.Repeat("a", 100), Status: stemflow.TrackCancelled, Reason: "R", Message: strings.Repeat("ü", 300)})
		for line := range strings.Lines(out.String()) {
			require.Less(t, len([]rune(line)), room+1, fmt.Sprint(room))
		}
		out.Reset()
	}
}
