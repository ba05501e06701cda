package activities

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/hook"
	"stemflow/internal/redact"
)

// Hooks tell of events. A nil one, like one without a hook, tells nobody.
type Hooks struct {
	Webhook *hook.Webhook
	Command *hook.Command
	Notify  func(ctx context.Context, event stemflow.Event) error
	// Events are what the hooks are told; empty: everything.
	Events []stemflow.EventType
	// Redactor hides secrets in what an event repeats from outside.
	Redactor *redact.Redactor
}

func (h *Hooks) list() (list activityapi.Hooks) {
	if h == nil {
		return list
	}
	if h.Webhook != nil {
		list.Names = append(list.Names, activityapi.HookWebhook)
	}
	if h.Command != nil {
		list.Names = append(list.Names, activityapi.HookCommand)
	}
	if h.Notify != nil {
		list.Names = append(list.Names, activityapi.HookNotifier)
	}
	if len(list.Names) > 0 {
		list.Events = h.Events
	}
	return list
}

// List returns the hooks, for runs that end before they have prepared their archive.
func (h *Hooks) List(context.Context) (*activityapi.Hooks, error) {
	list := h.list()
	return &list, nil
}

// Deliver fails with ErrorNotDelivered: for good where the receiver does not want the event, and to
// be tried again otherwise. So does a worker that has no such hook: another may have.
func (h *Hooks) Deliver(ctx context.Context, in activityapi.DeliverToHookInput) error {
	if !slices.Contains(h.list().Names, in.Hook) {
		return retryable(activityapi.ErrorNotDelivered, "this worker has no hook "+in.Hook+
			": give all workers of a task queue the same hooks", nil)
	}
	event := h.hide(in.Event)
	body, err := json.Marshal(event)
	if err != nil {
		return final(activityapi.ErrorNotDelivered, "the event cannot be written: "+err.Error(), err)
	}
	switch in.Hook {
	case activityapi.HookWebhook:
		err = h.Webhook.Send(ctx, event.ID, body)
	case activityapi.HookCommand:
		err = h.Command.Run(ctx, event, body)
	default:
		err = h.Notify(ctx, event)
	}
	return notDelivered(activity.GetInfo(ctx), err)
}

// hide hides what texts in an event may repeat of a provider, a store or a list.
func (h *Hooks) hide(event stemflow.Event) stemflow.Event {
	if s := event.Data.Separation; s != nil {
		hidden := *s
		hidden.Title, hidden.Error = h.Redactor.Secrets(s.Title), h.hideFailure(s.Error)
		event.Data.Separation = &hidden
	}
	if c := event.Data.Catalog; c != nil {
		hidden := *c
		hidden.Error = h.hideFailure(c.Error)
		if c.Paused != nil {
			paused := *c.Paused
			paused.Message = h.Redactor.Outside(paused.Message)
			hidden.Paused = &paused
		}
		event.Data.Catalog = &hidden
	}
	return event
}

func (h *Hooks) hideFailure(failure *stemflow.RunFailure) *stemflow.RunFailure {
	if failure == nil {
		return nil
	}
	hidden := *failure
	hidden.Message = h.Redactor.Outside(failure.Message)
	return &hidden
}

// notDelivered is the failure of an attempt. A receiver may ask for a longer pause than the policy
// has, and not for a shorter one.
func notDelivered(info activity.Info, err error) error {
	if err == nil {
		return nil
	}
	// A notifier of the host decides by itself. Temporal heeds the outermost error alone.
	if decision, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		if err == error(decision) {
			return err
		}
		return failed(decision.Type(), err.Error(), temporal.ApplicationErrorOptions{
			NonRetryable: decision.NonRetryable(), NextRetryDelay: decision.NextRetryDelay(),
			Category: decision.Category(), Cause: decision,
		})
	}
	told, ok := errors.AsType[*hook.Error](err)
	switch {
	case ok && told.Final:
		return final(activityapi.ErrorNotDelivered, told.Message, nil)
	case ok && told.RetryAfter > pauseAfter(info):
		return retryableAfter(told.RetryAfter, activityapi.ErrorNotDelivered, told.Message, nil)
	default:
		return retryable(activityapi.ErrorNotDelivered, err.Error(), nil)
	}
}

// pauseAfter is the pause of the policy after an attempt.
func pauseAfter(info activity.Info) time.Duration {
	policy := info.RetryPolicy
	if policy == nil {
		return 0
	}
	seconds := policy.InitialInterval.Seconds() * math.Pow(policy.BackoffCoefficient, float64(info.Attempt-1))
	most := policy.MaximumInterval
	if most == 0 {
		most = 100 * policy.InitialInterval
	}
	return time.Duration(min(seconds, most.Seconds()) * float64(time.Second))
}
