package main

import (
	"github.com/spf13/cobra"

	"stemflow"
	"stemflow/starter/internal/failure"
)

// trackArgs are the flags that may be given as arguments, in this order, and what they are called
// in errors.
var trackArgs = []struct{ flag, what string }{
	{"task-id", "task id"}, {"audio-id", "audio id"}, {"type", "type"}, {"stem-name", "stem name"},
}

// takeTrackArgs lets a command take the track without the names of its flags. An argument sets the
// flag, so that nothing else needs to know how it was given.
func takeTrackArgs(cmd *cobra.Command) {
	cmd.Use += " [TASK_ID AUDIO_ID [TYPE [STEM_NAME]]]"
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > len(trackArgs) {
			return failure.Usage(nameOf(cmd),
				"%q is one argument too many: %s takes TASK_ID, AUDIO_ID, TYPE and STEM_NAME",
				args[len(trackArgs)], nameOf(cmd))
		}
		for i, value := range args {
			arg := trackArgs[i]
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
	cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) < len(trackArgs) && trackArgs[len(args)].flag == "type" {
			return typeNames(), cobra.ShellCompDirectiveNoFileComp
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

// typeNames are the types of separation, as flags and arguments spell them.
func typeNames() []string {
	var names []string
	for _, t := range stemflow.SeparationTypes() {
		names = append(names, string(t))
	}
	return names
}
