package main

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"stemflow/internal/config"
	"stemflow/internal/redact"
	"stemflow/starter/internal/doctor"
	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/view"
)

func init() { register(groupOther, newDoctorCommand) }

func newDoctorCommand(c *cli) *cobra.Command {
	cmd := c.newCommand("doctor", "find out what is wrong with an installation", `
Checks the environment's variables, the provider's key and balance, the object store, Temporal and the
workers on its queues, the callback bridge as the provider would reach it, the file hosts, and the
clocks. What is wrong is named, each with what to do about it. One problem hides no other: a check is
skipped only if what it builds on has failed.

Run it where the worker runs, with the worker's environment: then every check has what it needs. With
other variables, what they do not lead to is skipped. To see the bridge as the provider does, run it
outside of your network too, with --check bridge, STEMFLOW_CALLBACK_BASE_URL and
STEMFLOW_CALLBACK_SECRETS.

It pays for nothing and starts nothing. It writes one small object into the bucket, below _doctor/,
and removes it if the key may delete. The bridge is sent callbacks that it must refuse.

Exit codes: 0 all is well, perhaps with warnings, 1 a check has failed, 2 a variable or the command
line is wrong, whatever else has failed, 130 interrupted.`,
		"doctor",
		"doctor --quiet",
		"doctor --check bridge --check store-write",
		"doctor -o json",
		"doctor --for worker --for bridge")
	programs := cmd.Flags().StringSlice("for", nil,
		"`PROGRAM` whose environment this is: worker, bridge or cli; may be repeated (default: what the variables show)")
	complete(cmd, "for", config.Programs()...)
	checks := cmd.Flags().StringSlice("check", nil,
		"`NAME` of a check to run, with those that it needs; bridge is bridge-secret too; may be repeated (default: all)")
	complete(cmd, "check", doctor.Names()...)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		for _, name := range *programs {
			if !slices.Contains(config.Programs(), name) {
				return failure.Usage(nameOf(cmd), "%q is no value for --for: use %s", name,
					strings.Join(config.Programs(), ", "))
			}
		}
		for _, name := range *checks {
			if !slices.Contains(doctor.Names(), name) {
				return failure.Usage(nameOf(cmd), "%q is no check: there are %s", name,
					strings.Join(doctor.Names(), ", "))
			}
		}
		return c.doctor(cmd.Context(), *programs, *checks)
	}
	return cmd
}

func (c *cli) doctor(ctx context.Context, programs, checks []string) error {
	survey := c.survey()
	_, isTerminal := c.stdoutSize()
	printer := doctor.Printer{
		W: c.stdout, Room: c.room(view.DefaultRoom), Quiet: c.global.quiet,
		Colored: isTerminal && !survey.Starter.NoColor && !survey.Starter.DumbTerminal,
	}
	results := doctor.Run(ctx, doctor.Options{
		Survey: survey, Server: c.global.server, For: programs, Checks: checks,
		Secrets: redact.New(c.secrets(c.global.server.Profile)...),
	}, func(r doctor.Result) {
		switch c.global.format {
		case formatText:
			printer.Print(r)
		case formatJSONL:
			c.printJSON(r)
		}
	})
	switch c.global.format {
	case formatText:
		printer.Totals(results)
	case formatJSON:
		c.printJSON(map[string][]doctor.Result{"checks": results})
	}
	return c.unwell(ctx, results)
}

// unwell is the failure of an installation that does not work. The output has all about it.
func (c *cli) unwell(ctx context.Context, results []doctor.Result) error {
	f := &failure.Failure{
		Type: failure.TypeUnwell, Message: "a check has failed", Code: failure.ExitFailed, Reported: true,
	}
	wrong := slices.ContainsFunc(results, func(r doctor.Result) bool {
		return r.Name == doctor.CheckConfiguration && r.Status == doctor.Failed
	})
	switch {
	case ctx.Err() != nil:
		return &failure.Failure{
			Type: failure.TypeInterrupted, Message: "interrupted: not all was checked", Code: failure.ExitInterrupted,
			Reported: c.global.format == formatJSON, // by the one document
		}
	case wrong:
		f.Code = failure.ExitUsage
		return f
	case doctor.Worst(results) == doctor.Failed:
		return f
	default:
		return nil
	}
}
