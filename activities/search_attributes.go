package activities

import (
	"context"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/activity"

	"stemflow"
)

const (
	// attributesFor is how long an answer about the namespace's search attributes holds. They are
	// changed by hand, and rarely. A run that sets one which was taken away meanwhile is held up
	// for that long.
	attributesFor = 10 * time.Second
	// attributesTimeout: nothing that is optional keeps a separation waiting for long.
	attributesTimeout = 5 * time.Second
)

// SearchAttributes knows which of stemflow's search attributes a namespace has.
type SearchAttributes struct {
	// Operator is a client's.
	Operator operatorservice.OperatorServiceClient

	mu         sync.Mutex
	registered map[string][]string
	until      time.Time
}

// Execute returns those that the namespace has now.
func (s *SearchAttributes) Execute(ctx context.Context) ([]string, error) {
	return s.in(ctx, activity.GetInfo(ctx).Namespace), nil
}

// in are those that the namespace has, of the right type. They are optional: where the server does
// not say, there are none.
func (s *SearchAttributes) in(ctx context.Context, namespace string) []string {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); now.After(s.until) {
		s.registered, s.until = map[string][]string{}, now.Add(attributesFor)
	}
	names, ok := s.registered[namespace]
	if !ok {
		names = s.list(ctx, namespace)
		s.registered[namespace] = names
	}
	return names
}

func (s *SearchAttributes) list(ctx context.Context, namespace string) []string {
	// A run that is cancelled must not make the answer for all others.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), attributesTimeout)
	defer cancel()
	answer, err := s.Operator.ListSearchAttributes(
		ctx,
		&operatorservice.ListSearchAttributesRequest{Namespace: namespace},
	)
	if err != nil {
		activity.GetLogger(ctx).Debug("the server does not list its search attributes: none are set", "error", err)
		return nil
	}
	var names []string
	for _, name := range stemflow.SearchAttributes() {
		if answer.GetCustomAttributes()[name] == enumspb.INDEXED_VALUE_TYPE_KEYWORD {
			names = append(names, name)
		}
	}
	return names
}
