// Command minioheal heals a bucket of a MinIO server with several drives, as "mc admin heal
// --recursive" does. A server that was killed in the middle of a write may have an object in two
// versions on its drives. It serves the older one, but refuses conditional writes to it with
// NoSuchKey until it is healed.
//
//	MINIO_ENDPOINT=localhost:9000 MINIO_ROOT_USER=... MINIO_ROOT_PASSWORD=... minioheal -bucket stems
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/minio/madmin-go/v3"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

const (
	pause    = 200 * time.Millisecond
	finished = "finished"
)

func main() {
	bucket := flag.String("bucket", "", "`name` of the bucket")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := heal(ctx, *bucket)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "minioheal:", err)
		os.Exit(1)
	}
}

func heal(ctx context.Context, bucket string) error {
	if bucket == "" {
		return errors.New("-bucket is required")
	}
	client, err := madmin.NewWithOptions(os.Getenv("MINIO_ENDPOINT"), &madmin.Options{
		Creds: credentials.NewStaticV4(os.Getenv("MINIO_ROOT_USER"), os.Getenv("MINIO_ROOT_PASSWORD"), ""),
	})
	if err != nil {
		return fmt.Errorf("MINIO_ENDPOINT: %w", err)
	}
	opts := madmin.HealOpts{Recursive: true, ScanMode: madmin.HealNormalScan}
	begun, _, err := client.Heal(ctx, bucket, "", opts, "", true, false)
	if err != nil {
		return fmt.Errorf("begin to heal %s: %w", bucket, err)
	}
	objects := 0
	for {
		_, status, err := client.Heal(ctx, bucket, "", opts, begun.ClientToken, false, false)
		if err != nil {
			return fmt.Errorf("heal %s: %w", bucket, err)
		}
		for _, item := range status.Items {
			if item.Type == madmin.HealItemObject {
				objects++
			}
		}
		switch {
		case status.Summary == finished:
			fmt.Printf("%d objects are looked at\n", objects)
			return nil
		case status.FailureDetail != "":
			return fmt.Errorf("heal %s: %s", bucket, status.FailureDetail)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}
