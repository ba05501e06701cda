package workflows

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strconv"
	"strings"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/bounded"
)

// hooksChange is the change that brought hooks. Runs that ended before it told nobody.
const hooksChange = "hooks"

// tell has an event delivered, and returns once Temporal has the delivery. Known are the hooks,
// where the run knows them. An event has the same id whoever finds the same in a run: substance is
// what makes it another event than one of the same type of the same chain of runs.
//
// That it cannot be delivered is logged, and changes nothing else.
func tell(
	ctx workflow.Context, known *activityapi.Hooks, kind stemflow.EventType, data stemflow.EventData,
	substance ...string,
) {
	if known != nil && !known.Take(kind) ||
		workflow.GetVersion(ctx, hooksChange, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return
	}
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	logger := workflow.GetLogger(ctx)
	if known == nil {
		known = &activityapi.Hooks{}
		err := workflow.ExecuteLocalActivity(localOptions(ctx, "list the hooks"), activityapi.ActivityListHooks).
			Get(ctx, known)
		if err != nil {
			logger.Warn("it is not known who is to be told how the run ended", "event", kind, "error", err)
			return
		}
		if !known.Take(kind) {
			return
		}
	}
	event := newEvent(ctx, kind, data, substance)
	in := activityapi.DeliverEventInput{Hooks: known.Names, Event: event}
	err := workflow.ExecuteChildWorkflow(deliveryOptions(ctx, event), activityapi.WorkflowDeliverEvent, in).
		GetChildWorkflowExecution().Get(ctx, nil)
	if err != nil && !temporal.IsWorkflowExecutionAlreadyStartedError(err) { // it was told, or is being told
		logger.Warn("an event could not be delivered", "event", kind, "eventId", event.ID, "error", err)
	}
}

func newEvent(
	ctx workflow.Context, kind stemflow.EventType, data stemflow.EventData, substance []string,
) stemflow.Event {
	info := workflow.GetInfo(ctx)
	data.Namespace = info.Namespace
	data.WorkflowID, data.RunID = info.WorkflowExecution.ID, info.WorkflowExecution.RunID
	if info.ParentWorkflowExecution != nil {
		data.ParentWorkflowID = info.ParentWorkflowExecution.ID
	}
	return stemflow.Event{
		ID:   eventID(append([]string{owner(ctx), string(kind)}, substance...)),
		Type: kind, Timestamp: workflow.Now(ctx).UTC(), Data: data,
	}
}

// eventID is made of what an event is about, so that it does not depend on who tells of it, and
// when. It has nothing that a replayer does not know, as the namespace.
func eventID(parts []string) string {
	hash := sha256.New()
	for _, part := range parts {
		hash.Write([]byte(strconv.Itoa(len(part)) + ":" + part))
	}
	text := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(hash.Sum(nil)[:20])
	return "evt_" + strings.ToLower(text)
}

// tell tells how the separation ended. A run that is reset after its end tells the same event, if
// it ends alike. There are no events of other kinds of task.
func (s *separation) tell(ctx workflow.Context, result *stemflow.SeparateStemsResult, err error) {
	if s.task != activityapi.Separation {
		return
	}
	var known *activityapi.Hooks
	if s.archive.Location.Dir != "" {
		known = &s.archive.Hooks
	}
	kind, told := s.event(result, err)
	var reason string
	if told.Error != nil {
		reason = told.Error.Type
	}
	names := make([]string, len(told.Stems))
	for i, stem := range told.Stems {
		names[i] = stem.Name
	}
	tell(ctx, known, kind, stemflow.EventData{Separation: &told}, reason, strings.Join(names, ","))
}

