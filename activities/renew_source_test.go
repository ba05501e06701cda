package activities

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/kiesim"
)

// expired is a stem of a paid separation whose link has expired and was tried.
func (h *harness) expired(by kiesim.Renewal, downloadURL kiesim.Fault) activityapi.RenewSourceInput {
	h.t.Helper()
	id := h.paid(kiesim.Scenario{
		Files:       map[string]kiesim.File{kiesim.AllStems: {Expired: kiesim.ExpiredAtOnce, RenewedBy: by}},
		DownloadURL: downloadURL,
	})
	record, err := h.get(activityapi.GetSeparationRecordInput{SeparationTaskID: id})
	require.NoError(h.t, err)
	stem := record.Stems[0]
	response, err := http.Get(stem.URL)
	require.NoError(h.t, err)
	require.NoError(h.t, response.Body.Close())
	require.Equal(h.t, http.StatusForbidden, response.StatusCode)
	return activityapi.RenewSourceInput{SeparationTaskID: id, Stem: stem, Tried: []string{stem.URL}}
}

func (h *harness) renew(in activityapi.RenewSourceInput) (*stemflow.SourceStem, error) {
	return call[stemflow.SourceStem](h, activityapi.ActivityRenewSource, in)
}

func TestRenewSource(t *testing.T) {
	for _, by := range []kiesim.Renewal{kiesim.RenewedByRecordInfo, kiesim.RenewedByDownloadURL} {
		t.Run(string(by), func(t *testing.T) {
			h := newHarness(t)
			in := h.expired(by, kiesim.Fault{})
			renewed, err := h.renew(in)
			require.NoError(t, err)
			require.NotEqual(t, in.Stem.URL, renewed.URL)
			_, err = h.archiveStem(*renewed)
			require.NoError(t, err)
		})
	}
	t.Run("never", func(t *testing.T) {
		h := newHarness(t)
		_, err := h.renew(h.expired(kiesim.RenewedNever, kiesim.Fault{}))
		require.True(t, requireType(t, err, stemflow.ErrorSourceExpired).NonRetryable())
	})
}

// An edge that refuses this client says nothing about the link: it is asked again, and the stem is
// not given up as expired.
func TestRenewSourceIsNotAnsweredByTheEdge(t *testing.T) {
	h := newHarness(t)
	in := h.expired(kiesim.RenewedByDownloadURL, kiesim.Fault{Answer: kiesim.AnswerBlocked})
	_, err := h.renew(in)
	require.False(t, requireType(t, err, stemflow.ErrorProviderUnavailable).NonRetryable(), "of download-url")

	edge := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(http.StatusForbidden)
	}))
	t.Cleanup(edge.Close)
	h.use(edge.URL, "")
	_, err = h.renew(in)
	require.False(t, requireType(t, err, stemflow.ErrorProviderUnavailable).NonRetryable(), "of the record")
}

// What is gone may be paid for again, so only what is older than the provider keeps stems is called
// gone.
func TestNoOtherLinkSaysGoneOnlyOfWhatIs(t *testing.T) {
	now := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	for age, gone := range map[time.Duration]bool{
		0: false, time.Hour: false, providerKeeps: false, providerKeeps + time.Second: true, 90 * 24 * time.Hour: true,
	} {
		require.Equal(t, gone, strings.Contains(new(RenewSource).noOtherLink("vocals", now.Add(-age), now), "gone"), age)
	}
	unknown := new(RenewSource).noOtherLink("vocals", time.Time{}, now)
	require.NotContains(t, unknown, "gone")
	require.Contains(t, unknown, "unpaid")
}

// Of several stems of one name a later record may have another one first: the id says which is
// meant.
func TestRenewSourceTellsStemsOfOneNameApart(t *testing.T) {
	h := newHarness(t)
	const separation = "5e9a"
	item := func(id string, n int) string {
		return fmt.Sprintf(`{"id":%q,"stem_type_group_name":"Vocals","audio_url":"https://x.example/%s-%d.mp3"}`,
			id, id, n)
	}
	items := []string{item("first", 1), item("second", 1)}
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"code":200,"msg":"success","data":{"taskId":%q,"successFlag":"SUCCESS","response":{"originData":[%s]}}}`,
			separation, strings.Join(items, ","))
	}))
	t.Cleanup(provider.Close)
	h.use(provider.URL, "")
	record, err := h.get(activityapi.GetSeparationRecordInput{SeparationTaskID: separation})
	require.NoError(t, err)
	require.Equal(t, []string{"first", "second"}, []string{record.Stems[0].SourceID, record.Stems[1].SourceID})
	items = []string{item("second", 2), item("first", 2)}
	for _, stem := range record.Stems {
		renewed, err := h.renew(activityapi.RenewSourceInput{
			SeparationTaskID: separation, Stem: stem, Tried: []string{stem.URL},
		})
		require.NoError(t, err)
		require.Equal(t, "https://x.example/"+stem.SourceID+"-2.mp3", renewed.URL)
		require.Equal(t, stem.Name, renewed.Name)
	}
}
