package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/internal/browser"
	"stemflow/internal/config"
	"stemflow/internal/devtools"
	"stemflow/internal/tune"
)

// demo separates a track of the provider and a song of this machine as a person would, with the
// starter. It ends with a page that plays the track, and a session for an audio workstation.
func (s *stack) demo(ctx context.Context) error {
	in := newTrack()
	took, err := s.separate(ctx, in, os.Stdout, "--midi")
	if err != nil {
		return err
	}
	song, err := s.writeSong()
	if err != nil {
		return err
	}
	err = s.starter(ctx, os.Stdout, "start", short(song), "--type", string(stemflow.SeparateVocal), "--wait")
	if err != nil {
		return err
	}
	session := short(filepath.Join(s.dir, "demo", in.TaskID, "session.dawproject"))
	err = s.starter(ctx, os.Stdout, "get", "--task-id", in.TaskID, "--audio-id", in.AudioID, "--type", string(in.Type),
		"--format", "dawproject", "--out", session, "--quiet")
	if err != nil {
		return err
	}
	return s.conclude(ctx, in, fmt.Sprintf("From submit to archive and MIDI in %v.", took), stays{
		"the session for a workstation", session,
	})
}

// writeSong writes a song of this machine, which was never separated before.
func (s *stack) writeSong() (string, error) {
	dir := filepath.Join(s.dir, "demo")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	name := "home-recording-" + randomID()
	music, ok := tune.Stem("instrumental")
	if !ok {
		return "", errors.New("the tune has no mix")
	}
	recording := music.Once()
	content, err := io.ReadAll(io.NewSectionReader(recording, 0, recording.Size))
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, name+".mp3")
	return file, os.WriteFile(file, append(titleTag("Home recording "+name[len(name)-4:]), content...), 0o644)
}

// titleTag is an ID3v2.3 tag with a short title in ASCII: it makes another song of the same music.
func titleTag(title string) []byte {
	const headers = 10
	frame := append([]byte{'T', 'I', 'T', '2', 0, 0, 0, byte(len(title) + 1), 0, 0, 0}, title...)
	return append([]byte{'I', 'D', '3', 3, 0, 0, 0, 0, 0, byte(headers + 1 + len(title))}, frame...)
}

// separate has the starter separate a track, and says how long it took. Where out is a terminal,
// the starter draws on it.
func (s *stack) separate(
	ctx context.Context, in stemflow.SeparateStemsInput, out io.Writer, flags ...string,
) (time.Duration, error) {
	fmt.Printf("\nThis run in Temporal's UI, while the demo lasts:\n  %s\n", s.workflowURL(in))
	begun := time.Now()
	err := s.starter(ctx, out, append([]string{
		"start", "--task-id", in.TaskID, "--audio-id", in.AudioID, "--type", string(in.Type), "--wait",
	}, flags...)...)
	return time.Since(begun).Round(100 * time.Millisecond), err
}

// starter runs the starter, and shows how.
func (s *stack) starter(ctx context.Context, out io.Writer, args ...string) error {
	fmt.Printf("\n$ stemflow %s\n\n", strings.Join(args, " "))
	cmd := exec.Command(s.program("starter"), args...)
	cmd.Env = s.environment()
	cmd.Stdout, cmd.Stderr = out, out
	if err := devtools.Run(ctx, cmd); err != nil {
		if ctx.Err() != nil {
			return err
		}
		return fmt.Errorf("stemflow %s failed: %w", args[0], err)
	}
	return nil
}

// stays is what is there when nothing runs any more, and where.
type stays struct{ what, where string }

// conclude leaves what is there to listen to when nothing runs any more, and says where.
func (s *stack) conclude(ctx context.Context, in stemflow.SeparateStemsInput, came string, more ...stays) error {
	folder := filepath.Join(s.dir, "demo", in.TaskID)
	err := s.starter(ctx, os.Stdout, "get", "--task-id", in.TaskID, "--audio-id", in.AudioID, "--type", string(in.Type),
		"--out", short(folder), "--page", "--quiet")
	if err != nil {
		return err
	}
	page := filepath.Join(folder, "listen.html")
	fmt.Printf("\n%s The demo ends here, and this stays:\n\n", came)
	for _, s := range append([]stays{
		{"the page that plays the stems", fileURL(page)}, {"the stems", short(folder)},
	}, more...) {
		fmt.Printf("  %-30s  %s\n", s.what, s.where)
	}
	fmt.Printf(`
"go run ./localstack" brings everything up again, with this separation in it:
s3://%s/%s
`, bucket, archive.ManifestKey(location(in)))
	if !atDesktop() {
		return nil
	}
	if err := browser.Open(ctx, page); err != nil {
		fmt.Printf("\nNo browser was opened: %v. Open the page yourself.\n", err)
	}
	return nil
}

// atDesktop reports whether there is a person in front of a screen that shows pages: a browser that
// opens unasked is a nuisance to everybody else.
func atDesktop() bool {
	info, err := os.Stdout.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && config.AtDesktop(os.LookupEnv)
}

// fileURL is the link to a file of this machine.
func fileURL(path string) string {
	absolute, err := filepath.Abs(path)
	if err != nil {
		absolute = path
	}
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(absolute)}).String()
}
