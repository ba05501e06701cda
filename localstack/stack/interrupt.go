package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// errInterrupted is the cause with which the context ends when localstack is told to stop.
var errInterrupted = errors.New("interrupted")

// errEnded is its cause when there is nothing more to do.
var errEnded = errors.New("ended")

// exitInterrupted is what shells report for a program that Ctrl-C ended.
const exitInterrupted = 130

// watchSignals ends the context at the first signal. The second one kills what takes too long to
// stop.
func watchSignals(end context.CancelCauseFunc, s *stack) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		<-signals
		end(errInterrupted)
		<-signals
		s.kill()
		os.Exit(exitInterrupted)
	}()
}
