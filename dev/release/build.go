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
	"path"
	"path/filepath"
	"strings"

	"stemflow/internal/devservers"
)

type platform struct{ os, arch string }

// builder builds the sources in one folder.
type builder struct {
	source, out, version string
	// env is added to the environment.
	env []string
}

// build returns a line for each program, "<sha256>  <name>", as sha256sum writes and reads them.
func (b builder) build(ctx context.Context, programs []string, platforms []platform) ([]string, error) {
	module, err := b.command(ctx, nil, "list", "-m").Output()
	if err != nil {
		return nil, fmt.Errorf("the module's name: %w", err)
	}
	out, err := filepath.Abs(b.out)
	if err != nil {
		return nil, err
	}
	// Neither paths nor the state of a checkout enter the programs; the stamp says which version
	// they are.
	flags := []string{"build", "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w -X " + strings.TrimSpace(string(module)) + "/internal/program.stamped=" + b.version}
	var sums []string
	for _, p := range platforms {
		for _, program := range programs {
			name := fmt.Sprintf("%s_%s_%s_%s", path.Base(program), b.version, p.os, p.arch)
			file := filepath.Join(out, name)
			cmd := b.command(ctx, []string{"GOOS=" + p.os, "GOARCH=" + p.arch}, append(flags, "-o", file, program)...)
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

// command is the go command, undisturbed by what the caller's environment asks of it.
func (b builder) command(ctx context.Context, env []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = b.source
	cmd.Env = devservers.Environment(
		[]string{"GOFLAGS=", "GOOS=", "GOARCH=", "GOAMD64=", "GOARM64=", "GOEXPERIMENT=", "CGO_ENABLED="},
		append(append([]string{"CGO_ENABLED=0", "GOWORK=off"}, b.env...), env...)...)
	return cmd
}

// rebuild copies the sources to a new folder and builds them there with nothing compiled before.
func rebuild(
	ctx context.Context,
	source, folder, version string,
	programs []string,
	platforms []platform,
) ([]string, error) {
	copied := filepath.Join(folder, "source")
	if err := copySources(source, copied); err != nil {
		return nil, err
	}
	return builder{
		source: copied, out: filepath.Join(folder,
			"out"), version: version, env: []string{"GOCACHE=" + filepath.Join(folder, "cache")},
	}.build(ctx, programs, platforms)
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
