//go:build unix && !linux

package devtools

import (
	"os/exec"
	"syscall"
)

// StartChild starts a process in a group of its own, so that the terminal's Ctrl-C reaches it
// through its parent only. What its SysProcAttr says beside that stays.
func StartChild(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	return cmd.Start()
}
