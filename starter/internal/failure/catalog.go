package failure

import (
	"errors"
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"
	"go.temporal.io/sdk/temporal"

	"stemflow"
	"stemflow/internal/outcome"
)

// catalogAdvice says what to do about a catalogue that did not come to its end, where that is not
// what a track's run would be told.
var catalogAdvice = map[string]string{
	stemflow.ErrorArchiveUnavailable: "Check the object store and the MINIO_ variables of the worker, and start " +
		"the catalogue again, which pays for nothing that is paid for.",
	TypeCanceled: "Start the catalogue again to go on: what was paid is taken up, not paid twice.",
	TypeTerminated: "Tracks that were under way go on. Start the catalogue again to go on: it joins them, and " +
		"pays for nothing that is paid for.",
	TypeTimedOut: "Start the catalogue again to go on: what was paid is taken up, not paid twice.",
}

// OfCatalog returns the failure of a catalogue that did not complete.
func OfCatalog(err error) *Failure {
	end, ok := outcome.FromError(err)
	if !ok {
		return Temporal("the catalogue's result cannot be read", err)
	}
	end.Message = strings.ReplaceAll(end.Message, "the separation was", "the catalogue was")
	f := ofEnd(end)
	f.Details = nil
	if hint, special := catalogAdvice[f.Type]; special {
		f.Hint = hint
	}
	result := stemflow.SeparateCatalogResult{}
	var application *temporal.ApplicationError
	var canceled *temporal.CanceledError
	if errors.As(err, &application) && application.HasDetails() && application.Details(&result) == nil ||
		errors.As(err, &canceled) && canceled.HasDetails() && canceled.Details(&result) == nil {
		if result.Tracks > 0 {
			f.Catalog = &result
		}
	}
	return f
}

// Incomplete returns the failure of a catalogue that came to its end with tracks that are not, or
// not wholly, archived; nil if all are. reported says that the output has it already.
func Incomplete(result stemflow.SeparateCatalogResult, reported bool) error {
	missing := result.Tracks - result.Archived - result.Found
	if missing == 0 {
		return nil
	}
	return &Failure{
		Type: TypeIncomplete, Code: ExitFailed, Reported: reported,
		Message: fmt.Sprintf(
			"%s of %s tracks are not archived, or not wholly: the report says why",
			humanize.Comma(int64(missing)),
			humanize.Comma(int64(result.Tracks)),
		),
		Hint: "Starting the catalogue again pays only for what is not archived.",
	}
}

// NoCatalog returns the failure of a command for a catalogue of which there is nothing.
func NoCatalog(name string) error {
	return &Failure{
		Type: TypeNotRunning, Message: "there is no catalogue " + name + ", neither in Temporal nor in the bucket",
		Code: ExitFailed, Hint: "Check the name, --bucket and --prefix, and the namespace.",
	}
}

// CatalogNotRunning returns the failure of a command for a catalogue that has no run.
func CatalogNotRunning(name string) error {
	return &Failure{
		Type: TypeNotRunning, Message: "no catalogue " + name + " is running", Code: ExitFailed,
		Hint: `temporal workflow list --query 'WorkflowType="SeparateCatalog"' lists those that are, and those that were.`,
	}
}
