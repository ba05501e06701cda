package plugin_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"stemflow/plugin"
)

func TestRegisterDemandsAClient(t *testing.T) {
	c, err := client.NewLazyClient(client.Options{HostPort: "127.0.0.1:1"})
	require.NoError(t, err)
	defer c.Close()
	cfg := config()
	cfg.Client = c // which may be of another namespace than the worker's
	_, err = plugin.Register(nil, "q", worker.New(c, "q", worker.Options{}), cfg)
	require.ErrorContains(t, err, "the client is missing")
}
