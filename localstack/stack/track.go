package main

import (
	"crypto/rand"
	"encoding/hex"
	"net/url"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
)

// newTrack is the input for a track that was never separated before. The provider's stand-in takes
// any ids.
func newTrack() stemflow.SeparateStemsInput {
	return stemflow.SeparateStemsInput{TaskID: "song-" + randomID(), AudioID: "track-1", Type: stemflow.SplitStem}
}

// randomID is one that nothing had before.
func randomID() string {
	id := make([]byte, 4)
	_, _ = rand.Read(id) // it never fails
	return hex.EncodeToString(id)
}

// location is where a track's stems are.
func location(in stemflow.SeparateStemsInput) activityapi.Location {
	return archive.Locate(bucket, "", in.Track())
}

// workflowURL shows the latest run of a track in Temporal's UI.
func (s *stack) workflowURL(in stemflow.SeparateStemsInput) string {
	return "http://" + s.temporalUI + "/namespaces/default/workflows/" + url.PathEscape(stemflow.WorkflowID(in))
}

// startFormURL opens the form of Temporal's UI that starts a workflow. Its address fills in
// everything but the input.
func (s *stack) startFormURL(in stemflow.SeparateStemsInput) string {
	return "http://" + s.temporalUI + "/namespaces/default/workflows/start-workflow?" + url.Values{
		"workflowType": {stemflow.WorkflowSeparateStems},
		"taskQueue":    {stemflow.TaskQueue},
		"workflowId":   {stemflow.WorkflowID(in)},
	}.Encode()
}

// folderURL shows a track's objects in MinIO's console.
func (s *stack) folderURL(in stemflow.SeparateStemsInput) string {
	return "http://" + s.console + "/browser/" + bucket + "/" + url.PathEscape(location(in).Dir)
}
