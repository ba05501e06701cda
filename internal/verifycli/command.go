// Package verifycli is the command that checks an archive, apart from its flags: what it prints,
// and how it ends. Its exit codes are those of restic's check.
package verifycli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/allowed"
	"stemflow/internal/archive"
	"stemflow/internal/outcome"
	"stemflow/internal/reach"
	"stemflow/internal/verify"
)

// Exit codes, as restic's check has them; 2 is left to the command line. A code that is not known
// means that the check failed.
const (
	ExitIntact      = 0   // no damage
	ExitDamaged     = 1   // damage, or the check did not come to its end
	ExitUsage       = 2   // the command line is wrong
	ExitNoArchive   = 10  // there is no such bucket, or nothing in it of what was to be checked
	ExitForbidden   = 12  // the store does not accept the credentials
	ExitInterrupted = 130 // a signal ended it
)

// Types of errors that are none of stemflow's error types.
const (
	TypeNoArchive   = "NoArchive"
	TypeForbidden   = "Forbidden"
	TypeTemporal    = "TemporalUnavailable"
	TypeInterrupted = "Interrupted"
)

// Error is why a check does not end with [ExitIntact].
type Error struct {
	Type, Message, Hint string
	Code                int
	// Reported says that the output has it already.
	Reported bool
}

func (e *Error) Error() string { return e.Type + ": " + e.Message }

// Command checks an archive from the command line.
type Command struct {
	Input stemflow.VerifyArchiveInput
	// Limits say where workers may archive to, and Ledger where they keep the ledgers.
	Limits allowed.Limits
	Ledger allowed.Place
	// Store opens the object store, which a repair does not need.
	Store func() (verify.Store, error)
	// Temporal connects to Temporal. A repair needs it, on the TaskQueue of the workers; a check
	// asks it, if it can, whether runs are still open.
	Temporal  func(context.Context) (client.Client, error)
	TaskQueue string

	Stdout io.Writer
	// Format is of what goes there.
	Format Format
	// Progress takes a line now and then; nil for none. In place says that it is a terminal.
	Progress io.Writer
	InPlace  bool
}

// Run checks, prints what it finds as it finds it, and sums up. The error is an [*Error], or one of
// Store or of a Temporal that a repair needs; nil if there is no damage.
func (c *Command) Run(ctx context.Context) error {
	if err := c.Input.Validate(); err != nil {
		return &Error{Type: stemflow.ErrorInvalidInput, Message: err.Error(), Code: ExitUsage}
	}
	p := newPrinter(c)
	result := stemflow.VerifyArchiveResult{StartedAt: time.Now().UTC()}
	check := c.check
	if c.Input.Repair {
		check = c.repair
	}
	err := check(ctx, p, &result)
	p.clear()
	if own, ok := errors.AsType[*callersError](err); ok {
		return own.err
	}
	if err != nil {
		return c.failure(ctx, p, result, err)
	}
	p.summary(result)
	switch {
	case result.Damage > 0:
		return &Error{
			Type: stemflow.ErrorArchiveDamaged, Code: ExitDamaged, Reported: c.Format != Text,
			Message: fmt.Sprintf("%s found", count(result.Damage, "error")), Hint: c.advice(result),
		}
	case c.narrowed() && result.Tracks == 0 && result.Ledgers == 0:
		return &Error{
			Type: TypeNoArchive, Code: ExitNoArchive, Reported: c.Format != Text,
			Message: fmt.Sprintf("there is no track under %q in bucket %s", result.Prefix, result.Bucket),
			Hint:    "Check the bucket and the prefix.",
		}
	}
	return nil
}

// narrowed reports whether a part of the archive was named that ought to be there.
func (c *Command) narrowed() bool {
	return strings.Trim(c.Input.Prefix, "/") != "" || c.Input.TaskID != ""
}

func (c *Command) advice(result stemflow.VerifyArchiveResult) string {
	if c.Input.Repair {
		return ""
	}
	for _, k := range result.Kinds {
		if t, ok := stemflow.LookupFindingType(k.Kind); ok && t.Repair != stemflow.RepairNone {
			return "With --repair, what is paid for is fetched again while the provider keeps it. It never pays."
		}
	}
	return ""
}

// check goes through the archive by itself. It needs the object store alone.
func (c *Command) check(ctx context.Context, p *printer, result *stemflow.VerifyArchiveResult) error {
	opts, err := c.options(p)
	if err != nil {
		return err
	}
	result.Bucket, result.Prefix = opts.At.Bucket, opts.At.Prefix
	checker := verify.New(opts)
	var state activityapi.VerifyState
	for {
		page, err := checker.Next(ctx, state)
		if err != nil {
			return err
		}
		result.ArchiveCounts.Add(page.Counts)
		for _, f := range page.Findings {
			result.AddFinding(f.ArchiveFinding)
			p.finding(f.ArchiveFinding)
		}
		p.pageDone(*result)
		if page.Done {
			result.EndedAt = time.Now().UTC()
			return nil
		}
		state = page.State
	}
}

func (c *Command) options(p *printer) (verify.Options, error) {
	opts, err := verify.OptionsOf(c.Input, c.Limits, c.Ledger)
	if err != nil {
		return opts, err
	}
	opts.Run, opts.Progress = c.runs(), p.progress
	if opts.Store, err = c.Store(); err != nil {
		return opts, &callersError{err}
	}
	return opts, nil
}

