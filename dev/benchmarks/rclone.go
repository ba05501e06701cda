package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"stemflow/internal/devtools"
)

// rcloneCommand is rclone copyurl for the links of a job.
func (s *suite) rcloneCommand(ctx context.Context, j job) (*exec.Cmd, error) {
	var list strings.Builder
	for _, link := range j.Links {
		fmt.Fprintf(&list, "%s,%s\n", link, path.Base(link))
	}
	file := filepath.Join(s.dir, "links.csv")
	if err := os.WriteFile(file, []byte(list.String()), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(
		ctx,
		s.rclone,
		"copyurl",
		"--urls",
		file,
		":s3:"+j.Bucket+"/"+j.Prefix,
		"--transfers",
		fmt.Sprint(parallelism),
		"--s3-no-check-bucket",
		"--config",
		os.DevNull,
		"--log-level",
		"ERROR",
	)
	cmd.Env = devtools.Environment(
		[]string{"RCLONE_"},
		"RCLONE_S3_PROVIDER=Minio",
		"RCLONE_S3_ENDPOINT=http://"+j.Endpoint,
		"RCLONE_S3_ACCESS_KEY_ID="+j.AccessKey,
		"RCLONE_S3_SECRET_ACCESS_KEY="+j.SecretKey,
	)
	cmd.Stderr = os.Stderr
	return cmd, nil
}
