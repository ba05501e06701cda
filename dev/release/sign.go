package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
)

// signatureNamespace keeps a signature from passing for one of something else with the same key.
const signatureNamespace = "stemflow-release"

// sign writes a signature of the file to <file>.sig, with an SSH key: the private one, or the
// public one of a key that the agent or a hardware token has.
func sign(ctx context.Context, key, file string) error {
	// An older signature would make ssh-keygen ask.
	if err := os.Remove(file + ".sig"); err != nil && !os.IsNotExist(err) {
		return err
	}
	cmd := exec.CommandContext(ctx, "ssh-keygen", "-Y", "sign", "-f", key, "-n", signatureNamespace, file)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("sign %s with %s, which needs OpenSSH 8.1 or later: %w", file, key, err)
	}
	return nil
}
