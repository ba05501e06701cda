//go:build unix && !linux

package devtools

import (
	"os/exec"
	"syscall"
)

// StartChild starts a process in a group of its own, so that the terminal's Ctrl-C reaches it
// through its parent only.
func StartChild(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd.Start()
}
