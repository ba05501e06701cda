package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"stemflow/starter/internal/failure"
)

// word is an argument on a command line: a flag, or what is none.
type word struct {
	text string
	// command is the one that the words before have led to.
	command *cobra.Command
	// flag is nil for what is no flag, and for one that the command does not have.
	flag *pflag.Flag
	// value is that of the flag.
	value string
	// isPlain says that it is neither a flag nor the value of one.
	isPlain bool
}

// words takes a command line apart, as far as it is right, the way the flags are parsed. spell may
// spell a word that is in the place of a flag or a command again.
func words(root *cobra.Command, args []string, spell func(*cobra.Command, string) string) []word {
	var all []word
	cmd := root
	for i := 0; i < len(args); i++ {
		if args[i] == "--" {
			for _, rest := range args[i:] {
				all = append(all, word{text: rest, command: cmd})
			}
			break
		}
		text := spell(cmd, args[i])
		w := word{text: text, command: cmd}
		name, value, hasValue := strings.Cut(text, "=")
		switch {
		case strings.HasPrefix(text, "--"):
			w.flag = lookup(cmd, name[2:])
		case len(text) > 1 && text[0] == '-':
			if w.flag = lookupLetter(cmd, text[1:2]); w.flag != nil && len(text) > 2 {
				value, hasValue = strings.TrimPrefix(text[2:], "="), true
			}
		default:
			w.isPlain = true
			if sub := subcommand(cmd, text); sub != nil {
				cmd = sub
			}
		}
		if w.flag != nil && !hasValue {
			value = w.flag.NoOptDefVal
		}
		w.value = value
		takesNext := w.flag != nil && !hasValue && w.flag.NoOptDefVal == "" && i+1 < len(args)
		if takesNext {
			w.value = args[i+1]
		}
		all = append(all, w)
		if takesNext {
			i++
			all = append(all, word{text: args[i], command: cmd})
		}
	}
	return all
}

// wrongCommand is the failure of a command line that begins with a word which is no command: it
// goes before what is wrong with the flags behind it.
func wrongCommand(root *cobra.Command, args []string) error {
	if isCompletion(args) {
		return nil
	}
	for _, w := range words(root, args, asTyped) {
		if w.isPlain {
			if subcommand(root, w.text) == nil {
				return noCommand(root, w.text)
			}
			return nil
		}
		if w.text == "--" && w.flag == nil && len(args) > 1 {
			return failure.Usage("", `the command goes before "--"`)
		}
		if w.flag == nil && strings.HasPrefix(w.text, "-") {
			return nil // that is what is wrong
		}
	}
	return nil
}

// isCompletion reports whether a shell asks how a line, which is not finished, may go on.
func isCompletion(args []string) bool {
	return len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd)
}

func asTyped(_ *cobra.Command, text string) string { return text }

func subcommand(cmd *cobra.Command, name string) *cobra.Command {
	for _, sub := range cmd.Commands() {
		if sub.Name() == name {
			return sub
		}
	}
	return nil
}

// lookup finds a flag of a command or of those above it.
func lookup(cmd *cobra.Command, name string) *pflag.Flag {
	if f := cmd.Flags().Lookup(name); f != nil {
		return f
	}
	return cmd.InheritedFlags().Lookup(name)
}

func lookupLetter(cmd *cobra.Command, letter string) *pflag.Flag {
	if f := cmd.Flags().ShorthandLookup(letter); f != nil {
		return f
	}
	return cmd.InheritedFlags().ShorthandLookup(letter)
}

// spellOut gives flags that are spelt with one dash, which earlier versions took, their second one,
// so that -json is --json, and -tsk-id is answered as what it is meant for. A cluster that begins
// with a letter of a flag, like -ojson, stays as it is.
func spellOut(root *cobra.Command, args []string) []string {
	if isCompletion(args) {
		return args
	}
	var spelled []string
	for _, w := range words(root, args, func(cmd *cobra.Command, text string) string {
		name, _, _ := strings.Cut(strings.TrimPrefix(text, "-"), "=")
		isName := len(name) > 1 && text[0] == '-' && isLetter(name[0])
		if !isName || lookup(cmd, name) == nil && name != "help" && name != "version" && isCluster(cmd, text[1:]) {
			return text
		}
		return "-" + text
	}) {
		spelled = append(spelled, w.text)
	}
	return spelled
}

func isLetter(b byte) bool { return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' }

// isCluster reports whether a word is the letter of a flag with its value behind it.
func isCluster(cmd *cobra.Command, text string) bool {
	f := lookupLetter(cmd, text[:1])
	if f == nil || f.Value.Type() == "bool" {
		return false
	}
	return text[1] == '=' || isFormat(text[1:])
}
