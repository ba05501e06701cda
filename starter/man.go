package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"stemflow/starter/internal/failure"
)

func init() { register(groupOther, newManCommand) }

// installedName is how the program is called once it is installed.
const installedName = "stemflow"

func newManCommand(c *cli) *cobra.Command {
	cmd := c.newCommand("man", "write the manual pages of all commands into a folder", `
One page for each command, in section 1. A version always writes the same pages.`,
		"man --out /usr/local/share/man/man1")
	out := cmd.Flags().String("out", ".", "`DIR` to write the pages to")
	cmd.RunE = func(*cobra.Command, []string) error {
		// The pages are about the installed program, however this one was called.
		about := *c
		about.invoked = invocation{name: installedName, command: installedName, shared: installedName}
		pages := manPages(about.root())
		if err := os.MkdirAll(*out, 0o755); err != nil {
			return cannotWrite(err)
		}
		for _, page := range pages {
			if err := os.WriteFile(filepath.Join(*out, page.file), []byte(page.text), 0o644); err != nil {
				return cannotWrite(err)
			}
		}
		if c.wantsJSON() {
			files := make([]string, len(pages))
			for i, page := range pages {
				files[i] = filepath.Join(*out, page.file)
			}
			c.printJSON(map[string][]string{"files": files})
			return nil
		}
		c.printf("Wrote %d pages to %s\n", len(pages), *out)
		return nil
	}
	return cmd
}

type manPage struct{ file, text string }

// manPages are the pages of a command and of those below it.
func manPages(cmd *cobra.Command) []manPage {
	pages := []manPage{{manName(cmd) + ".1", manText(cmd)}}
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			sub.InitDefaultHelpFlag()
			pages = append(pages, manPages(sub)...)
		}
	}
	return pages
}

// manName is a command's page: stemflow-catalog-watch.
func manName(cmd *cobra.Command) string {
	return strings.TrimSuffix(installedName+"-"+strings.ReplaceAll(nameOf(cmd), " ", "-"), "-")
}

// manText is a page for man, without the date, which would differ from build to build.
func manText(cmd *cobra.Command) string {
	var b strings.Builder
	section := func(title string) { fmt.Fprintf(&b, ".SH %s\n", title) }
	fmt.Fprintf(&b, ".TH %q 1 \"\" stemflow \"stemflow manual\"\n", strings.ToUpper(manName(cmd)))
	short := cmd.Short
	if !cmd.HasParent() {
		short = "separate tracks into stems, and archive them"
	}
	section("NAME")
	fmt.Fprintf(&b, "%s \\- %s\n", roff(manName(cmd)), roff(short))
	section("SYNOPSIS")
	fmt.Fprintf(&b, ".B %s\n", roff(cmd.UseLine()))
	section("DESCRIPTION")
	b.WriteString(manLines(cmd.Long))
	if subs := availableBelow(cmd); len(subs) > 0 {
		section("COMMANDS")
		for _, sub := range subs {
			fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(sub.Name()), roff(sub.Short))
		}
	}
	manFlags(&b, "OPTIONS", cmd.NonInheritedFlags())
	manFlags(&b, "OPTIONS OF ALL COMMANDS", cmd.InheritedFlags())
	if !cmd.HasParent() {
		section("ENVIRONMENT AND EXIT STATUS")
		b.WriteString(manLines(helpTail))
	}
	if cmd.Example != "" {
		section("EXAMPLES")
		fmt.Fprintf(&b, ".nf\n%s\n.fi\n", roff(cmd.Example))
	}
	if cmd.HasParent() {
		section("SEE ALSO")
		fmt.Fprintf(&b, ".BR %s (1)\n", roff(manName(cmd.Parent())))
	}
	return b.String()
}

func availableBelow(cmd *cobra.Command) []*cobra.Command {
	var subs []*cobra.Command
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			subs = append(subs, sub)
		}
	}
	return subs
}

func manFlags(b *strings.Builder, title string, flags *pflag.FlagSet) {
	if !flags.HasAvailableFlags() {
		return
	}
	fmt.Fprintf(b, ".SH %s\n", title)
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		fmt.Fprintf(b, ".TP\n\\fB%s\\fR", roff(name))
		if value != "" {
			fmt.Fprintf(b, " \\fI%s\\fR", roff(value))
		}
		fmt.Fprintf(b, "\n%s\n", roff(usage))
	})
}

// manLines are paragraphs; what is indented keeps its lines.
func manLines(text string) string {
	var b strings.Builder
	indented := false
	for line := range strings.Lines(strings.TrimSpace(text) + "\n") {
		line = strings.TrimRight(line, "\n")
		if now := strings.HasPrefix(line, "  "); now != indented {
			indented = now
			b.WriteString(map[bool]string{true: ".nf\n", false: ".fi\n"}[now])
		}
		if line == "" {
			b.WriteString(".PP\n")
			continue
		}
		b.WriteString(roff(line) + "\n")
	}
	if indented {
		b.WriteString(".fi\n")
	}
	return b.String()
}

// roff spells a text so that man prints it as it is.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(strings.ReplaceAll(text, failure.Command, installedName))
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
