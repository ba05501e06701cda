package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/internal/config"
	"stemflow/starter/internal/archived"
	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/songfile"
	"stemflow/starter/internal/view"
)

// isSong reports whether an argument is a song of one's own, and not the id of a music task: an
// address, a path, or a file by its name. next is the argument behind it, empty if there is none.
func isSong(arg, next string) bool {
	if isAddress(arg) || strings.ContainsAny(arg, `/\`) || songfile.HasExtension(arg) {
		return true
	}
	isType := next == ""
	for _, name := range typeNames() {
		isType = isType || name == next
	}
	info, err := os.Stat(arg)
	return isType && err == nil && info.Mode().IsRegular()
}

func isAddress(text string) bool { return strings.Contains(text, "://") }

// readSong reads the song that an input names by a file, and has the input name it by its content,
// and by the place in the store that is its own. It returns nil for an input that names no file.
func readSong(in *stemflow.SeparateStemsInput, cfg config.Starter) (*songfile.Song, error) {
	if isAddress(in.AudioURL) {
		// What an earlier start has put there is known by its content.
		if object, ok := in.AudioObject(); ok && in.AudioSHA256 == "" {
			in.AudioSHA256, _ = archive.ParseSong(object.Key)
		}
		return nil, nil
	}
	song, err := songfile.Read(in.AudioURL)
	if err != nil {
		return nil, wrongFile(err)
	}
	if in.AudioSHA256 != "" && !strings.EqualFold(in.AudioSHA256, song.SHA256) {
		return nil, &failure.Failure{
			Type: stemflow.ErrorInvalidInput, Code: failure.ExitUsage,
			Message: fmt.Sprintf("%s has the SHA-256 %s, and not that of --audio-sha256", song.Name, song.SHA256),
			Hint:    "Leave --audio-sha256 out, or give the file that is meant.",
		}
	}
	at := songObject(*in, cfg, song)
	in.AudioURL, in.AudioSHA256 = "s3://"+at.Bucket+"/"+at.Key, song.SHA256
	in.Title = cmp.Or(in.Title, song.Title)
	return song, nil
}

func songObject(in stemflow.SeparateStemsInput, cfg config.Starter, song *songfile.Song) stemflow.ObjectRef {
	prefix := cmp.Or(in.Prefix, cfg.Prefix)
	return stemflow.ObjectRef{
		Bucket: cmp.Or(in.Bucket, cfg.Bucket), Key: archive.SongKey(prefix, song.SHA256, song.Format.Ext),
	}
}

func wrongFile(err error) error {
	f := &failure.Failure{Type: stemflow.ErrorInvalidInput, Message: err.Error(), Code: failure.ExitUsage}
	if errors.Is(err, os.ErrNotExist) {
		f.Hint = "A track of the provider is named by two ids: TASK_ID AUDIO_ID."
	}
	return f
}

// nameTrack has an input name a song of one's own by the ids under which it is archived, so that
// what looks for a track needs to know no other way. It reads a file to find them.
func (c *cli) nameTrack(in *stemflow.SeparateStemsInput) error {
	if in.AudioURL == "" {
		return nil
	}
	cfg, err := c.config()
	if err != nil {
		return failure.Configuration(err)
	}
	if _, err := readSong(in, cfg); err != nil {
		return err
	}
	if err := failure.Input(*in); err != nil {
		return err
	}
	track := in.Track()
	in.Title = in.SongName()
	in.TaskID, in.AudioID, in.AudioURL, in.AudioSHA256 = track.TaskID, track.AudioID, "", ""
	return nil
}

// nameTrackBefore has a command know a song of one's own by its ids.
func (c *cli) nameTrackBefore(cmd *cobra.Command, in *stemflow.SeparateStemsInput) {
	cmd.PreRunE = func(*cobra.Command, []string) error { return c.nameTrack(in) }
}

// uploadSong puts a song into the store, unless it is there.
func (c *cli) uploadSong(
	ctx context.Context, store *archive.Store, cfg config.Starter, in stemflow.SeparateStemsInput, song *songfile.Song,
) error {
	var progress archived.UploadProgress
	if c.showsProgress() {
		shown := view.NewUpload(c.screen(cfg), song.Name, int64(len(song.Content)))
		defer shown.Close()
		progress = shown
	}
	err := archived.PutSong(ctx, store, songObject(in, cfg, song), song.Format.ContentType, song.Content, progress)
	if err == nil {
		return nil
	}
	f := *failure.Of(err)
	f.Message = song.Name + " cannot be put into the store: " + f.Message
	f.Hint = strings.TrimSpace(f.Hint + " Nothing was started or paid; the same command tries again.")
	return &f
}
