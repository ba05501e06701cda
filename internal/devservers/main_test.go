package devservers

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"testing"

	"stemflow/internal/devtools"
)

// roleVariable makes this test binary play a child process instead of running tests.
const roleVariable = "STEMFLOW_TEST_CHILD"

var roles = map[string]func(){
	"listener": func() { // answers on the given address until it is told to end
		fmt.Println("a line of the listener's log")
		interrupted := make(chan os.Signal, 1)
		signal.Notify(interrupted, os.Interrupt)
		go func() { fmt.Println(http.ListenAndServe(os.Args[1], http.NotFoundHandler())) }()
		<-interrupted
	},
	"stubborn": func() { // does not end when asked to
		signal.Ignore(os.Interrupt)
		fmt.Println("ready")
		select {}
	},
	"failing": func() {
		fmt.Println("the reason is this")
		os.Exit(3)
	},
	"parent": func() { // starts a child, says its id and waits to be killed
		p, err := Start(context.Background(), child("stubborn"))
		if err != nil {
			panic(err)
		}
		fmt.Println(p.cmd.Process.Pid)
		_, _ = bufio.NewReader(os.Stdin).ReadByte()
	},
}

// child is this test binary in the given role.
func child(role string, args ...string) Command {
	return Command{
		Name: role,
		Path: os.Args[0],
		Args: args,
		Env:  devtools.Environment([]string{roleVariable}, roleVariable+"="+role),
	}
}

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		roles[role]()
		return
	}
	os.Exit(m.Run())
}

// skipIfShort is serverstest's, which this package's tests cannot import.
func skipIfShort(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts or builds servers: run it without -short")
	}
}
