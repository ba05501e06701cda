//go:build unix

package hook

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// killGroup puts a program into a group of its own, and returns what kills it with all that it has
// started.
func killGroup(cmd *exec.Cmd) func() error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return func() error {
		err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		if errors.Is(err, syscall.ESRCH) {
			return os.ErrProcessDone
		}
		return err
	}
}
