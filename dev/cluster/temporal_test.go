package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEachConfigurationListsAllServicesAndItsOwnPorts(t *testing.T) {
	all, err := nodes()
	require.NoError(t, err)
	require.Len(t, all, 7)
	ports := map[int]bool{}
	for _, n := range all {
		require.False(t, ports[n.port] || ports[n.membershipPort], "each process has ports of its own")
		ports[n.port], ports[n.membershipPort] = true, true

		text, err := json.Marshal(n.config(all, &postgres{port: 5432, password: `a "secret"`}, "dynamic.yaml"))
		require.NoError(t, err)
		var read struct {
			Services map[string]struct{ RPC map[string]any }
		}
		require.NoError(t, json.Unmarshal(text, &read))
		require.Len(t, read.Services, 4)
		own := read.Services[n.service].RPC
		require.EqualValues(t, n.port, own["grpcPort"])
		require.EqualValues(t, n.membershipPort, own["membershipPort"])
		require.Equal(t, n.service == "frontend", own["httpPort"] != nil)
	}
}
