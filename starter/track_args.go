package main

import (
	"github.com/spf13/cobra"

	"stemflow"
	"stemflow/starter/internal/failure"
)

// trackArgs are the flags that may be given as arguments, in this order, and what they are called
// in errors.
var trackArgs = []trackArg{
	{"task-id", "task id"}, {"audio-id", "audio id"}, {"type", "type"}, {"stem-name", "stem name"},
}

type trackArg struct{ flag, what string }

// songArgs are those in place of them that name a song of one's own.
var songArgs = []trackArg{{"audio-url", "song"}, {"type", "type"}, {"stem-name", "stem name"}}

// argsOf are the flags that arguments stand for.
func argsOf(args []string) []trackArg {
	if len(args) == 0 {
		return trackArgs
	}
	next := ""
	if len(args) > 1 {
		next = args[1]
	}
	if isSong(args[0], next) {
		return songArgs
	}
	return trackArgs
}

// takeTrackArgs lets a command take the track without the names of its flags. An argument sets the
// flag, so that nothing else needs to know how it was given.
func takeTrackArgs(cmd *cobra.Command) {
	cmd.Use += " [TASK_ID AUDIO_ID | SONG [TYPE [STEM_NAME]]]"
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		named := argsOf(args)
		if len(args) > len(named) {
			takes := "TASK_ID, AUDIO_ID, TYPE and STEM_NAME"
			if len(named) == len(songArgs) {
				takes = "SONG, TYPE and STEM_NAME"
			}
			return failure.Usage(nameOf(cmd), "%q is one argument too many: %s takes %s",
				args[len(named)], nameOf(cmd), takes)
		}
		return setByArgs(cmd, args, named)
	}
	cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) == 0 {
			return nil, cobra.ShellCompDirectiveDefault // it may be a file
		}
		if named := argsOf(args); len(args) < len(named) && named[len(args)].flag == "type" {
			return typeNames(), cobra.ShellCompDirectiveNoFileComp
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

// setByArgs sets the flags that arguments stand for.
func setByArgs(cmd *cobra.Command, args []string, named []trackArg) error {
	for i, value := range args {
		arg := named[i]
		given := cmd.Flags().Lookup(arg.flag)
		if given.Changed && given.Value.String() != value {
			return failure.Usage(nameOf(cmd), "the argument %q and --%s %q contradict each other: both are the %s",
				value, arg.flag, given.Value, arg.what)
		}
		if err := cmd.Flags().Set(arg.flag, value); err != nil {
			return flagError(cmd, err)
		}
	}
	return nil
}

// typeNames are the types of separation, as flags and arguments spell them.
func typeNames() []string {
	var names []string
	for _, t := range stemflow.SeparationTypes() {
		names = append(names, string(t))
	}
	return names
}
