package main

import (
	"flag"
	"fmt"
	"io"
	"strings"
)

const usageText = `
Every command has its own help, like: starter start -h
starter --version prints which release it is.

Temporal is found by the variables and profiles of its own command line (TEMPORAL_ADDRESS,
TEMPORAL_NAMESPACE ...). show, listen and catalog use the object store (MINIO_ENDPOINT,
MINIO_ACCESS_KEY, MINIO_SECRET_KEY; MINIO_PUBLIC_ENDPOINT where links have to lead elsewhere).

Exit codes
  0    done
  1    the separation failed, some tracks of a catalogue are not archived, or something is not reachable
  2    the command line, the input or the environment is wrong
  3    the separation was cancelled or terminated
  130  interrupted while waiting; the separation goes on
`

func (p *cli) usage(w io.Writer) {
	fmt.Fprint(
		w,
		"starter starts separations of tracks into stems, watches them, and shows what they archived.\n\nCommands\n",
	)
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-15s %s\n", c.name, c.summary)
	}
	fmt.Fprint(w, usageText)
}

func newFlagSet(name string) *flag.FlagSet {
	set := flag.NewFlagSet(name, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.Usage = func() {}
	return set
}

// help prints a command's help, with its flags in the order of their names.
func (c command) help(w io.Writer) {
	set := newFlagSet(c.name)
	c.flags(&cli{}, set)
	fmt.Fprintf(w, "starter %s: %s\n\n%s\n\nFlags\n", c.name, c.summary, strings.Trim(c.about, "\n"))
	set.VisitAll(func(f *flag.Flag) {
		value, usage := flag.UnquoteUsage(f)
		fmt.Fprintf(w, "  --%s\n", strings.TrimSpace(f.Name+" "+value))
		fmt.Fprintf(w, "      %s\n", usage)
	})
}
