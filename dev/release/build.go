package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"stemflow/internal/devtools"
)

type platform struct{ os, arch string }

// program is what a package is called once it is built.
type program struct{ name, source string }

// builder builds the sources in one folder.
type builder struct {
	source, out, version string
	// commit is what the sources are of; empty if that is not known.
	commit string
	// env is added to the environment.
	env []string
}

// build returns a line for each program, "<sha256>  <name>", as sha256sum writes and reads them.
func (b builder) build(ctx context.Context, programs []program, platforms []platform) ([]string, error) {
	module, err := b.command(ctx, nil, "list", "-m").Output()
	if err != nil {
		return nil, fmt.Errorf("the module's name: %w", err)
	}
	out, err := filepath.Abs(b.out)
	if err != nil {
		return nil, err
	}
	// Neither paths nor the state of a checkout enter the programs; the stamps say which version of
	// which commit they are.
	stamps := strings.TrimSpace(string(module)) + "/internal/program."
	flags := []string{"build", "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w -X " + stamps + "stamped=" + b.version + " -X " + stamps + "commit=" + b.commit}
	var sums []string
	for _, p := range platforms {
		for _, program := range programs {
			name := fmt.Sprintf("%s_%s_%s_%s", program.name, b.version, p.os, p.arch)
			file := filepath.Join(out, name)
			target := []string{"GOOS=" + p.os, "GOARCH=" + p.arch}
			cmd := b.command(ctx, target, append(flags, "-o", file, program.source)...)
			cmd.Stderr = os.Stderr
			if err := cmd.Run(); err != nil {
				return nil, fmt.Errorf("build %s: %w", name, err)
			}
			sum, err := checksum(file)
			if err != nil {
				return nil, err
			}
			sums = append(sums, sum+"  "+name)
		}
	}
	return sums, nil
}

// release builds everything that a release has.
func (b builder) release(ctx context.Context) ([]string, error) {
	sums, err := b.build(ctx, programs, platforms)
	if err != nil {
		return nil, err
	}
	pages, err := b.manual(ctx)
	return append(sums, pages...), err
}

// manualFolder is where the manual pages are, as the names of files in a release begin.
const manualFolder = "man/"

// manual writes the manual pages, and returns a line for each, as build does.
func (b builder) manual(ctx context.Context) ([]string, error) {
	out, err := filepath.Abs(b.out)
	if err != nil {
		return nil, err
	}
	cmd := b.command(ctx, nil, "run", "./starter", "man", "--quiet", "--out", filepath.Join(out, manualFolder))
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("write the manual pages: %w", err)
	}
	pages, err := filepath.Glob(filepath.Join(out, manualFolder, "*.1"))
	if err != nil {
		return nil, err
	}
	var sums []string
	for _, page := range pages {
		sum, err := checksum(page)
		if err != nil {
			return nil, err
		}
		sums = append(sums, sum+"  "+manualFolder+filepath.Base(page))
	}
	return sums, nil
}

// command is the go command, undisturbed by what the caller's environment asks of it.
func (b builder) command(ctx context.Context, env []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = b.source
	cmd.Env = devtools.Environment(
		[]string{"GOFLAGS=", "GOOS=", "GOARCH=", "GOAMD64=", "GOARM64=", "GOEXPERIMENT=", "CGO_ENABLED="},
		append(append([]string{"CGO_ENABLED=0", "GOWORK=off"}, b.env...), env...)...)
	return cmd
}

// elsewhere copies the sources to a new folder and returns what builds them there with nothing
// compiled before.
func (b builder) elsewhere(folder string) (builder, error) {
	copied := filepath.Join(folder, "source")
	if err := copySources(b.source, copied); err != nil {
		return builder{}, err
	}
	return builder{
		source: copied, out: filepath.Join(folder, "out"), version: b.version, commit: b.commit,
		env: []string{"GOCACHE=" + filepath.Join(folder, "cache")},
	}, nil
}

// copySources leaves out what begins with a dot: history, secrets and local state.
func copySources(from, to string) error {
	return filepath.WalkDir(from, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(from, file)
		if err != nil {
			return err
		}
		hidden := inside != "." && strings.HasPrefix(entry.Name(), ".")
		switch {
		case entry.IsDir() && hidden:
			return filepath.SkipDir
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(to, inside), 0o755)
		case hidden || !entry.Type().IsRegular():
			return nil
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, inside), data, 0o644)
	})
}

func checksum(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
