package integration

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/kiesim"
	"stemflow/plugin"
)

const hookSecret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"

// receiver keeps the events that it is told, and that are signed.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	events []stemflow.Event
	// forged counts what was not signed, or does not say what its headers say.
	forged int
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	verifier, err := standardwebhooks.NewWebhook(hookSecret)
	require.NoError(t, err)
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		var event stemflow.Event
		err := json.Unmarshal(body, &event)
		r.mu.Lock()
		defer r.mu.Unlock()
		if err != nil || verifier.Verify(body, request.Header) != nil || event.ID != request.Header.Get("webhook-id") {
			r.forged++
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		r.events = append(r.events, event)
	}))
	t.Cleanup(r.Close)
	return r
}

// of are the events about a workflow.
func (r *receiver) of(workflowID string) (events []stemflow.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, event := range r.events {
		if event.Data.WorkflowID == workflowID {
			events = append(events, event)
		}
	}
	return events
}

// The whole road from the end of a run to a receiver, and its histories.
func TestAWebhookIsToldHowRunsEnd(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	s := newStack(t, func(s *stack) {
		s.cfg.Hooks = plugin.Hooks{WebhookURL: r.URL, WebhookSecrets: []string{hookSecret}}
	})
	in := track(stemflow.SeparateVocal)
	in.Title = "Nocturne"
	run := s.start(in)
	result := s.result(run)
	s.await("the archived track is told", func() bool { return len(r.of(run.GetID())) == 1 })
	event := r.of(run.GetID())[0]
	require.Equal(t, stemflow.EventSeparationArchived, event.Type)
	require.Equal(t, run.GetRunID(), event.Data.RunID)
	require.Equal(t, in.Track(), event.Data.Separation.Track)
	require.Equal(t, &result.Manifest, event.Data.Separation.Manifest)
	require.Len(t, event.Data.Separation.Stems, 2)
	s.replay("told", s.history(run))
	t.Logf("the result waited %v for the delivery to begin", waited(s.history(run)))
	delivery := s.client.GetWorkflow(t.Context(), activityapi.DeliveryWorkflowID(event.ID), "")
	require.NoError(t, delivery.Get(t.Context(), nil))
	s.replay("told-delivery", s.history(delivery))

	reset := s.reset(run, firstTask)
	require.Equal(t, result.Manifest, s.result(reset).Manifest)
	s.replay("told-after-reset", s.history(reset))

	wrong := s.startAs("wrong-"+newID(), stemflow.SeparateStemsInput{TaskID: "t"})
	kind, _, _ := s.failure(wrong)
	require.Equal(t, stemflow.ErrorInvalidInput, kind)
	s.await("the wrong input is told", func() bool { return len(r.of(wrong.GetID())) == 1 })
	require.Equal(t, kind, r.of(wrong.GetID())[0].Data.Separation.Error.Type)
	s.replay("told-early", s.history(wrong))

	list, tracks := s.listed(2)
	list.Window = 1
	s.sim.SetScenario(tracks[0].AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}})
	catalog := s.startCatalog(list)
	s.await("a track is paid for", func() bool { return s.billed(tracks[0]) == 1 })
	s.control(catalog, stemflow.UpdatePause)
	s.settle(tracks[0])
	s.await("the pause is told", func() bool { return len(r.of(catalog.GetID())) == 1 })
	s.control(catalog, stemflow.UpdateResume)
	require.Equal(t, 2, s.catalogResult(catalog, patience).Archived)
	s.await("the end of the catalogue is told", func() bool { return len(r.of(catalog.GetID())) == 2 })
	events := r.of(catalog.GetID())
	require.Equal(t, stemflow.PauseRequested, events[0].Data.Catalog.Paused.Reason)
	require.Equal(t, stemflow.EventCatalogEnded, events[1].Type)
	require.Equal(t, 2, events[1].Data.Catalog.Archived)
	s.await("the catalogue's tracks are told", func() bool { return len(r.of(stemflow.WorkflowID(tracks[1]))) == 1 })
	require.Equal(t, catalog.GetID(), r.of(stemflow.WorkflowID(tracks[1]))[0].Data.ParentWorkflowID)
	s.replay("told-catalog", s.history(catalog))

	require.Len(t, r.of(run.GetID()), 1, "the run that was reset has told nothing anew")
	require.Zero(t, r.forged)
}

// waited is how long a run went on to have its end told.
func waited(events []*historypb.HistoryEvent) time.Duration {
	var began time.Time
	for _, event := range events {
		if event.GetEventType() == enumspb.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED {
			began = event.GetEventTime().AsTime()
		}
	}
	return events[len(events)-1].GetEventTime().AsTime().Sub(began)
}
