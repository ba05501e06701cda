package devtools

import (
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

// StartChild starts a process that the kernel kills when this program dies, however it dies. What
// its SysProcAttr says beside that stays.
//
// The kernel ties that promise to the thread that started the child, not to the process, so all
// children are started by one goroutine that keeps its thread to itself and never ends.
func StartChild(cmd *exec.Cmd) error {
	startLauncher()
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid, cmd.SysProcAttr.Pdeathsig = true, syscall.SIGKILL
	launches <- cmd
	return <-launched
}

var (
	launches      = make(chan *exec.Cmd)
	launched      = make(chan error)
	startLauncher = sync.OnceFunc(func() {
		go func() {
			runtime.LockOSThread()
			for cmd := range launches {
				launched <- cmd.Start()
			}
		}()
	})
)
