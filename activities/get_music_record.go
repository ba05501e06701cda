package activities

import (
	"context"
	"errors"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/kie"
)

// GetMusicRecord asks the provider what a track that it has made is called. That costs nothing.
type GetMusicRecord struct {
	Provider *kie.Client
}

// Execute fails for good where the provider does not know the track, and otherwise to be retried.
// No run depends on it.
func (a *GetMusicRecord) Execute(ctx context.Context, in activityapi.GetMusicRecordInput) (*stemflow.Music, error) {
	music, err := a.Provider.Music(ctx, in.TaskID, in.AudioID)
	verdict := kie.VerdictOf(err)
	switch {
	case err == nil:
		return music, nil
	case errors.Is(err, kie.ErrNoMusic), verdict == kie.Unauthorized, verdict == kie.Rejected:
		return nil, final(activityapi.ActivityErrorNoRecord, err.Error(), err)
	}
	return nil, retryable(stemflow.ErrorProviderUnavailable, err.Error(), err)
}
