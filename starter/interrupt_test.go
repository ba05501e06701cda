package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow/starter/internal/failure"
)

// prompt is far longer than an interrupted command takes, and far shorter than what it waits for.
const prompt = time.Minute

// silent is a server that accepts connections and never says anything. heard gets a value once it
// has been asked for something.
func silent(t *testing.T) (address string, heard <-chan struct{}) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	asked := make(chan struct{}, 100)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if _, err := conn.Read(make([]byte, 1)); err != nil {
					return
				}
				asked <- struct{}{}
				_, _ = io.Copy(io.Discard, conn)
			}()
		}
	}()
	return listener.Addr().String(), asked
}

// waiting are command lines that wait for a server which says nothing, and what they say then.
func waiting(server string) map[string][]string {
	track := []string{"--task-id", "5c79", "--audio-id", "e231"}
	reading := "interrupted while reading stems/5c79/e231/separate_vocal/manifest.json from the object store " + server
	connecting := "interrupted while connecting to Temporal at " + server
	return map[string][]string{
		"show":           append([]string{reading, "show"}, track...),
		"listen":         append([]string{reading, "listen"}, track...),
		"start":          append([]string{connecting, "start"}, track...),
		"start and wait": append([]string{connecting, "start", "--wait"}, track...),
		"watch":          append([]string{connecting, "watch"}, track...),
		"cancel":         append([]string{connecting, "cancel"}, track...),
		"catalog":        {connecting, "catalog", "--key", "june.csv", "--yes"},
		"catalog pause":  {connecting, "catalog", "pause", "--name", "june"},
	}
}

func environment(server string) map[string]string {
	return map[string]string{"MINIO_ENDPOINT": server, "MINIO_ACCESS_KEY": "access", "MINIO_SECRET_KEY": "secretkey"}
}

func TestAnInterruptedWaitExitsWith130(t *testing.T) {
	t.Setenv("TEMPORAL_CONFIG_FILE", t.TempDir()+"/none.toml")
	for name, line := range waiting("SERVER") {
		t.Run(name, func(t *testing.T) {
			server, heard := silent(t)
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			c, stdout, stderr := newTestCLI("", environment(server))
			ended := make(chan int)
			go func() { ended <- c.runUntil(ctx, interrupt, append([]string{"--address", server}, line[1:]...)) }()
			<-heard
			interrupt()
			select {
			case code := <-ended:
				require.Equal(t, failure.ExitInterrupted, code)
			case <-time.After(prompt):
				t.Fatal("it goes on")
			}
			require.Empty(t, stdout.String())
			require.Equal(t, strings.ReplaceAll(line[0], "SERVER", server)+"\n", stderr.String())
		})
	}
}

// A program that is not written yet, or a person who types, holds standard input open.
func TestAnInterruptedReadOfStandardInputExitsWith130(t *testing.T) {
	c, _, stderr := newTestCLI("", nil)
	stdin, write := io.Pipe()
	defer write.Close()
	c.stdin = stdin
	ctx, interrupt := context.WithCancel(t.Context())
	ended := make(chan int)
	go func() { ended <- c.runUntil(ctx, interrupt, []string{"start", "--input", "-"}) }()
	_, err := write.Write([]byte("{")) // it is read
	require.NoError(t, err)
	interrupt()
	select {
	case code := <-ended:
		require.Equal(t, failure.ExitInterrupted, code)
	case <-time.After(prompt):
		t.Fatal("it goes on")
	}
	require.Equal(t, "interrupted\n", stderr.String())
}

// The program itself, with the signals of a terminal and of a service manager.
func TestSignalsExitWith130(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		for _, name := range []string{"show", "start", "catalog pause"} {
			t.Run(name+" "+signal.String(), func(t *testing.T) {
				server, heard := silent(t)
				line := waiting(server)[name]
				cmd := exec.CommandContext(t.Context(), os.Args[0], append([]string{"--address", server}, line[1:]...)...)
				cmd.Env = append(os.Environ(), asProgram+"=1", "TEMPORAL_CONFIG_FILE="+t.TempDir()+"/none.toml")
				for name, value := range environment(server) {
					cmd.Env = append(cmd.Env, name+"="+value)
				}
				var stderr bytes.Buffer
				cmd.Stderr = &stderr
				require.NoError(t, cmd.Start())
				<-heard
				require.NoError(t, cmd.Process.Signal(signal))
				killer := time.AfterFunc(prompt, func() { _ = cmd.Process.Kill() })
				defer killer.Stop()
				require.Error(t, cmd.Wait())
				require.Equal(t, failure.ExitInterrupted, cmd.ProcessState.ExitCode(), cmd.ProcessState)
				require.Equal(t, line[0]+"\n", stderr.String())
			})
		}
	}
}

func TestAnInterruptionIsJSONForScripts(t *testing.T) {
	server, heard := silent(t)
	ctx, interrupt := context.WithCancel(t.Context())
	c, stdout, stderr := newTestCLI("", environment(server))
	ended := make(chan int)
	go func() {
		ended <- c.runUntil(ctx, interrupt, []string{"show", "--task-id", "5c79", "--audio-id", "e231", "--json"})
	}()
	<-heard
	interrupt()
	require.Equal(t, failure.ExitInterrupted, <-ended)
	require.Empty(t, stderr.String())
	require.Contains(t, stdout.String(), `"type": "Interrupted"`)
}
