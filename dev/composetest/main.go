// Command composetest runs the compose project for real: it builds the images, brings everything up
// under a name of its own, separates tracks while it kills one container after another, and checks
// the archive and the bill. Then it puts everything away and brings it up again, and runs a second
// project against the first one's Temporal and MinIO.
//
//	go run ./dev/composetest          some six minutes once the images are built
//	go run ./dev/composetest -keep    leaves both projects running, to look at
//
//	go run ./dev/composetest -store-image pgsty/silo:RELEASE.2026-09-16T00-00-00Z
//
// It takes a Docker engine with Compose 2. It uses free ports, and no .env file. The store is
// MinIO, built from its module, for which no registry is needed, unless another image is named.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	keep := flag.Bool("keep", false, "leave the projects running")
	storeImage := flag.String("store-image", "", "the `image` of the store, in place of MinIO built here")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *keep, *storeImage)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "composetest:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, keep bool, storeImage string) error {
	buildsStore := storeImage == ""
	if buildsStore {
		storeImage = builtStore
	}
	store := "STEMFLOW_STORE_IMAGE=" + storeImage
	local := project{name: "stemflow-composetest", env: []string{store}}
	external := project{name: "stemflow-composetest-external", env: []string{
		store, // it runs none, and Compose looks for the image all the same
		"LOCAL_TEMPORAL=0", "TEMPORAL_ADDRESS=existing-temporal:7233",
		"LOCAL_MINIO=0", "MINIO_ENDPOINT=existing-store:9000",
		"STEMFLOW_TASK_QUEUE=external",
	}}
	if !keep {
		defer local.remove()
		defer external.remove()
	}
	if err := step("build the images", func() error {
		if buildsStore {
			if err := buildStore(ctx); err != nil {
				return err
			}
		}
		return local.compose(ctx, "--profile", "starter", "build")
	}); err != nil {
		return err
	}
	up := func() error { return local.compose(ctx, "up", "--detach", "--wait") }
	if err := step("bring everything up", up); err != nil {
		return err
	}
	for _, f := range faults {
		if err := step(f.what, func() error { return f.run(ctx, local) }); err != nil {
			return fmt.Errorf("%s: %w\n%s", f.what, err, local.logs())
		}
	}
	if err := step("put everything away and bring it up again", func() error {
		if err := local.compose(ctx, "down"); err != nil {
			return err
		}
		if err := up(); err != nil {
			return err
		}
		return local.fromArchive(ctx, faults[0].track())
	}); err != nil {
		return err
	}
	return step(
		"run against a Temporal and a MinIO that exist",
		func() error { return external.useServersOf(ctx, local) },
	)
}

func step(what string, do func() error) error {
	begun := time.Now()
	if err := do(); err != nil {
		return err
	}
	fmt.Printf("ok  %5.1fs  %s\n", time.Since(begun).Seconds(), what)
	return nil
}
