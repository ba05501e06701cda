package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"

	"stemflow"
	"stemflow/dev/internal/proving"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
)

// stages are how long the parts of a separation took, one time for each track that has it.
type stages struct {
	turn     []time.Duration // from the start of the first run until the paid call began
	call     []time.Duration // the paid call
	known    []time.Duration // from the provider being done until the run knew
	archived []time.Duration // from then until the last stem was safe
	// workflowTask and activity are how long tasks waited in Temporal for a worker, without the
	// submit, which waits for the provider's rate by design.
	workflowTask, activity []time.Duration
}

// collect reads back all that there is.
func (p *proof) collect(ctx context.Context, faults []fault, took time.Duration) (evidence, error) {
	e := evidence{faults: faults, took: took, restarted: map[string]int{}}
	if len(p.tracks) >= fullProof && !p.calm {
		e.wanted = len(targets(p.members))
	}
	for _, t := range p.tracks {
		e.tracks = append(e.tracks, accounted{t.in.AudioID, t.catalogued, t.remedy, t.ends, t.archived})
	}
	for _, m := range p.members {
		if n := m.unwanted(); n > 0 {
			e.restarted[m.name] = n
		}
	}
	if err := proving.Eventually(ctx, "the bill is read", func(ctx context.Context) error {
		var err error
		e.bill, err = p.bill(ctx)
		return err
	}); err != nil {
		return e, err
	}
	info, err := p.client.WorkflowService().GetSystemInfo(ctx, &workflowservice.GetSystemInfoRequest{})
	if err != nil {
		return e, err
	}
	e.version = info.ServerVersion
	manifests, err := p.readBack(ctx, &e)
	if err != nil {
		return e, err
	}
	for _, t := range p.tracks {
		if m, found := manifests[t.in.AudioID]; found {
			e.stages.addManifest(m)
		}
		if err := p.readHistory(ctx, t, &e.stages); err != nil {
			return e, err
		}
	}
	fmt.Printf("ok  %5.1fs  %d objects are read back\n", time.Since(p.begun).Seconds(), e.objects)
	return e, nil
}

// read is an object as it is in the store.
type read struct {
	size   int64
	sha256 string
}

// readBack reads every object in the bucket, and holds those of tracks against their manifests.
func (p *proof) readBack(ctx context.Context, e *evidence) (map[string]stemflow.Manifest, error) {
	store, err := p.store()
	if err != nil {
		return nil, err
	}
	listed, err := store.List(ctx, bucket, "")
	if err != nil {
		return nil, err
	}
	objects := map[string]read{}
	var mu sync.Mutex
	var reading sync.WaitGroup
	keys := make(chan string)
	const readers = 4
	for range readers {
		reading.Go(func() {
			for key := range keys {
				found, err := readObject(ctx, store, key)
				mu.Lock()
				if err != nil {
					e.broken = append(e.broken, fmt.Sprintf("the object %s cannot be read: %v", key, err))
				} else {
					objects[key] = found
					e.bytes += found.size
				}
				mu.Unlock()
			}
		})
	}
	for _, object := range listed {
		keys <- object.Key
	}
	close(keys)
	reading.Wait()
	e.objects = len(objects)

	manifests := map[string]stemflow.Manifest{}
	expected := map[string]bool{}
	for _, t := range p.tracks {
		loc := archive.Locate(bucket, "", t.in.Track())
		var m stemflow.Manifest
		if _, err := store.ReadJSON(ctx, bucket, archive.ManifestKey(loc), &m); err != nil {
			e.broken = append(e.broken, fmt.Sprintf("the track %s has no manifest: %v", t.in.AudioID, err))
			continue
		}
		manifests[t.in.AudioID] = m
		e.broken = append(e.broken, compare(loc, m, objects)...)
		for _, key := range keysOf(loc, m) {
			expected[key] = true
		}
	}
	for key := range objects {
		if _, _, isTrack := archive.Parse(key); isTrack && !expected[key] {
			e.broken = append(e.broken, fmt.Sprintf("the object %s is a track's, and no manifest names it", key))
		}
	}
	return manifests, nil
}