// callersError is an error of what the caller has given, which the caller gets back as it is.
type callersError struct{ err error }

func (e *callersError) Error() string { return e.err.Error() }

// connectLimit bounds how long a check waits for a Temporal that it can do without.
const connectLimit = 5 * time.Second

// runs asks Temporal about runs, which it connects to when the first question comes up. Without
// one, nothing is known of them.
func (c *Command) runs() func(context.Context, string) (verify.Run, error) {
	connect := sync.OnceValue(func() func(context.Context, string) (verify.Run, error) {
		if c.Temporal == nil {
			return nil
		}
		ctx, cancel := context.WithTimeout(context.Background(), connectLimit)
		defer cancel()
		temporal, err := c.Temporal(ctx)
		if err != nil {
			return nil
		}
		return verify.RunsIn(temporal)
	})
	return func(ctx context.Context, workflowID string) (verify.Run, error) {
		ask := connect()
		if ask == nil {
			return verify.RunUnknown, nil
		}
		run, err := ask(ctx, workflowID)
		if err != nil && ctx.Err() == nil {
			return verify.RunUnknown, nil
		}
		return run, err
	}
}

// repairID is the id of a repair. A second one that checks the same joins it. The queue is part of
// it, since what is not named is as the workers are configured.
func (c *Command) repairID() string {
	prefix := c.Input.Prefix
	if prefix != "" { // else it is the workers'
		prefix = "/" + strings.Trim(prefix, "/")
	}
	return strings.Join([]string{
		"repair", c.TaskQueue, c.Input.Bucket, prefix, c.Input.TaskID, c.Input.AudioID, string(c.Input.Type),
		c.Input.StemName, c.Input.ReadData,
	}, ":")
}

// progressEvery is how often the progress of a repair is asked for.
const progressEvery = 2 * time.Second

// repair has the workers check and repair, and waits for them.
func (c *Command) repair(ctx context.Context, p *printer, result *stemflow.VerifyArchiveResult) error {
	temporal, err := c.Temporal(ctx)
	if err != nil {
		return &callersError{err}
	}
	run, err := temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: c.repairID(), TaskQueue: c.TaskQueue,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
	}, stemflow.WorkflowVerifyArchive, c.Input)
	if err != nil {
		return &Error{Type: TypeTemporal, Code: ExitDamaged, Message: err.Error()}
	}
	ended := make(chan error, 1)
	go func() {
		whole, err := reach.Await[stemflow.VerifyArchiveResult](ctx, run)
		if err == nil {
			*result = *whole
		}
		ended <- err
	}()
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	for {
		select {
		case err := <-ended:
			if err != nil {
				return err
			}
			for _, f := range result.Findings {
				p.finding(f)
			}
			return nil
		case <-ticker.C:
			answer, err := temporal.QueryWorkflow(ctx, run.GetID(), "", stemflow.QueryProgress)
			var soFar stemflow.VerifyArchiveResult
			if err == nil && answer.Get(&soFar) == nil {
				p.pageDone(soFar)
			}
		}
	}
}

// failure says why a check did not come to its end.
func (c *Command) failure(ctx context.Context, p *printer, result stemflow.VerifyArchiveResult, err error) error {
	e := c.failureOf(ctx, result, err)
	e.Reported = p.abandon(e)
	return e
}

func (c *Command) failureOf(ctx context.Context, result stemflow.VerifyArchiveResult, err error) *Error {
	var known *Error
	var store *archive.Error
	switch {
	case errors.As(err, &known):
		return known
	case ctx.Err() != nil && c.Input.Repair:
		return &Error{
			Type: TypeInterrupted, Code: ExitInterrupted, Message: "interrupted, the repair goes on by itself",
			Hint: "The same command joins it.",
		}
	case ctx.Err() != nil:
		return &Error{
			Type: TypeInterrupted, Code: ExitInterrupted,
			Message: fmt.Sprintf("interrupted after %s and %s",
				count(result.Tracks, "track"), count(result.Damage, "error")),
		}
	case errors.Is(err, archive.ErrNoBucket):
		return &Error{
			Type: TypeNoArchive, Code: ExitNoArchive, Message: fmt.Sprintf("there is no bucket %s", result.Bucket),
			Hint: "Check --bucket and STEMFLOW_BUCKET.",
		}
	case errors.As(err, &store):
		e := &Error{Type: stemflow.ErrorArchiveUnavailable, Code: ExitDamaged, Message: err.Error()}
		if refused(store.Code) {
			e.Type, e.Code = TypeForbidden, ExitForbidden
		}
		return e
	}
	if end, ok := outcome.FromError(err); ok {
		message := strings.ReplaceAll(end.Message, "the separation was", "the repair was")
		return &Error{Type: end.Reason, Code: ExitDamaged, Message: message}
	}
	if c.Input.Repair { // it asks Temporal alone
		return &Error{
			Type: TypeTemporal, Code: ExitDamaged, Message: "the repair's result cannot be read: " + err.Error(),
			Hint: "The same command joins it.",
		}
	}
	return &Error{Type: stemflow.ErrorArchiveUnavailable, Code: ExitDamaged, Message: err.Error()}
}

// refused reports whether a store's code says that it does not accept the credentials.
func refused(code string) bool {
	switch code {
	case "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "XAdminUserNotFound", "AllAccessDisabled":
		return true
	}
	return false
}
