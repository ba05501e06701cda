package workflows

import (
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/outcome"
)

// startOrSkip brings a track on its way once there is room for it, or skips it where it cannot be
// paid. When the history has become long meanwhile, the track is left to the next run.
func (c *catalog) startOrSkip(ctx workflow.Context, track activityapi.RunningTrack) error {
	price := trackPrice(track)
	for {
		err := workflow.Await(ctx, func() bool { return shouldContinueAsNew(ctx) || c.hasRoom(price) })
		if err != nil {
			return err
		}
		if shouldContinueAsNew(ctx) {
			c.putBack(track)
			return nil
		}
		withinBudget, balance := c.budget.affords(price)
		switch {
		case price == 0 || withinBudget && balance:
			c.budget.reserve(&track, price)
			c.start(ctx, track)
			return nil
		case withinBudget && c.budget.stale():
			if err := c.lookAtBalance(ctx); err != nil {
				return err
			}
		case c.budget.reserved > 0:
			// Something of that may come free.
			reserved := c.budget.reserved
			err := workflow.Await(ctx, func() bool {
				return shouldContinueAsNew(ctx) || c.budget.reserved < reserved
			})
			if err != nil {
				return err
			}
		default:
			c.finishTrack(ctx, c.skipped(track, price, withinBudget))
			return nil
		}
	}
}

// trackPrice is what a track costs if it has to be paid for. With an id of what is paid for its run
// never pays.
func trackPrice(track activityapi.RunningTrack) int {
	if track.Input.SeparationTaskID != "" {
		return 0
	}
	return stemflow.Price(track.Input.WithDefaults().Type)
}

func (c *catalog) skipped(track activityapi.RunningTrack, price int, withinBudget bool) stemflow.TrackOutcome {
	row := outcome.OfTrack(track.CatalogTrack, stemflow.TrackSkipped)
	row.Credits = track.Credits
	if withinBudget {
		row.Reason = stemflow.ErrorInsufficientCredits
		row.Message = fmt.Sprintf(
			"the account has %v credits, and the track may cost %d; top it up and start the catalogue again",
			c.budget.balance,
			price,
		)
		if c.budget.refusedAt > 0 {
			row.Message = fmt.Sprintf(
				"the account has %v credits, and at %v the provider would take no track; look at its prices and at "+
					"the limits of the key",
				c.budget.balance,
				c.budget.refusedAt,
			)
		}
		return row
	}
	row.Reason = stemflow.ReasonCreditBudget
	row.Message = fmt.Sprintf(
		"%d of the budget's %d credits are spent, and the track may cost %d; start the catalogue again with "+
			"another budget",
		c.budget.spent,
		*c.budget.limit,
		price,
	)
	return row
}

// lookAtBalance asks the provider what the account has. While that cannot be learned nothing is
// paid: the catalogue pauses.
func (c *catalog) lookAtBalance(ctx workflow.Context) error {
	var balance activityapi.Balance
	err := workflow.ExecuteActivity(balanceOptions(ctx), activityapi.ActivityGetBalance).Get(ctx, &balance)
	if temporal.IsCanceledError(err) {
		return err
	}
	if err == nil {
		c.budget.setBalance(balance.Credits)
		c.showDetails(ctx)
		return nil
	}
	reason, message := stemflow.ErrorProviderUnavailable, err.Error()
	if kind, app := applicationError(err); app != nil {
		message = app.Message()
		if isErrorType(kind) {
			reason = kind
		}
	}
	c.pauseItself(ctx, reason, "the account's balance cannot be read: "+message)
	return nil
}
