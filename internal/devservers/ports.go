package devservers

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
)

// Port is a TCP port on the loopback interface, and who wants it.
type Port struct {
	Number int
	// For completes the sentence "wanted for ...".
	For string
}

// PortInUseError says that something else listens on a port.
type PortInUseError struct{ Port }

func (e *PortInUseError) Error() string {
	return fmt.Sprintf(
		"port %d, wanted for %s, is in use by another program: stop that program or choose another port",
		e.Number,
		e.For,
	)
}

func (p Port) check() error {
	l, err := net.Listen("tcp", address(p.Number))
	if err != nil {
		return &PortInUseError{p}
	}
	return l.Close()
}

// FreePort returns the preferred port if it is free, else, or when preferred is 0, one that is.
func FreePort(preferred int) (int, error) {
	if preferred != 0 && (Port{Number: preferred}).check() == nil {
		return preferred, nil
	}
	ports, err := FreePorts(1)
	if err != nil {
		return 0, err
	}
	return ports[0], nil
}

// FreePorts returns so many ports that are free, each another one. They are below those that the
// system gives to outgoing connections and to whoever asks for any port: one of these could take
// the port of a server that is away for a while.
func FreePorts(n int) ([]int, error) {
	const lowest, highest, tries = 10_000, 30_000, 1000
	var ports []int
	for range tries {
		if len(ports) == n {
			return ports, nil
		}
		port := lowest + rand.IntN(highest-lowest)
		l, err := net.Listen("tcp", address(port))
		if err != nil {
			continue
		}
		defer l.Close()
		ports = append(ports, port)
	}
	return nil, fmt.Errorf("find %d free ports between %d and %d: there are too few", n, lowest, highest)
}

func address(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }

// onPorts starts a server on two ports, with free ones for those that are 0. A free port may be
// taken by another program before the server has it, so the start is tried again on other ones;
// with given ports that only repeats the same answer.
func onPorts(first, second int, start func(first, second int) (*Process, error)) (*Process, error) {
	const tries = 3
	for try := 1; ; try++ {
		a, err := chosen(first)
		if err != nil {
			return nil, err
		}
		b, err := chosen(second)
		if err != nil {
			return nil, err
		}
		p, err := start(a, b)
		if err == nil || try == tries || !tellsOfPort(err) {
			return p, err
		}
	}
}

func chosen(port int) (int, error) {
	if port != 0 {
		return port, nil
	}
	return FreePort(0)
}

// tellsOfPort knows a taken port by our own error and by the last words of Temporal ("address
// already in use") and MinIO ("Specified port is already in use").
func tellsOfPort(err error) bool {
	var inUse *PortInUseError
	return errors.As(err, &inUse) || strings.Contains(err.Error(), "already in use")
}
