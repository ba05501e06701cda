package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"stemflow/internal/program"
	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/view"
)

// Groups of commands in the help.
const (
	groupSeparations = "separations"
	groupArchive     = "archive"
	groupCatalogs    = "catalogs"
	groupOther       = "other"
)

var groups = []*cobra.Group{
	{ID: groupSeparations, Title: "Commands for separations:"},
	{ID: groupArchive, Title: "Commands for what is archived:"},
	{ID: groupCatalogs, Title: "Commands for catalogues:"},
	{ID: groupOther, Title: "Other commands:"},
}

// registration is a command, and where it belongs: below another one, or in a group of the help.
type registration struct {
	parent, group string
	build         func(*cli) *cobra.Command
}

var registered []registration

// register adds a command. Each command's file calls it from init.
func register(group string, build func(*cli) *cobra.Command) {
	registered = append(registered, registration{group: group, build: build})
}

// registerBelow adds a command below another one.
func registerBelow(parent string, build func(*cli) *cobra.Command) {
	registered = append(registered, registration{parent: parent, build: build})
}

const (
	aboutText = `%[1]s starts separations of tracks into stems, watches them, and shows and downloads what
they archived.`

	helpTail = `
Temporal is found by the variables and profiles of its own command line (TEMPORAL_ADDRESS,
TEMPORAL_NAMESPACE ...), or by --address and --namespace. The commands for what is archived, and
catalog, use the object store (MINIO_ENDPOINT, MINIO_ACCESS_KEY, MINIO_SECRET_KEY;
MINIO_PUBLIC_ENDPOINT where links have to lead elsewhere). Results go to standard output, progress
and errors to standard error.

Exit codes
  0    done
  1    the separation failed, something is missing, damaged or refused, or something is not reachable
  2    the command line, the input or the environment is wrong
  3    the separation was cancelled or terminated
  130  interrupted; a separation that was started goes on
verify adds 10 for no such archive, and 12 for credentials that the store refuses.
`
)

const (
	// helpWidth is how many columns the help takes at most.
	helpWidth = 100
	// suggestionDistance is how many letters a word may be away from the one that is meant.
	suggestionDistance = 2
)

// root builds the whole command line.
func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:                        c.invoked.name,
		Long:                       fmt.Sprintf(aboutText, c.invoked.name),
		Version:                    program.Version(),
		Annotations:                map[string]string{cobra.CommandDisplayNameAnnotation: c.invoked.command},
		SilenceErrors:              true,
		SuggestionsMinimumDistance: suggestionDistance,
		SilenceUsage:               true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return noCommand(cmd, args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if c.wantsJSON() {
				return failure.Usage(nameOf(cmd), "give a command")
			}
			cmd.SetOut(c.stderr)
			_ = cmd.Help()
			return &failure.Failure{Type: failure.TypeUsage, Code: failure.ExitUsage, Reported: true}
		},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return c.global.check(cmd) },
	}
	root.SetIn(c.stdin)
	root.SetOut(c.stdout)
	root.SetErr(c.stderr)
	root.SetVersionTemplate(c.invoked.name + " {{.Version}}\n")
	width := min(helpWidth, c.room(helpWidth))
	root.SetUsageTemplate(strings.ReplaceAll(
		root.UsageTemplate(), ".FlagUsages", fmt.Sprintf(".FlagUsagesWrapped %d", width)))
	root.SetHelpTemplate(root.HelpTemplate() + "{{if not .HasParent}}" + view.Fill(helpTail, width) + "{{end}}")
	help := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		cmd.Long = view.Fill(cmd.Long, width)
		help(cmd, args)
	})
	root.SetFlagErrorFunc(flagError)
	c.global.declare(root.PersistentFlags())
	root.Flags().Bool("version", false, "print the version")
	_ = root.RegisterFlagCompletionFunc("output", // as in complete
		func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			return formatsOf(cmd), cobra.ShellCompDirectiveNoFileComp
		})

	root.AddGroup(groups...)
	parents := map[string]*cobra.Command{}
	for _, r := range registered {
		if r.parent == "" {
			cmd := r.build(c)
			cmd.GroupID = r.group
			parents[cmd.Name()] = cmd
			root.AddCommand(cmd)
		}
	}
	for _, r := range registered {
		if r.parent != "" {
			parents[r.parent].AddCommand(r.build(c))
		}
	}
	completeFilesOnlyForFiles(root)
	root.SetHelpCommand(helpCommand())
	root.SetHelpCommandGroupID(groupOther)
	root.SetCompletionCommandGroupID(groupOther)
	root.InitDefaultHelpFlag() // Find must know that it takes no value
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	if completion := subcommand(root, "completion"); completion != nil {
		completion.Short = "print a script with which your shell completes commands and flags"
		completion.SuggestionsMinimumDistance = suggestionDistance
		completion.Args = func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return noCommand(cmd, args[0])
			}
			return failure.Usage(nameOf(cmd), "give the shell: bash, fish, powershell or zsh")
		}
		completion.RunE = func(*cobra.Command, []string) error { return nil } // for what Args says
	}
	return root
}

