// Package browser opens files in the user's browser.
package browser

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"time"
)

// openTime is how long a program that opens browsers may take to say that it cannot. One that takes
// longer is the browser itself.
const openTime = 3 * time.Second

// Open opens a file with the program that the system has for that.
func Open(ctx context.Context, file string) error {
	line := commandLine(runtime.GOOS, file)
	path, err := exec.LookPath(line[0])
	if err != nil {
		return errors.New("there is no " + line[0])
	}
	cmd := exec.Command(path, line[1:]...)
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("%s: %w", line[0], err)
		}
	case <-time.After(openTime):
	case <-ctx.Done():
	}
	return nil
}

// commandLine is the command that opens a file on a system.
func commandLine(system, file string) []string {
	switch system {
	case "darwin":
		return []string{"open", file}
	case "windows":
		return []string{"rundll32", "url.dll,FileProtocolHandler", file} // start is no program
	default:
		return []string{"xdg-open", file}
	}
}
