package reach

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"
)

func TestTransientErrors(t *testing.T) {
	for _, err := range []error{
		serviceerror.NewUnavailable("down"), serviceerror.NewDeadlineExceeded("slow"), serviceerror.NewResourceExhausted(1, "busy"),
	} {
		require.True(t, isTransient(errors.Join(err)))
	}
	for _, err := range []error{
		serviceerror.NewNotFound("gone"), serviceerror.NewPermissionDenied("no", ""), temporal.NewCanceledError(), errors.New("x"),
	} {
		require.False(t, isTransient(err))
	}
}
