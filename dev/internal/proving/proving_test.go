package proving

import (
	"context"
	"errors"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEventuallyTriesAgain(t *testing.T) {
	tries := 0
	require.NoError(t, Eventually(t.Context(), "it works", func(context.Context) error {
		if tries++; tries < 2 {
			return errors.New("not yet")
		}
		return nil
	}))
	require.Equal(t, 2, tries)
}

func TestEventuallySaysWhatItWaitedFor(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	err := Eventually(ctx, "the sun rises", func(context.Context) error {
		cancel()
		return errors.New("it is dark")
	})
	require.EqualError(t, err, "waited in vain until the sun rises: it is dark")
}

func TestOutputIsInTheError(t *testing.T) {
	said, err := Output(t.Context(), exec.Command("go", "no-such-command"))
	require.ErrorContains(t, err, "no-such-command")
	require.Contains(t, said, "no-such-command")
}

func TestIDsDiffer(t *testing.T) {
	require.Len(t, NewID(), 32)
	require.NotEqual(t, NewID(), NewID())
}
