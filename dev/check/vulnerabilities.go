package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
)

// vulnerabilities runs govulncheck on what is shipped: the servers and linters under tools are not.
func vulnerabilities(ctx context.Context, out io.Writer) error {
	path, err := find(ctx, "govulncheck", out)
	if err != nil {
		return err
	}
	return scan(ctx, out, path, "./...")
}

var unreachable = []byte("govulncheck: fetching vulnerabilities: ")

// scan is skipped where the database is out of reach, which is no finding.
func scan(ctx context.Context, out io.Writer, path string, args ...string) error {
	var said bytes.Buffer
	err := prepare(ctx, &said, path, args...).Run()
	if errors.As(err, new(*exec.ExitError)) && bytes.Contains(said.Bytes(), unreachable) {
		return skipped("the vulnerability database cannot be reached")
	}
	if _, writing := out.Write(said.Bytes()); writing != nil {
		return writing
	}
	return err
}
