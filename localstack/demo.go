package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"stemflow/internal/archive"
	"stemflow/internal/devservers"
)

// demo separates a track as a person would, with the starter.
func (s *stack) demo(ctx context.Context) error {
	in := newTrack()
	args := []string{"start", "--task-id", in.TaskID, "--audio-id", in.AudioID, "--type", string(in.Type), "--wait"}
	fmt.Printf("\n$ starter %s\n\n", strings.Join(args, " "))
	begun := time.Now()
	cmd := exec.Command(s.program("starter"), args...)
	cmd.Env = s.environment()
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := devservers.Run(ctx, cmd); err != nil {
		if ctx.Err() != nil {
			return err
		}
		return fmt.Errorf("the starter failed: %w", err)
	}
	fmt.Printf(`
From submit to archive in %v. The demo ends here; "go run ./localstack" brings everything up again,
with this separation in it:

  Temporal's UI     %s
  MinIO's console   %s
                    user %s, password %s
  manifest          s3://%s/%s
`, time.Since(begun).Round(100*time.Millisecond), s.workflowURL(in), s.folderURL(in), rootUser, s.secretKey+rootSuffix,
		bucket, archive.ManifestKey(location(in)))
	if s.otherPorts {
		fmt.Println("\nOther programs had some of the ports: the next run prints its own.")
	}
	return nil
}
