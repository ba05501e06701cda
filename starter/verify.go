package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/internal/allowed"
	"stemflow/internal/verify"
	"stemflow/internal/verifycli"
	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/observe"
)

func init() { register(groupArchive, newVerifyCommand) }

func newVerifyCommand(c *cli) *cobra.Command {
	cmd := c.newCommand("verify", "check that what is archived is there and whole, and repair it", `
Checks manifests, stems and ledgers, of all that is archived, of a prefix, or of one track. It changes
nothing and needs the object store alone; Temporal, where it is reached, says which runs are still
open.

Without --read-data it takes the store's word for sizes and checksums. --repair has the workers check,
and resume what is paid for. It never pays.

Exit codes are those of restic's check: 0 no errors, 1 errors or no end of the check, 2 usage, 10 no
such archive, 12 the store refuses the credentials, 130 interrupted.`,
		"verify",
		"verify --prefix music/2026 --read-data-subset 5% --limit-rate 20M",
		"verify --task-id 5c79...be8e --audio-id e231...c7dc --type split_stem --read-data",
		"verify --repair")
	in, track := &stemflow.VerifyArchiveInput{}, &stemflow.SeparateStemsInput{}
	c.trackFlags(cmd, track)
	archiveFlags(cmd, track, "STEMFLOW_BUCKET and STEMFLOW_PREFIX")
	set := cmd.Flags()
	all := set.Bool("read-data", false, "read all stems back and hash them")
	set.StringVar(&in.ReadData, "read-data-subset", "",
		"`PART` of the stems to read back: a random share like 5%, the n-th of t parts like 1/7, or a size like 10G")
	set.StringVar(&in.LimitRate, "limit-rate", "", "`BYTES` a second to read at most, like 20M")
	set.Var((*durationFlag)(&in.Deadline), "deadline",
		"`DURATION`, the longest deadline that separations are given; until it has passed they are under way")
	set.BoolVar(&in.Repair, "repair", false,
		"have the workers resume what is paid for, and write again what follows from it")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *all && in.ReadData != "" {
			return failure.Usage(nameOf(cmd),
				"--read-data reads everything, --read-data-subset a part: leave one of them out")
		}
		if *all {
			in.ReadData = "all"
		}
		in.Bucket, in.Prefix = track.Bucket, track.Prefix
		in.TaskID, in.AudioID, in.Type, in.StemName = track.TaskID, track.AudioID, track.Type, track.StemName
		return c.verify(cmd.Context(), *in)
	}
	return cmd
}

func (c *cli) verify(ctx context.Context, in stemflow.VerifyArchiveInput) error {
	if err := failure.Input(in); err != nil {
		return err
	}
	cfg, err := c.config()
	if err != nil {
		return failure.Configuration(err)
	}
	var temporal *observe.Temporal
	defer func() {
		if temporal != nil {
			temporal.Close()
		}
	}()
	command := &verifycli.Command{
		Input:  in,
		Limits: allowed.Limits{Bucket: cfg.Bucket, Prefix: cfg.Prefix, Places: cfg.Allowed},
		Ledger: allowed.PlaceOf(cfg.LedgerBucket, cfg.LedgerPrefix),
		Store: func() (verify.Store, error) {
			store, _, err := c.openStore()
			return store, err
		},
		Temporal: func(ctx context.Context) (client.Client, error) {
			var err error
			temporal, err = c.connect(ctx)
			return temporal, err
		},
		TaskQueue: cfg.TaskQueue,
		Stdout:    c.forPeople(),
		Format: map[string]verifycli.Format{
			formatText: verifycli.Text, formatJSON: verifycli.JSON, formatJSONL: verifycli.JSONLines,
		}[c.global.format],
	}
	if c.wantsJSON() {
		command.Stdout = c.forScripts()
	}
	if c.showsProgress() {
		_, isTerminal := c.stderrSize()
		command.Progress, command.InPlace = c.stderr, isTerminal && !cfg.DumbTerminal
	}
	return verifyFailure(command.Run(ctx))
}

// verifyFailure is the failure that the error of a check is.
func verifyFailure(err error) error {
	e, ok := errors.AsType[*verifycli.Error](err)
	if !ok {
		return err
	}
	return &failure.Failure{Type: e.Type, Message: e.Message, Hint: e.Hint, Code: e.Code, Reported: e.Reported}
}
