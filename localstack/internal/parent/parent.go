// Package parent notices when the program that started this one is gone.
package parent

import (
	"os"
	"time"
)

// Watch calls gone once the parent has ended: a SIGTERM to "go run" ends go, which does not pass it
// on.
func Watch(gone func()) {
	parent := os.Getppid()
	go func() {
		for range time.Tick(time.Second) {
			if os.Getppid() != parent {
				gone()
				return
			}
		}
	}()
}