func (s *separation) event(
	result *stemflow.SeparateStemsResult, err error,
) (kind stemflow.EventType, told stemflow.SeparationEvent) {
	track, title := s.in.Track(), s.in.Title
	if s.in.AudioURL != "" {
		title = s.in.SongName()
	}
	p := s.currentProgress()
	separationTaskID := s.separationTaskID
	if s.ownership < fromInput && !temporal.IsCanceledError(err) { // as in the details of the error
		separationTaskID = ""
	}
	told = stemflow.SeparationEvent{
		// What is wrong with an input may be its length.
		Track: stemflow.Track{
			TaskID: short(track.TaskID), AudioID: short(track.AudioID),
			Type: stemflow.SeparationType(short(string(track.Type))), StemName: short(track.StemName),
		},
		Title: bounded.Text(title, 4*stemflow.MaxTitle), SeparationTaskID: short(separationTaskID),
		SettledBy: s.settledBy, Paid: p.Paid, Credits: p.Credits, Manifest: p.Manifest,
	}
	stems, failed := s.stems, s.failed
	if result != nil {
		stems, failed = result.Stems, result.Failed
		told.SeparationTaskID = result.SeparationTaskID
		for _, missing := range result.Missing {
			told.Missing = append(told.Missing, short(missing.Name))
		}
	}
	for _, stem := range stems {
		told.Stems = append(told.Stems, stemflow.EventStem{
			Name: short(stem.Name), Bucket: stem.Bucket, Key: stem.Key, Size: stem.Size,
		})
	}
	for _, stem := range failed {
		told.Failed = append(told.Failed, short(stem.Name))
	}
	switch {
	case err == nil:
		return stemflow.EventSeparationArchived, told
	case temporal.IsCanceledError(err):
		kind = stemflow.EventSeparationCancelled
	default:
		kind = stemflow.EventSeparationFailed
	}
	told.Error = runFailure(s.failure(err), "the separation was cancelled", cancelledRemedy)
	return kind, told
}

// short bounds what a person or the provider has named.
func short(name string) string { return bounded.Text(name, 4*bounded.Value) }

// tellPaused tells that the catalogue has paused, beside all else. Each pause is an event.
func (c *catalog) tellPaused(ctx workflow.Context, pause stemflow.CatalogPause) {
	told := stemflow.EventPause{CatalogPause: pause, Remedy: requestedPauseRemedy}
	if t, ok := stemflow.LookupErrorType(pause.Reason); ok {
		told.Remedy = t.Remedy + pausedRemedy
	}
	told.Since = told.Since.UTC()
	data := c.event()
	data.Catalog.Paused = &told
	c.telling++
	detached, _ := workflow.NewDisconnectedContext(ctx)
	workflow.Go(detached, func(ctx workflow.Context) {
		tell(ctx, nil, stemflow.EventCatalogPaused, data, pause.Reason, strconv.FormatInt(pause.Since.UnixNano(), 10))
		c.telling--
	})
}

// tellEnd tells how the catalogue ended: err is what it returns. A run that is reset after its end
// tells the same event, if as many tracks came to the same end.
func (c *catalog) tellEnd(ctx workflow.Context, result stemflow.SeparateCatalogResult, err error) {
	data := c.event()
	var reason string
	if err != nil {
		data.Catalog.Error = runFailure(err, "the catalogue was cancelled", catalogCancelledRemedy)
		reason = data.Catalog.Error.Type
	}
	if result.Report.JSON.Key != "" {
		data.Catalog.Report = &result.Report
	}
	tell(ctx, nil, stemflow.EventCatalogEnded, data, reason, fmt.Sprintf("%d %d %d %d %d",
		result.Archived+result.Found, result.Partial, result.Failed, result.Skipped, result.Cancelled))
	// A delivery that Temporal does not have when the run ends is lost.
	detached, _ := workflow.NewDisconnectedContext(ctx)
	_ = workflow.Await(detached, func() bool { return c.telling == 0 })
}

func (c *catalog) event() stemflow.EventData {
	return stemflow.EventData{Catalog: &stemflow.CatalogEvent{
		Name: short(c.in.Name), Tracks: c.state.Prepared.Tracks, CatalogCounts: c.state.Counts, Credits: c.budget.spent,
	}}
}
