//go:build unix && !linux

package devservers

import (
	"os/exec"
	"syscall"
)

// startChild starts a process in a group of its own, so that the terminal's Ctrl-C reaches it
// through its parent only.
func startChild(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd.Start()
}
