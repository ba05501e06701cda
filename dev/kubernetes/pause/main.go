// Command pause does nothing until it is told to end: it holds a pod's network while its containers
// come and go, as Kubernetes' own program of that name does.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	end := make(chan os.Signal, 1)
	signal.Notify(end, os.Interrupt, syscall.SIGTERM)
	<-end
}
