package main

import (
	"context"
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
)

// demo separates a track as a person would, with the starter, and ends with a page that plays it.
func (s *stack) demo(ctx context.Context) error {
	in := newTrack()
	took, err := s.separate(ctx, in, os.Stdout)
	if err != nil {
		return err
	}
	return s.conclude(ctx, in, fmt.Sprintf("From submit to archive in %v.", took))
}

// separate has the starter separate a track, and says how long it took. Where out is a terminal,
// the starter draws on it.
func (s *stack) separate(ctx context.Context, in stemflow.SeparateStemsInput, out io.Writer) (time.Duration, error) {
	fmt.Printf("\nThis run in Temporal's UI, while the demo lasts:\n  %s\n", s.workflowURL(in))
	begun := time.Now()
	err := s.starter(ctx, out, "start", "--task-id", in.TaskID, "--audio-id", in.AudioID, "--type", string(in.Type),
		"--wait")
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

// conclude leaves what is there to listen to when nothing runs any more, and says where.
func (s *stack) conclude(ctx context.Context, in stemflow.SeparateStemsInput, came string) error {
	folder := filepath.Join(s.dir, "demo", in.TaskID)
	err := s.starter(ctx, os.Stdout, "get", "--task-id", in.TaskID, "--audio-id", in.AudioID, "--type", string(in.Type),
		"--out", short(folder), "--page", "--quiet")
	if err != nil {
		return err
	}
	page := filepath.Join(folder, "listen.html")
	fmt.Printf(`
%s The demo ends here, and this stays:

  the page that plays the stems   %s
  the stems                       %s

"go run ./localstack" brings everything up again, with this separation in it:
s3://%s/%s
`, came, fileURL(page), short(folder), bucket, archive.ManifestKey(location(in)))
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
