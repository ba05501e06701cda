package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/starter/internal/archived"
	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/view"
)

// trackFlags declares the flags that name a track and how it is separated. They may be given as
// arguments, too. What the command runs with names a song of one's own by its ids.
func (c *cli) trackFlags(cmd *cobra.Command, in *stemflow.SeparateStemsInput) {
	takeTrackArgs(cmd)
	c.nameTrackBefore(cmd, in)
	set := cmd.Flags()
	set.StringVar(&in.TaskID, "task-id", "", "`ID` of the provider's music task that made the track")
	set.StringVar(&in.AudioID, "audio-id", "", "`ID` of the track")
	set.StringVar(&in.AudioURL, "audio-url", "",
		"`SONG` of your own, in place of a track: a file, an https address, or s3://bucket/key")
	set.StringVar(&in.AudioSHA256, "audio-sha256", "",
		"`HEX` of the song's SHA-256, by which it is known then; that of a file is found out")
	typeFlags(cmd, in)
}

// typeFlags declares the flags that say what is separated from a track.
func typeFlags(cmd *cobra.Command, in *stemflow.SeparateStemsInput) {
	set := cmd.Flags()
	set.StringVar(
		(*string)(&in.Type),
		"type",
		"",
		"`TYPE` of separation: separate_vocal (2 stems; the default), split_stem (up to 12), split_stem_advanced (one instrument)",
	)
	set.StringVar(
		&in.StemName,
		"stem-name",
		"",
		"`NAME` of the instrument, like \"Lead Vocal\"; only with split_stem_advanced",
	)
	complete(cmd, "type", typeNames()...)
}

// complete says which values the shell offers for a flag that was just declared.
func complete(cmd *cobra.Command, flag string, values ...string) {
	// It fails only for a flag that is not there, or twice.
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// archiveFlags declares the flags that say where the archive is.
func archiveFlags(cmd *cobra.Command, in *stemflow.SeparateStemsInput, fallback string) {
	cmd.Flags().StringVar(&in.Bucket, "bucket", "", "`BUCKET` of the archive (default: "+fallback+")")
	cmd.Flags().StringVar(&in.Prefix, "prefix", "", "`PREFIX` of the archive's keys (default: "+fallback+")")
}

// timingFlags declares the flags that say how a run waits, and what it settles for.
func timingFlags(cmd *cobra.Command, in *stemflow.SeparateStemsInput) {
	set := cmd.Flags()
	set.Var((*durationFlag)(&in.CallbackGrace), "callback-grace",
		"`DURATION` for which the callback alone is waited for before polling begins (default 3m)")
	set.Var((*durationFlag)(&in.PollInterval), "poll-interval", "`DURATION` between two polls (default 30s)")
	set.Var((*durationFlag)(&in.Deadline), "deadline", "`DURATION` that the provider may take (default 45m)")
	set.BoolVar(&in.Force, "force", false, "pay again, even if the track is archived or paid for")
	set.BoolVar(&in.AllowPartial, "allow-partial", false, "succeed even if some stems cannot be archived")
	set.BoolVar(&in.MIDI, "midi", false, "also transcribe the stems to MIDI, which costs nothing")
}

// placeFlags declares the flags that name a manifest in the archive.
func (c *cli) placeFlags(cmd *cobra.Command, place *archived.Place) {
	c.trackFlags(cmd, &place.Input)
	archiveFlags(cmd, &place.Input, "STEMFLOW_BUCKET and STEMFLOW_PREFIX")
	cmd.Flags().StringVar(&place.ManifestKey, "manifest-key", "", "`KEY` of a manifest, in place of a track")
}

// checkPlace reports what is wrong with the flags that name a manifest.
func checkPlace(cmd *cobra.Command, place archived.Place) error {
	in := place.Input
	if place.ManifestKey == "" {
		return failure.Input(paidInput{in})
	}
	if in.TaskID+in.AudioID+in.StemName+in.Prefix != "" || in.Type != "" {
		return failure.Usage(nameOf(cmd), "--manifest-key goes without --prefix and the flags of a track")
	}
	return nil
}

// paidInput is the input of any track that is paid for: that of a WAV, too, which no separation
// has.
type paidInput struct{ stemflow.SeparateStemsInput }

// Validate reports everything that is wrong with the input.
func (in paidInput) Validate() error {
	if in.Type == stemflow.TypeWAV {
		return stemflow.ConvertToWAVInput{
			TaskID: in.TaskID, AudioID: in.AudioID, Bucket: in.Bucket, Prefix: in.Prefix,
		}.Validate()
	}
	return in.SeparateStemsInput.Validate()
}

// durationFlag is a duration on the command line. Its error says what one looks like.
type durationFlag stemflow.Duration

// String implements pflag.Value. Set takes what it returns; a default of "0" stands in no help.
func (d *durationFlag) String() string {
	if *d == 0 {
		return "0"
	}
	return stemflow.Duration(*d).String()
}

// Type implements pflag.Value.
func (*durationFlag) Type() string { return "duration" }

// Set implements pflag.Value.
func (d *durationFlag) Set(text string) error {
	v, err := time.ParseDuration(text)
	if err != nil {
		return errors.New("write it with a unit, like 30s, 3m or 1h30m")
	}
	*d = durationFlag(v)
	return nil
}

const defaultLinkLifetime = time.Hour

// linkLifetime is the flag that says how long links work; 0 if it is not given.
type linkLifetime stemflow.Duration

func (l *linkLifetime) declare(set *pflag.FlagSet) {
	set.Var(
		(*durationFlag)(l),
		"link-lifetime",
		fmt.Sprintf("`DURATION` for which the links work, at most %v (default %v)",
			stemflow.Duration(archive.MaxLinkLifetime), stemflow.Duration(defaultLinkLifetime)),
	)
}

// orDefault is the lifetime, which S3 counts in seconds.
func (l linkLifetime) orDefault(cmd *cobra.Command) (time.Duration, error) {
	switch lifetime := time.Duration(l); {
	case lifetime == 0:
		return defaultLinkLifetime, nil
	case lifetime < time.Second || lifetime > archive.MaxLinkLifetime:
		return 0, failure.Usage(nameOf(cmd), "--link-lifetime is from 1s to %v, not %v",
			stemflow.Duration(archive.MaxLinkLifetime), stemflow.Duration(lifetime))
	default:
		return lifetime.Truncate(time.Second), nil
	}
}

// trackArguments are the flags that name the track of an input again.
func trackArguments(in stemflow.SeparateStemsInput) string {
	var b strings.Builder
	add := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, " --%s %s", name, view.Quote(value))
		}
	}
	track := in.Track()
	add("task-id", track.TaskID)
	add("audio-id", track.AudioID)
	add("type", string(in.Type))
	add("stem-name", in.StemName)
	return b.String()
}

// archiveArguments are the flags that name the archive of an input again.
func archiveArguments(in stemflow.SeparateStemsInput) string {
	var b strings.Builder
	if in.Bucket != "" {
		b.WriteString(" --bucket " + view.Quote(in.Bucket))
	}
	if in.Prefix != "" {
		b.WriteString(" --prefix " + view.Quote(in.Prefix))
	}
	return b.String()
}
