// Command release builds every program of a version for every platform, and the manual pages of
// stemflow's command line, into a folder, with a bill of materials of each program (*.cdx.json), a
// statement of what all of it was made from (provenance.intoto.json), and the list of their
// checksums (SHA256SUMS):
//
//	go run ./dev/release -version v0.1.0            dist/
//	go run ./dev/release -version v0.1.0 -verify    builds all of it once more, elsewhere and from nothing, and compares
//	go run ./dev/release -version v0.1.0 -sign KEY  signs SHA256SUMS with an SSH key
//	go run ./dev/release -pin                       writes today's digests of the base images
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

	"stemflow/internal/devtools"
)

var (
	programs = []program{
		{"worker", "./worker"},
		{"callbackbridge", "./callbackbridge/cmd/callbackbridge"},
		{"stemflow", "./starter"},
		{"kiesim", "./kiesim/cmd/kiesim"},
		{"healthcheck", "./deploy/healthcheck"},
		{"signalgate", "./deploy/signalgate"},
		{"storegate", "./deploy/storegate"},
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
	key := flag.String("sign", "", "sign the list of checksums with this SSH key: a `file`")
	builderID := flag.String("builder", "urn:stemflow:builder:local", "the `URI` of who builds, for the provenance")
	repository := flag.String(
		"repository", "pkg:golang/stemflow", "the `URI` of the sources, for the provenance: git+https://...")
	writePins := flag.Bool("pin", false, "write today's digests of the base images, and build nothing")
	flag.Parse()
	source, err := devtools.ModuleRoot()
	if err != nil {
		return err
	}
	if *writePins {
		changed, err := pin(source, registryDigest(ctx))
		for _, line := range changed {
			fmt.Println(line)
		}
		return err
	}
	if !versionForm.MatchString(*version) || flag.NArg() > 0 {
		return fmt.Errorf("give -version like v0.1.0, and no arguments")
	}
	if err := checkPins(source); err != nil {
		return err
	}
	commit, err := commitOf(ctx, source)
	if err != nil {
		return err
	}
	b := builder{source: source, out: *out, version: *version, commit: commit}
	sums, err := b.release(ctx)
	if err != nil {
		return err
	}
	if *verify {
		if err := compare(ctx, b, sums); err != nil {
			return err
		}
		fmt.Println("built twice, and the same")
	}
	list, err := document(*out, *version, commit, *builderID, *repository, sums)
	if err != nil {
		return err
	}
	fmt.Println(list)
	if *key == "" {
		return nil
	}
	return sign(ctx, *key, list)
}

// compare builds all of it once more, elsewhere.
func compare(ctx context.Context, b builder, sums []string) error {
	folder, err := os.MkdirTemp("", "stemflow-release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	other, err := b.elsewhere(folder)
	if err != nil {
		return err
	}
	again, err := other.release(ctx)
	if err != nil {
		return err
	}
	if !slices.Equal(sums, again) {
		return fmt.Errorf("the builds differ:\n%s\n%s", strings.Join(sums, "\n"), strings.Join(again, "\n"))
	}
	return nil
}

// document writes what says what the programs in a folder are: bills of materials, the provenance,
// and the list of all checksums, whose path it returns.
func document(out, version, commit, builderID, repository string, sums []string) (string, error) {
	all := slices.Clone(sums)
	for _, line := range sums {
		sum, name, _ := strings.Cut(line, "  ")
		if strings.HasPrefix(name, manualFolder) {
			continue
		}
		program, _, _ := strings.Cut(name, "_")
		file := filepath.Join(out, name)
		if err := writeBOM(file, program, version, sum); err != nil {
			return "", err
		}
		bomSum, err := checksum(file + bomSuffix)
		if err != nil {
			return "", err
		}
		all = append(all, bomSum+"  "+name+bomSuffix)
	}
	made, err := provenance(out, version, commit, builderID, repository, all)
	if err != nil {
		return "", err
	}
	if err := writeJSON(filepath.Join(out, provenanceName), made); err != nil {
		return "", err
	}
	sum, err := checksum(filepath.Join(out, provenanceName))
	if err != nil {
		return "", err
	}
	all = append(all, sum+"  "+provenanceName)
	list := filepath.Join(out, "SHA256SUMS")
	return list, os.WriteFile(list, []byte(strings.Join(all, "\n")+"\n"), 0o644)
}

const provenanceName = "provenance.intoto.json"
