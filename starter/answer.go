package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/limit"
)

// readYes reads the answer to a command's question from the terminal. Only a yes is one; otherwise
// says what has not happened yet.
func (c *cli) readYes(ctx context.Context, command, otherwise string) (bool, error) {
	type answer struct {
		text string
		err  error
	}
	read := make(chan answer, 1)
	go func() {
		text, err := bufio.NewReader(c.stdin).ReadString('\n')
		read <- answer{text, err}
	}()
	select {
	case a := <-read:
		if a.err != nil && a.err != io.EOF {
			return false, failure.Usage(command, "the answer cannot be read: %v", a.err)
		}
		switch strings.ToLower(strings.TrimSpace(a.text)) {
		case "y", "yes":
			return true, nil
		}
		return false, nil
	case <-ctx.Done():
		fmt.Fprintln(c.stderr)
		return false, &limit.Interrupted{Doing: "waiting for the answer; " + otherwise}
	}
}
