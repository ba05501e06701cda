// Package proving is what those programs share that prove stemflow on many processes.
package proving

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"stemflow/internal/devtools"
)

// Eventually tries something until it succeeds, and says after minutes what was waited for.
func Eventually(ctx context.Context, what string, try func(context.Context) error) error {
	const within, oneTry, pause = 4 * time.Minute, 20 * time.Second, 300 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		trying, stop := context.WithTimeout(ctx, oneTry)
		err := try(trying)
		stop()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited in vain until %s: %w", what, err)
		case <-time.After(pause):
		}
	}
}

// NewID is one of a track that is nobody else's.
func NewID() string {
	id := make([]byte, 16)
	_, _ = rand.Read(id) // it never fails
	return hex.EncodeToString(id)
}

// Output runs a program, and returns what it said. An error says it too.
func Output(ctx context.Context, cmd *exec.Cmd) (string, error) {
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := devtools.Run(ctx, cmd); err != nil {
		return said.String(), fmt.Errorf("%w\n%s", err, said.Bytes())
	}
	return said.String(), nil
}

// KeepLogs copies logs to a new folder, whose name begins with prefix, and says where.
func KeepLogs(logs, prefix string) {
	kept, err := os.MkdirTemp("", prefix)
	if err == nil {
		err = os.CopyFS(kept, os.DirFS(logs))
	}
	if err != nil {
		fmt.Printf("the logs cannot be kept: %v\n", err)
		return
	}
	fmt.Printf("the logs are kept in %s\n", kept)
}

// Listed is what was counted, by name.
func Listed(counts map[string]int) string {
	if len(counts) == 0 {
		return "none"
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, counts[name]))
	}
	return strings.Join(parts, ", ")
}
