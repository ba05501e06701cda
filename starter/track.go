package main

import (
	"errors"
	"flag"
	"fmt"
	"strings"
	"unicode"

	"stemflow"
)

// trackFlags declares the flags that name a track and how it is separated. Their defaults are what
// in holds.
func trackFlags(set *flag.FlagSet, in *stemflow.SeparateStemsInput) {
	set.StringVar(&in.TaskID, "task-id", in.TaskID, "`ID` of the provider's music task that made the track")
	set.StringVar(&in.AudioID, "audio-id", in.AudioID, "`ID` of the track")
	typeFlags(set, in)
}

// typeFlags declares the flags that say what is separated from a track.
func typeFlags(set *flag.FlagSet, in *stemflow.SeparateStemsInput) {
	set.StringVar(
		(*string)(&in.Type),
		"type",
		string(in.Type),
		"`TYPE` of separation: separate_vocal (2 stems; the default), split_stem (up to 12), split_stem_advanced (one instrument)",
	)
	set.StringVar(
		&in.StemName,
		"stem-name",
		in.StemName,
		"`NAME` of the instrument, like \"Lead Vocal\"; only with split_stem_advanced",
	)
}

// archiveFlags declares the flags that say where the archive is.
func archiveFlags(set *flag.FlagSet, in *stemflow.SeparateStemsInput, fallback string) {
	set.StringVar(&in.Bucket, "bucket", in.Bucket, "`BUCKET` of the archive (default: "+fallback+")")
	set.StringVar(&in.Prefix, "prefix", in.Prefix, "`PREFIX` of the archive's keys (default: "+fallback+")")
}

// timingFlags declares the flags that say how a run waits, and what it settles for.
func timingFlags(set *flag.FlagSet, in *stemflow.SeparateStemsInput) {
	set.Var((*durationFlag)(&in.CallbackGrace), "callback-grace",
		"`DURATION` for which the callback alone is waited for before polling begins (default 3m)")
	set.Var((*durationFlag)(&in.PollInterval), "poll-interval", "`DURATION` between two polls (default 30s)")
	set.Var((*durationFlag)(&in.Deadline), "deadline", "`DURATION` that the provider may take (default 45m)")
	set.BoolVar(&in.Force, "force", in.Force, "pay again, even if the track is archived or paid for")
	set.BoolVar(&in.AllowPartial, "allow-partial", in.AllowPartial, "succeed even if some stems cannot be archived")
}

// flagName is the flag of a field of the input: --task-id of taskId.
func flagName(field string) string {
	var b strings.Builder
	for _, r := range field {
		if unicode.IsUpper(r) {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// checkInput reports everything that is wrong with an input before anything is started.
func checkInput(in interface{ Validate() error }) error {
	err := in.Validate()
	if invalid, ok := errors.AsType[*stemflow.InputError](err); ok {
		return &failure{
			Type: stemflow.ErrorInvalidInput, Message: problemLines(invalid), code: exitUsage,
			hint: "The flags are spelt with dashes: taskId is --task-id.",
		}
	}
	return err
}

// problemLines are the problems of an input in a line each.
func problemLines(invalid *stemflow.InputError) string {
	lines := make([]string, len(invalid.Problems))
	for i, problem := range invalid.Problems {
		lines[i] = problem.String()
	}
	if invalid.More > 0 {
		lines = append(lines, fmt.Sprintf("and %d problems more", invalid.More))
	}
	return strings.Join(lines, "\n")
}

// title is what a person calls a separation.
func title(in stemflow.SeparateStemsInput) string {
	in = in.WithDefaults()
	if in.Type == stemflow.SplitStemAdvanced {
		return string(in.Type) + " (" + in.StemName + ") of " + in.AudioID
	}
	return string(in.Type) + " of " + in.AudioID
}

// trackArguments are the flags that name the track of an input again.
func trackArguments(in stemflow.SeparateStemsInput) string {
	var b strings.Builder
	add := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, " --%s %s", name, quote(value))
		}
	}
	add("task-id", in.TaskID)
	add("audio-id", in.AudioID)
	add("type", string(in.Type))
	add("stem-name", in.StemName)
	return b.String()
}

// archiveArguments are the flags that name the archive of an input again.
func archiveArguments(in stemflow.SeparateStemsInput) string {
	var b strings.Builder
	if in.Bucket != "" {
		b.WriteString(" --bucket " + quote(in.Bucket))
	}
	if in.Prefix != "" {
		b.WriteString(" --prefix " + quote(in.Prefix))
	}
	return b.String()
}

// quote makes one word of a value for a POSIX shell.
func quote(value string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:", r)
	}
	if value != "" && !strings.ContainsFunc(value, func(r rune) bool { return !plain(r) }) {
		return value
	}
	return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}
