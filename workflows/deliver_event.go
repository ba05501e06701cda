package workflows

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"stemflow/internal/activityapi"
)

// DeliverEvent delivers an event to each hook, whatever becomes of the others. It fails if one has
// not taken it: nobody waits for it, and its failure is there to be seen.
func DeliverEvent(ctx workflow.Context, in activityapi.DeliverEventInput) error {
	deliveries := make([]string, len(in.Hooks))
	errs := make([]error, len(in.Hooks))
	show := func() {
		var b details
		b.addf("%s `%s` of `%s`\n\n| hook | delivery |\n|---|---|\n",
			in.Event.Type, in.Event.ID, in.Event.Data.WorkflowID)
		for i, name := range in.Hooks {
			b.addf("| %s | %s |\n", name, deliveries[i])
		}
		workflow.SetCurrentDetails(ctx, b.String())
	}
	for i := range deliveries {
		deliveries[i] = "under way"
	}
	show()
	group := workflow.NewWaitGroup(ctx)
	for i, name := range in.Hooks {
		group.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer group.Done()
			errs[i] = workflow.ExecuteActivity(hookOptions(ctx, name), activityapi.ActivityDeliverToHook,
				activityapi.DeliverToHookInput{Hook: name, Event: in.Event}).
				Get(ctx, nil)
			outcome := outcomeDelivered
			deliveries[i] = outcome
			if errs[i] != nil {
				outcome = outcomeFailed
				deliveries[i] = "**failed**: " + plainText(shorten(deliveryMessage(errs[i])))
			}
			countDelivery(ctx, name, string(in.Event.Type), outcome)
			show()
		})
	}
	group.Wait(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var failed []string
	for i, err := range errs {
		if err != nil {
			failed = append(failed, in.Hooks[i]+": "+deliveryMessage(err))
		}
	}
	if len(failed) == 0 {
		return nil
	}
	message := fmt.Sprintf("%d of %d hooks have not taken %s: %s",
		len(failed), len(in.Hooks), in.Event.Type, shorten(strings.Join(failed, "; ")))
	return temporal.NewNonRetryableApplicationError(message, activityapi.ErrorNotDelivered, nil)
}

// deliveryMessage is what the last attempt said.
func deliveryMessage(err error) string {
	if _, app := applicationError(err); app != nil {
		return app.Message()
	}
	return err.Error()
}
