package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"stemflow"
	"stemflow/starter/internal/archived"
	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/view"
)

func init() { register(groupArchive, newCostCommand) }

func newCostCommand(c *cli) *cobra.Command {
	cmd := c.newCommand("cost", "sum up what separations have cost", `
Reads all ledgers of the account (STEMFLOW_LEDGER_BUCKET, STEMFLOW_LEDGER_PREFIX): every separation
that was paid for counts, also those that were forced, that came before others, that the provider
failed, and whose stems were deleted. Prices are those of the provider's documents, so the account's
own bill may differ.

An attempt whose outcome is not known is listed apart: it may have been paid for.

With a track it is what that has cost, in all types unless one is given.

--by day goes by the day of payment in UTC, --by prefix by where in STEMFLOW_BUCKET the stems are.`,
		"cost",
		"cost --by day",
		"cost song.mp3",
		"cost --by prefix --json")
	in := &stemflow.SeparateStemsInput{}
	c.trackFlags(cmd, in)
	by := cmd.Flags().String("by", "", "break it down by `WHAT`: day, prefix or type")
	ways := []string{archived.ByDay, archived.ByPrefix, archived.ByType}
	complete(cmd, "by", ways...)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if cmd.Flags().Changed("by") && !slices.Contains(ways, *by) {
			return failure.Usage(nameOf(cmd), "%q is no value for --by: use %s", *by, strings.Join(ways, ", "))
		}
		if in.TaskID+in.AudioID+in.StemName != "" || in.Type != "" {
			if err := failure.Input(paidInput{*in}); err != nil {
				return err
			}
		}
		return c.cost(cmd.Context(), *in, *by)
	}
	return cmd
}

func (c *cli) cost(ctx context.Context, in stemflow.SeparateStemsInput, by string) error {
	store, cfg, err := c.openStore()
	if err != nil {
		return err
	}
	costs, err := archived.ReadCosts(ctx, store, cfg, in, by)
	if err != nil {
		return err
	}
	if c.wantsJSON() {
		c.printJSON(costs)
	} else {
		c.printCosts(costs, by)
	}
	if len(costs.Unread) == 0 {
		return nil
	}
	return &failure.Failure{
		Type: failure.TypeIncomplete, Code: failure.ExitFailed, Reported: c.wantsJSON(),
		Message: fmt.Sprintf("%s cannot be read, and what they know is in no sum: %s",
			view.Plural(len(costs.Unread), "ledger"), strings.Join(costs.Unread, ", ")),
		Hint: "Mend them: without them the tracks cannot be started either.",
	}
}

func (c *cli) printCosts(costs *archived.Costs, by string) {
	headings := []view.Heading{
		{Text: cmp.Or(by, "total")}, {Text: "separations", IsFigure: true}, {Text: "credits", IsFigure: true},
		{Text: "US$", IsFigure: true}, {Text: "failed", IsFigure: true}, {Text: "may have been paid", IsFigure: true},
	}
	if costs.WAVs > 0 {
		headings = append(headings, view.Heading{Text: "WAVs", IsFigure: true})
	}
	row := func(key string, s archived.Spent) []string {
		unknown := "-"
		if s.MayHavePaid > 0 {
			unknown = fmt.Sprintf("%d (%s credits)", s.MayHavePaid, humanize.Comma(int64(s.MayHavePaidCredits)))
		}
		cells := []string{
			key, humanize.Comma(int64(s.Separations)),
			humanize.CommafWithDigits(float64(s.Credits)+s.WAVCredits, 1),
			humanize.FormatFloat("#,###.##", s.Dollars), humanize.Comma(int64(s.Failed)), unknown,
		}
		if costs.WAVs > 0 {
			cells = append(cells, humanize.Comma(int64(s.WAVs)))
		}
		return cells
	}
	var rows [][]string
	for _, part := range costs.Rows {
		rows = append(rows, row(cmp.Or(part.Key, "(no prefix)"), part.Spent))
	}
	view.Table(c.forPeople(), headings, append(rows, row("all", costs.Spent)), c.room(view.Whole))
	if costs.MayHavePaid > 0 && !c.global.quiet {
		c.printf("\n%s may have been paid for: the provider's log says whether (https://kie.ai/logs).\n",
			view.Plural(costs.MayHavePaid, "attempt"))
	}
}
