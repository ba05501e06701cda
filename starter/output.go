package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"stemflow/internal/config"
	"stemflow/internal/program"
	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/observe"
	"stemflow/starter/internal/view"
)

// Formats of the output.
const (
	formatText  = "text"
	formatJSON  = "json"
	formatJSONL = "jsonl"
	// formatCSV is of the commands that [acceptCSV] was called with.
	formatCSV = "csv"
)

var formats = []string{formatText, formatJSON, formatJSONL}

func isFormat(text string) bool { return text == formatCSV || slices.Contains(formats, text) }

// acceptCSV lets a command have csv as a format, too.
func acceptCSV(cmd *cobra.Command) {
	cmd.Annotations = map[string]string{formatCSV: formatCSV}
}

// formatsOf are the formats of a command.
func formatsOf(cmd *cobra.Command) []string {
	if cmd.Annotations[formatCSV] != "" {
		return append(slices.Clone(formats), formatCSV)
	}
	return formats
}

// globalFlags are the flags of all commands.
type globalFlags struct {
	server observe.Server
	output string
	json   bool
	quiet  bool
	// format is what output and json amount to.
	format string
}

func (g *globalFlags) declare(set *pflag.FlagSet) {
	set.StringVar(&g.server.Address, "address", "",
		"`HOST:PORT` of Temporal (default: the profile's, TEMPORAL_ADDRESS)")
	set.StringVar(&g.server.Namespace, "namespace", "",
		"`NAMESPACE` of Temporal (default: the profile's, TEMPORAL_NAMESPACE)")
	set.StringVar(&g.server.Profile, "profile", "",
		"`NAME` of the profile of Temporal's command line (default: TEMPORAL_PROFILE)")
	set.StringVarP(&g.output, "output", "o", formatText,
		"`FORMAT` of the results: text, json (one document), or jsonl (each document on a line)")
	set.BoolVar(&g.json, "json", false, "print JSON only, as -o json does")
	set.BoolVar(&g.quiet, "quiet", false, "print results and errors only: no progress, no advice")
}

// check completes the flags once all are parsed.
func (g *globalFlags) check(cmd *cobra.Command) error {
	switch {
	case !slices.Contains(formatsOf(cmd), g.output):
		return failure.Usage(nameOf(cmd), "%q is no value for --output: use %s",
			g.output, strings.Join(formatsOf(cmd), ", "))
	case g.json && cmd.Flags().Changed("output") && g.output != formatJSON:
		return failure.Usage(nameOf(cmd), "--json and --output %s contradict each other", g.output)
	case strings.Contains(g.server.Address, "://"):
		return failure.Usage(nameOf(cmd), `--address is "host:port", like localhost:7233, without a scheme`)
	}
	g.format = g.output
	if g.json {
		g.format = formatJSON
	}
	return nil
}

// guess finds the format on a command line that may be wrong, so that scripts can read that, too.
func (g *globalFlags) guess(root *cobra.Command, args []string) {
	g.format = formatText
	for _, w := range words(root, args, asTyped) {
		switch {
		case w.flag == nil:
		case w.flag.Name == "json":
			if on, err := strconv.ParseBool(w.value); on && err == nil && g.format == formatText {
				g.format = formatJSON
			}
		case w.flag.Name == "output" && isFormat(w.value) && w.value != formatText:
			g.format = w.value
		}
	}
}

// resultWriter is standard output. It keeps the first error, so that no command has to look: a
// script that writes to a full disk must not take what is left for the whole result.
type resultWriter struct {
	io.Writer
	err error
}

func (w *resultWriter) Write(text []byte) (int, error) {
	n, err := w.Writer.Write(text)
	if w.err == nil {
		w.err = err
	}
	return n, err
}

func notPrinted(err error) error {
	return &failure.Failure{
		Type: failure.TypeFile, Message: "the results cannot be written to standard output: " + err.Error(),
		Code: failure.ExitFailed,
		Hint: "Make room, or write elsewhere. What the command had to do is done.",
	}
}

// wantsJSON reports whether the output is for scripts.
func (c *cli) wantsJSON() bool {
	return c.global.format == formatJSON || c.global.format == formatJSONL
}

// printJSON writes a document to stdout for scripts.
func (c *cli) printJSON(v any) {
	encoder := json.NewEncoder(c.forScripts())
	encoder.SetEscapeHTML(false)
	if c.global.format != formatJSONL {
		encoder.SetIndent("", "  ")
	}
	_ = encoder.Encode(v) // resultWriter keeps the error
}

// printf writes a result to stdout for a person.
func (c *cli) printf(format string, args ...any) { fmt.Fprintf(c.forPeople(), format, args...) }

// forPeople and forScripts are stdout for texts and for JSON. Both are read on terminals, and have
// names and messages that anybody may have made up.
func (c *cli) forPeople() io.Writer { return view.Plain(c.stdout) }

func (c *cli) forScripts() io.Writer { return program.PlainJSON(c.stdout) }

// room is how many columns a table may take: those of the terminal. elsewhere is what it may take
// in a file or a pipe.
func (c *cli) room(elsewhere int) int {
	if size, isTerminal := c.stdoutSize(); isTerminal {
		return size.Columns
	}
	return elsewhere
}

// progress is where progress is written.
func (c *cli) progress() io.Writer {
	if c.showsProgress() {
		return c.stderr
	}
	return io.Discard
}

// showsProgress reports whether a person wants to see what goes on.
func (c *cli) showsProgress() bool { return !c.wantsJSON() && !c.global.quiet }

// screen is where the progress is drawn.
func (c *cli) screen(cfg config.Starter) view.Screen {
	return view.Screen{
		W: c.stderr,
		Size: func() (program.TerminalSize, bool) {
			size, isTerminal := c.stderrSize()
			return size, isTerminal && !cfg.DumbTerminal
		},
		Colored: !cfg.NoColor,
	}
}

// report prints why a command failed: to stdout for scripts, otherwise to stderr in a line.
func (c *cli) report(f *failure.Failure) {
	switch {
	case f.Reported:
	case c.wantsJSON():
		c.printJSON(map[string]*failure.Failure{"error": f})
	default:
		if f.Catalog != nil && !f.CatalogShown { // what came of it is a result
			view.Counts(c.forPeople(), *f.Catalog)
		}
		if c.global.quiet && f.Code == failure.ExitInterrupted {
			f.Hint = ""
		}
		fmt.Fprintln(c.stderr, f.Text(c.invoked.command))
	}
}
