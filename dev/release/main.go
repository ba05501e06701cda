// Command release builds every program of a version for every platform, and the manual pages of
// stemflow's command line, into a folder, with the list of their checksums:
//
//	go run ./dev/release -version v0.1.0            dist/
//	go run ./dev/release -version v0.1.0 -verify    builds all of it once more, elsewhere and from nothing, and compares
//
// The same sources and the same Go release yield the same bytes, on every machine.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"stemflow/internal/devservers"
)

var (
	programs = []program{
		{"worker", "./worker"},
		{"callbackbridge", "./callbackbridge/cmd/callbackbridge"},
		{"stemflow", "./starter"},
		{"kiesim", "./kiesim/cmd/kiesim"},
		{"healthcheck", "./deploy/healthcheck"},
	}
	platforms = []platform{{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "arm64"}}
)

var versionForm = regexp.MustCompile(`^v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	version := flag.String("version", "", "the `version`, like v0.1.0")
	out := flag.String("out", "dist", "the `folder` to build into")
	verify := flag.Bool("verify", false, "build everything twice and compare")
	flag.Parse()
	if !versionForm.MatchString(*version) || flag.NArg() > 0 {
		return fmt.Errorf("give -version like v0.1.0, and no arguments")
	}
	source, err := devservers.ModuleRoot()
	if err != nil {
		return err
	}
	b := builder{source: source, out: *out, version: *version, commit: commitOf(ctx, source)}
	sums, err := b.release(ctx)
	if err != nil {
		return err
	}
	if *verify {
		elsewhere, err := os.MkdirTemp("", "stemflow-release-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(elsewhere)
		again, err := b.elsewhere(elsewhere)
		if err != nil {
			return err
		}
		sumsAgain, err := again.release(ctx)
		if err != nil {
			return err
		}
		if !slices.Equal(sums, sumsAgain) {
			return fmt.Errorf("the builds differ:\n%s\n%s", strings.Join(sums, "\n"), strings.Join(sumsAgain, "\n"))
		}
		fmt.Println("built twice, and the same")
	}
	list := filepath.Join(*out, "SHA256SUMS")
	if err := os.WriteFile(list, []byte(strings.Join(sums, "\n")+"\n"), 0o644); err != nil {
		return err
	}
	fmt.Println(list)
	return nil
}
