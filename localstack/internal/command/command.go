// Package command is localstack's command line.
package command

import (
	"flag"
	"fmt"
	"io"
)

// Usage says how localstack is called.
const Usage = `localstack runs all of stemflow on this machine.

  go run ./localstack        keeps running until Ctrl-C, and says how to start separations
  go run ./localstack demo   separates a track, with MIDI, and a song of this machine, shows how,
                             and ends with a page that plays the stems and a session for an
                             audio workstation
  go run ./localstack demo --kill-worker
                             kills the worker right after it has submitted, before it knows the
                             answer, and shows that the track is archived and paid for once

  go run ./localstack --provider kie
                             asks the real provider, with KIE_API_KEY, in place of kiesim:
                             separations are billed. No callback reaches this machine, so
                             results are polled for.

Histories, objects and logs are kept in .localstack; delete it to begin again. Temporal's dev server
and MinIO are built once, and kept in the user's cache folder.
`

// Line is a command line that makes sense.
type Line struct {
	// Demo separates a track and a song and ends, KillWorker kills the worker meanwhile.
	Demo, KillWorker bool
	// RealProvider takes the place of kiesim.
	RealProvider bool
	// Help prints Usage.
	Help bool
	// Check ends once everything is known to be configured, before anything is started. localstack
	// itself asks for it.
	Check bool
}

// Parse reads a command line.
func Parse(args []string) (Line, error) {
	var line Line
	var provider string
	flags := flag.NewFlagSet("localstack", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&provider, "provider", "", "")
	flags.BoolVar(&line.KillWorker, "kill-worker", false, "")
	flags.BoolVar(&line.Check, "check", false, "")
	for rest := args; len(rest) > 0; {
		if err := flags.Parse(rest); err == flag.ErrHelp {
			return Line{Help: true}, nil
		} else if err != nil {
			return Line{}, err
		}
		if rest = flags.Args(); len(rest) == 0 {
			break
		}
		switch rest[0] {
		case "demo":
			line.Demo = true
		case "help":
			line.Help = true
		default:
			return Line{}, fmt.Errorf("%q is not understood", rest[0])
		}
		rest = rest[1:]
	}
	switch {
	case provider != "" && provider != "kie":
		return Line{}, fmt.Errorf("--provider %q: kie is the only one", provider)
	case provider != "" && line.Demo:
		return Line{}, fmt.Errorf("the demo is not for the real provider, which would bill it")
	case line.KillWorker && !line.Demo:
		return Line{}, fmt.Errorf("--kill-worker goes with demo")
	}
	line.RealProvider = provider != ""
	return line, nil
}
