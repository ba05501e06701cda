//go:build !unix

package hook

import "os/exec"

// killGroup returns what kills a program.
func killGroup(cmd *exec.Cmd) func() error {
	return func() error { return cmd.Process.Kill() }
}