func readObject(ctx context.Context, store *archive.Store, key string) (read, error) {
	object, _, err := store.Open(ctx, bucket, key)
	if err != nil {
		return read{}, err
	}
	defer object.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, object)
	return read{n, hex.EncodeToString(sum.Sum(nil))}, err
}

// keysOf are all objects that a track has.
func keysOf(loc activityapi.Location, m stemflow.Manifest) []string {
	keys := []string{archive.ManifestKey(loc), archive.SubmissionKey(loc)}
	for _, stem := range m.Stems {
		keys = append(keys, stem.Key)
	}
	return keys
}

// compare holds a manifest against what was read.
func compare(loc activityapi.Location, m stemflow.Manifest, objects map[string]read) []string {
	var broken []string
	for _, key := range keysOf(loc, m) {
		if _, found := objects[key]; !found {
			broken = append(broken, fmt.Sprintf("the object %s is not there", key))
		}
	}
	if want := len(stemflow.ExpectedStems(kind, "")); len(m.Stems) != want {
		broken = append(broken,
			fmt.Sprintf("the manifest in %s has %d stems instead of %d", loc.Dir, len(m.Stems), want))
	}
	for _, stem := range m.Stems {
		found, isThere := objects[stem.Key]
		if isThere && (found.size != stem.Size || found.sha256 != stem.SHA256) {
			broken = append(broken, fmt.Sprintf("the object %s is not what its manifest says: %d bytes with SHA-256 %s",
				stem.Key, found.size, found.sha256))
		}
	}
	return broken
}

func (s *stages) addManifest(m stemflow.Manifest) {
	if !m.Provider.CompletedAt.IsZero() {
		s.known = append(s.known, m.SettledAt.Sub(m.Provider.CompletedAt))
	}
	s.archived = append(s.archived, m.ArchivedAt.Sub(m.SettledAt))
}

// readHistory reads the first run of a track, where it waited for what.
func (p *proof) readHistory(ctx context.Context, t *track, s *stages) error {
	var events []*historypb.HistoryEvent
	err := proving.Eventually(ctx, "a history is read", func(ctx context.Context) error {
		events = nil
		iter := p.client.GetWorkflowHistory(ctx, stemflow.WorkflowID(t.in), "", false,
			enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for iter.HasNext() {
			event, err := iter.Next()
			if err != nil {
				return err
			}
			events = append(events, event)
		}
		if len(events) == 0 {
			return errors.New("it is empty")
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.addHistory(events)
	return nil
}

// addHistory adds how long the tasks of a run waited.
func (s *stages) addHistory(events []*historypb.HistoryEvent) {
	at := func(id int64) time.Time { return events[id-1].GetEventTime().AsTime() }
	submitBegan, submitID := time.Time{}, int64(0)
	for _, event := range events {
		when := event.GetEventTime().AsTime()
		if started := event.GetWorkflowTaskStartedEventAttributes(); started != nil {
			s.workflowTask = append(s.workflowTask, when.Sub(at(started.ScheduledEventId)))
		}
		if started := event.GetActivityTaskStartedEventAttributes(); started != nil {
			scheduled := events[started.ScheduledEventId-1].GetActivityTaskScheduledEventAttributes()
			switch {
			case scheduled.GetActivityType().GetName() != activityapi.ActivitySubmitSeparation:
				if started.Attempt == 1 {
					s.activity = append(s.activity, when.Sub(at(started.ScheduledEventId)))
				}
			case submitBegan.IsZero():
				submitBegan, submitID = when, started.ScheduledEventId
				s.turn = append(s.turn, when.Sub(at(1)))
			}
		}
		if done := event.GetActivityTaskCompletedEventAttributes(); done != nil && done.ScheduledEventId == submitID {
			s.call = append(s.call, when.Sub(submitBegan))
		}
	}
}
