package devservers

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strconv"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"stemflow/internal/devtools"
)

// TemporalOptions configure [Temporal]. The zero value is a server without UI that forgets
// everything when it ends.
type TemporalOptions struct {
	// Port and UIPort are 0 for any free one.
	Port, UIPort int
	// UI serves the web interface too.
	UI bool
	// DBFile keeps the histories in this SQLite file; empty keeps them in memory.
	DBFile string
	// SearchAttributes to register, by name, with a type like "Keyword", "Int" or "Datetime".
	SearchAttributes map[string]string
	// DynamicConfig are settings of the server by their keys, as JSON.
	DynamicConfig map[string]string
	// Log takes the server's log, where given.
	Log io.Writer
	// Announce is told, in a line each, what takes long; see [devtools.FindTool].
	Announce func(string)
}

// Temporal starts Temporal's dev server and waits until it serves the namespace "default".
func Temporal(ctx context.Context, opts TemporalOptions) (*Process, error) {
	path, err := devtools.FindTool(ctx, "temporal", opts.Announce)
	if err != nil {
		return nil, err
	}
	return onPorts(opts.Port, opts.UIPort, func(port, uiPort int) (*Process, error) {
		return startTemporal(ctx, path, port, uiPort, opts)
	})
}

func startTemporal(ctx context.Context, path string, port, uiPort int, opts TemporalOptions) (*Process, error) {
	args := []string{
		"server", "start-dev", "--ip", loopback, "--port", strconv.Itoa(port), "--log-level", "error",
		// Neither the user's Temporal profiles nor a look-up on the internet are wanted.
		"--disable-config-file", "--disable-config-env", "--dynamic-config-value",
		"frontend.enableServerVersionCheck=false",
	}
	ports := []Port{{port, "Temporal"}}
	ready, uiAddr := temporalReady(address(port)), ""
	if opts.UI {
		args = append(args, "--ui-port", strconv.Itoa(uiPort))
		ports = append(ports, Port{uiPort, "Temporal's UI"})
		uiAddr = address(uiPort)
		ready = allReady(ready, HTTPReady("http://"+uiAddr))
	} else {
		args = append(args, "--headless")
	}
	if opts.DBFile != "" {
		args = append(args, "--db-filename", opts.DBFile)
	}
	for _, name := range slices.Sorted(maps.Keys(opts.SearchAttributes)) {
		args = append(args, "--search-attribute", name+"="+opts.SearchAttributes[name])
	}
	for _, key := range slices.Sorted(maps.Keys(opts.DynamicConfig)) {
		args = append(args, "--dynamic-config-value", key+"="+opts.DynamicConfig[key])
	}
	p, err := Start(ctx, Command{
		Name:  "temporal",
		Path:  path,
		Args:  args,
		Env:   devtools.Environment([]string{"TEMPORAL_"}),
		Log:   opts.Log,
		Ports: ports,
		Ready: ready,
	})
	if err != nil {
		return nil, err
	}
	p.Addr, p.UIAddr = address(port), uiAddr
	return p, nil
}

// temporalReady asks for a workflow that is not there. The port is open, and the server healthy, a
// little before its namespaces are there; and it describes a namespace from elsewhere than where
// its frontend looks one up for all other requests, which for a moment has none yet.
func temporalReady(addr string) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		// gRPC would wait a second before it tried a closed port again.
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		if err != nil {
			return err
		}
		conn.Close()
		c, err := client.DialContext(
			ctx,
			client.Options{HostPort: addr, Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler))},
		)
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.DescribeWorkflow(ctx, "is-the-server-ready", "")
		if _, absent := errors.AsType[*serviceerror.NotFound](err); absent {
			return nil
		}
		return err
	}
}