// helpCommand is cobra's, except that help about a command that is not there is an error.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [command]",
		Short: "say what a command does, and which flags it takes",
		ValidArgsFunction: func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
			about, _, err := cmd.Root().Find(args)
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var names []string
			for _, sub := range about.Commands() {
				if sub.IsAvailableCommand() && strings.HasPrefix(sub.Name(), begun) {
					names = append(names, sub.Name()+"\t"+sub.Short)
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			about := cmd.Root()
			for _, name := range args {
				i := slices.IndexFunc(about.Commands(), func(c *cobra.Command) bool { return c.Name() == name })
				if i < 0 {
					return noCommand(about, name)
				}
				about = about.Commands()[i]
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}

// newCommand returns a command that takes flags only, unless [trackFlags] lets it take a track.
// Each example is a command line without the program.
func (c *cli) newCommand(use, short, about string, examples ...string) *cobra.Command {
	for i, example := range examples {
		examples[i] = "  " + c.invoked.command + " " + example
	}
	cmd := &cobra.Command{
		Use:     use,
		Short:   short,
		Long:    strings.TrimSpace(strings.ToUpper(short[:1]) + short[1:] + ".\n\n" + strings.TrimSpace(about)),
		Example: strings.Join(examples, "\n"),

		SuggestionsMinimumDistance: suggestionDistance,
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return nil
			case cmd.HasSubCommands():
				return noCommand(cmd, args[0])
			default:
				return failure.Usage(nameOf(cmd), "%q is not a flag, and %s takes flags only", args[0], nameOf(cmd))
			}
		},
	}
	cmd.InitDefaultHelpFlag()
	return cmd
}

// completeFilesOnlyForFiles keeps the shell from offering files for what is none: arguments, which
// are no files, and flags whose value is called neither FILE nor DIR.
func completeFilesOnlyForFiles(cmd *cobra.Command) {
	if cmd.ValidArgsFunction == nil {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		_, completed := cmd.GetFlagCompletionFunc(f.Name)
		if value, _ := pflag.UnquoteUsage(f); !completed && f.NoOptDefVal == "" && value != "FILE" && value != "DIR" {
			complete(cmd, f.Name)
		}
	})
	for _, sub := range cmd.Commands() {
		completeFilesOnlyForFiles(sub)
	}
}

// nameOf is a command's name without the program: "catalog watch".
func nameOf(cmd *cobra.Command) string {
	if !cmd.HasParent() {
		return ""
	}
	return strings.TrimSpace(nameOf(cmd.Parent()) + " " + cmd.Name())
}

func noCommand(parent *cobra.Command, name string) error {
	typed := strings.TrimSpace(nameOf(parent) + " " + name)
	var alike []string
	if name != "" { // every command begins with nothing
		alike = parent.SuggestionsFor(name)
	}
	return &failure.Failure{
		Type:    failure.TypeUsage,
		Message: fmt.Sprintf("there is no command %q%s", typed, didYouMean(alike, "")),
		Code:    failure.ExitUsage,
		Hint:    `"` + strings.TrimSpace(failure.Command+" help "+nameOf(parent)) + `" lists the commands.`,
	}
}

func didYouMean(suggestions []string, before string) string {
	if len(suggestions) == 0 {
		return ""
	}
	return ", did you mean " + before + strings.Join(suggestions, " or "+before) + "?"
}

// flagError says what is wrong with a flag, in the flag's right spelling.
func flagError(cmd *cobra.Command, err error) error {
	if errors.Is(err, pflag.ErrHelp) {
		return err
	}
	message := err.Error()
	var unknown *pflag.NotExistError
	var incomplete *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		name := unknown.GetSpecifiedName()
		if letters := unknown.GetSpecifiedShortnames(); letters != "" {
			name = letters
		}
		message = fmt.Sprintf("there is no flag %s%s", dashed(name), didYouMean(flagsLike(cmd, name), "--"))
	case errors.As(err, &incomplete):
		message = fmt.Sprintf("--%s needs a value", incomplete.GetFlag().Name)
	case errors.As(err, &invalid):
		message = fmt.Sprintf("%q is no value for --%s: %s",
			invalid.GetValue(), invalid.GetFlag().Name, remedyFor(invalid))
	}
	return failure.Usage(nameOf(cmd), "%s", message)
}

// remedyFor says which values a flag takes.
func remedyFor(invalid *pflag.InvalidValueError) string {
	switch invalid.GetFlag().Value.Type() {
	case "bool":
		return "use true or false"
	case "int", "int64":
		return "use a whole number"
	}
	return errors.Unwrap(invalid).Error()
}

func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// flagsLike are the flags of a command that a misspelt name may mean: those that cobra would
// suggest if they were commands.
func flagsLike(cmd *cobra.Command, name string) []string {
	names := &cobra.Command{SuggestionsMinimumDistance: suggestionDistance}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names.AddCommand(&cobra.Command{Use: f.Name, Run: func(*cobra.Command, []string) {}})
		}
	})
	return names.SuggestionsFor(strings.ReplaceAll(name, "_", "-"))
}

// run executes one command line and returns the exit code.
func (c *cli) run(ctx context.Context, args []string) int {
	c.global = globalFlags{}
	results := &resultWriter{Writer: c.stdout}
	c.stdout = results
	root := c.root()
	c.args = spellOut(root, args)
	c.global.guess(root, c.args)
	err := wrongCommand(root, c.args)
	if err == nil {
		root.SetArgs(c.args)
		err = root.ExecuteContext(ctx)
	}
	if results.err != nil && (err == nil || errors.Is(err, results.err)) {
		err = notPrinted(results.err)
	}
	if err == nil {
		return failure.ExitDone
	}
	f := failure.Of(err)
	if ctx.Err() != nil && f.Code != failure.ExitInterrupted {
		f = &failure.Failure{
			Type: failure.TypeInterrupted, Message: "interrupted: " + f.Message, Code: failure.ExitInterrupted,
			Reported: f.Reported,
		}
	}
	if results.err == nil {
		c.report(f)
	}
	if results.err != nil { // what standard output was to have of it is lost
		f.Reported, c.global.format = false, formatText
		c.report(f)
	}
	return f.Code
}
