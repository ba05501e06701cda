//go:build linux

package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// unpack are the files of an archive.
func unpack(t *testing.T, archive []byte) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		require.NoError(t, err)
		text, err := io.ReadAll(r)
		require.NoError(t, err)
		files[header.Name] = text
	}
}

func TestImageIsWhatDockerSaves(t *testing.T) {
	var programs []string
	for _, name := range []string{"worker", "healthcheck"} {
		program := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(program, []byte(name), 0o700))
		programs = append(programs, program)
	}
	archive, err := image{programs, []string{"stemflow-worker:v1"}}.archive()
	require.NoError(t, err)
	files := unpack(t, archive)
	var manifest []struct {
		Config           string
		RepoTags, Layers []string
	}
	require.NoError(t, json.Unmarshal(files["manifest.json"], &manifest))
	require.Len(t, manifest, 1)
	require.Equal(t, []string{"stemflow-worker:v1"}, manifest[0].RepoTags)
	require.Len(t, manifest[0].Layers, 1)
	layer := files[manifest[0].Layers[0]]
	var config struct {
		Config struct {
			User       string
			Entrypoint []string
		}
		RootFS struct {
			DiffIDs []string `json:"diff_ids"`
		}
	}
	require.NoError(t, json.Unmarshal(files[manifest[0].Config], &config))
	sum := sha256.Sum256(layer)
	require.Equal(t, []string{"sha256:" + hex.EncodeToString(sum[:])}, config.RootFS.DiffIDs)
	require.Equal(t, []string{"/usr/local/bin/worker"}, config.Config.Entrypoint)
	require.Equal(t, "65532:65532", config.Config.User)
	require.Equal(t, "healthcheck", string(unpack(t, layer)["usr/local/bin/healthcheck"]))
}

func TestNodesHaveNetworksOfTheirOwn(t *testing.T) {
	nodes := nodesIn("/somewhere")
	require.Len(t, nodes, 2)
	all := netip.MustParsePrefix(podNetwork)
	for _, n := range nodes {
		require.True(t, netip.MustParsePrefix(nodeNetwork).Contains(netip.MustParseAddr(n.address())))
		require.True(t, all.Contains(netip.MustParsePrefix(n.pods()).Addr()))
	}
	require.False(t, netip.MustParsePrefix(nodes[0].pods()).Overlaps(netip.MustParsePrefix(nodes[1].pods())))
	for _, other := range []string{nodeNetwork, services} {
		require.False(t, all.Overlaps(netip.MustParsePrefix(other)), other)
	}
}

func TestCgroupMountsOfBothVersions(t *testing.T) {
	const (
		memory  = "30 25 0:26 / /sys/fs/cgroup/memory rw,nosuid shared:9 - cgroup cgroup rw,memory\n"
		pids    = "31 25 0:27 / /sys/fs/cgroup/pids rw,nosuid - cgroup cgroup rw,pids\n"
		unified = "32 25 0:28 / /sys/fs/cgroup/unified rw,nosuid shared:10 - cgroup2 cgroup2 rw\n"
		disk    = "20 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
	)
	first, second := parseCgroupMounts(disk + memory + pids + unified + "nonsense\n")
	require.Equal(t, []string{"/sys/fs/cgroup/memory", "/sys/fs/cgroup/pids"}, first)
	require.Equal(t, []string{"/sys/fs/cgroup/unified"}, second)
	first, second = parseCgroupMounts(disk + unified)
	require.Empty(t, first)
	require.Equal(t, []string{"/sys/fs/cgroup/unified"}, second)
}

func TestMissingPackagesAreNamedOnce(t *testing.T) {
	absent := map[string]bool{"containerd": true, "ctr": true, "ipset": true}
	require.Equal(t, []string{"containerd", "ipset"}, missing(func(program string) (string, error) {
		if absent[program] {
			return "", os.ErrNotExist
		}
		return program, nil
	}))
}

func TestFirstVersion(t *testing.T) {
	require.Equal(t, "1.6.20", firstVersion("containerd github.com/containerd/containerd 1.6.20~ds1 9.9.9", ""))
	require.Equal(t, "2.17.3", firstVersion("go 1.26.0\nrequire example.com/keda/v2 v2.17.3\n", "keda/v2 v"))
	require.Empty(t, firstVersion("unknown", "etcd"))
}
