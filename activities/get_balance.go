package activities

import (
	"context"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/kie"
)

// GetBalance asks the provider how many credits the account has.
type GetBalance struct {
	Provider *kie.Client
}

// Execute fails for good with ErrorUnauthorized and ErrorProviderRejected, and is retried with
// ErrorProviderUnavailable.
func (a *GetBalance) Execute(ctx context.Context) (*activityapi.Balance, error) {
	credits, err := a.Provider.Credits(ctx)
	switch verdict := kie.VerdictOf(err); {
	case err == nil:
		return &activityapi.Balance{Credits: credits}, nil
	case verdict == kie.InsufficientCredits:
		return &activityapi.Balance{}, nil
	case verdict == kie.Unauthorized:
		return nil, final(stemflow.ErrorUnauthorized, err.Error(), err)
	case verdict == kie.Rejected:
		return nil, final(stemflow.ErrorProviderRejected, err.Error(), err)
	default:
		return nil, retryable(stemflow.ErrorProviderUnavailable, err.Error(), err)
	}
}
