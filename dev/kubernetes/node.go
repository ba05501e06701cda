//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"stemflow/internal/devservers"
	"stemflow/internal/devtools"
)

// The network: this program is the gateway of all nodes, and each node has a network of pods.
const (
	gateway     = "10.98.0.1"
	nodeNetwork = "10.98.0.0/24"
	podNetwork  = "10.244.0.0/16"
	services    = "10.96.0.0/16"
	bridgeName  = "nodes"
)

// node is one of the cluster's, with a network, mounts and a host name of its own.
type node struct {
	name string
	// number is from 1.
	number int
	dir    string
}

func nodesIn(dir string) []node {
	var all []node
	for i := range 2 {
		name := fmt.Sprint("node-", i+1)
		all = append(all, node{name, i + 1, filepath.Join(dir, name)})
	}
	return all
}

func (n node) address() string { return fmt.Sprintf("10.98.0.%d", 10+n.number) }
func (n node) pods() string    { return fmt.Sprintf("10.244.%d.0/24", n.number) }
func (n node) cgroup() string  { return cgroupName + n.name }
func (n node) socket() string  { return filepath.Join(n.dir, "containerd.sock") }

// tunables are what the kubelet wants of the whole machine. It is shown them, so that it changes
// nothing that would stay.
var tunables = map[string]string{
	"vm/overcommit_memory": "1", "vm/panic_on_oom": "0", "kernel/panic": "10", "kernel/panic_on_oops": "1",
	"kernel/keys/root_maxkeys": "1000000", "kernel/keys/root_maxbytes": "25000000",
}

// runNode is the node's own process: it makes the node's system, and runs what a node runs.
func runNode(ctx context.Context, dir, name string) error {
	s, err := readSetting(dir)
	if err != nil {
		return err
	}
	var n node
	for _, one := range nodesIn(s.Dir) {
		if one.name == name {
			n = one
		}
	}
	for _, step := range []func() error{n.mount, n.connect, n.makeCgroups, func() error { return n.configure(s) }} {
		if err := step(); err != nil {
			return err
		}
	}
	ended := make(chan error)
	for _, command := range []devservers.Command{
		{
			Name: "containerd", Path: "containerd", Args: []string{"--config", n.file("containerd.toml")},
			Ready: func(context.Context) error { _, err := os.Stat(n.socket()); return err },
		},
		{
			Name: "kubelet", Path: s.Tools["kubelet"],
			Args: []string{
				"--config", n.file("kubelet.json"), "--kubeconfig", s.kubeconfig(), "--hostname-override", n.name,
				"--node-ip", n.address(), "--root-dir", n.file("kubelet"), "--cert-dir", n.file("kubelet-certificates"),
			},
			Ready: func(ctx context.Context) error { // kube-router looks for the node once
				_, err := s.kubectl(ctx, "", "get", "node", n.name)
				return err
			},
		},
		{Name: "kube-proxy", Path: s.Tools["kube-proxy"], Args: []string{"--config", n.file("kube-proxy.json")}},
		{ // enforces network policies, and nothing else
			Name: "kube-router", Path: s.Tools["kube-router"],
			Args: []string{
				"--kubeconfig", s.kubeconfig(), "--hostname-override", n.name, "--run-router=false",
				"--run-service-proxy=false", "--run-firewall", "--service-cluster-ip-range", services,
			},
		},
	} {
		log, err := os.Create(filepath.Join(s.logs(), n.name+"-"+command.Name+".log"))
		if err != nil {
			return err
		}
		defer log.Close()
		command.Log = log
		process, err := devservers.Start(ctx, command)
		if err != nil {
			return err
		}
		go func() {
			<-process.Done()
			ended <- process.Err()
		}()
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-ended:
		return err
	}
}

func (n node) file(name string) string { return filepath.Join(n.dir, name) }

// mount gives the node places of its own where programs write to fixed ones.
func (n node) mount() error {
	if err := privateMounts(); err != nil {
		return err
	}
	for _, place := range []string{"/run", "/var/log"} {
		if err := syscall.Mount("tmpfs", place, "tmpfs", 0, "mode=755"); err != nil {
			return fmt.Errorf("mount %s: %w", place, err)
		}
	}
	written, work, shown := n.file("var-lib"), n.file("var-lib-work"), n.file("tunables")
	for _, dir := range []string{written, work, shown} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	layers := "lowerdir=/var/lib,upperdir=" + written + ",workdir=" + work
	if err := syscall.Mount("overlay", "/var/lib", "overlay", 0, layers); err != nil {
		return fmt.Errorf("mount /var/lib: %w", err)
	}
	for name, value := range tunables {
		file := filepath.Join(shown, strings.ReplaceAll(name, "/", "-"))
		if err := os.WriteFile(file, []byte(value+"\n"), 0o600); err != nil {
			return err
		}
		if err := syscall.Mount(file, "/proc/sys/"+name, "", syscall.MS_BIND, ""); err != nil {
			return fmt.Errorf("show the kubelet %s: %w", name, err)
		}
	}
	return syscall.Sethostname([]byte(n.name))
}

// privateMounts keeps what is mounted from now on from everyone else.
func privateMounts() error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make the mounts private: %w", err)
	}
	return nil
}

// connect configures the node's network once its end of the cable is there.
func (n node) connect() error {
	deadline := time.Now().Add(10 * time.Second)
	for exec.Command("ip", "link", "show", "eth0").Run() != nil {
		if time.Now().After(deadline) {
			return fmt.Errorf("%s gets no network", n.name)
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o600); err != nil {
		return err
	}
	lines := []string{
		"link set lo up", "addr add " + n.address() + "/24 dev eth0", "link set eth0 up",
		"route add default via " + gateway,
	}
	for _, other := range nodesIn("") {
		if other.number != n.number {
			lines = append(lines, "route add "+other.pods()+" via "+other.address())
		}
	}
	return ip(lines)
}

// ip configures the network of this process.
func ip(lines []string) error {
	for _, line := range lines {
		if said, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", line, err, said)
		}
	}
	return nil
}

// makeCgroups makes the control groups below which the node's pods are.
func (n node) makeCgroups() error {
	controllers, unified := cgroupMounts()
	if len(controllers) == 0 {
		controllers = unified
	}
	for _, controller := range controllers {
		group := filepath.Join(controller, n.cgroup())
		if err := os.Mkdir(group, 0o755); err != nil && !os.IsExist(err) {
			return fmt.Errorf("make the control group %s: %w", group, err)
		}
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} { // version 1 inherits neither
			text, err := os.ReadFile(filepath.Join(controller, file))
			if err != nil {
				continue
			}
			if err := os.WriteFile(filepath.Join(group, file), text, 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}

// configure writes what the node's programs read.
func (n node) configure(s setting) error {
	if err := os.MkdirAll(n.file("cni"), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(n.file("resolv.conf"), nil, 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(n.file("containerd.toml"), []byte(n.containerd()), 0o600); err != nil {
		return err
	}
	for name, config := range map[string]any{
		"cni/pods.conflist": n.cni(), "kubelet.json": n.kubelet(), "kube-proxy.json": n.kubeProxy(s.kubeconfig()),
	} {
		text, err := json.MarshalIndent(config, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(n.file(name), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// containerd is its configuration. It may not lower the OOM score of what it starts.
func (n node) containerd() string {
	return fmt.Sprintf(`version = 2
root = %q
state = %q
[grpc]
  address = %q
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = %q
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = %q
`, n.file("containerd"), "/run/containerd", n.socket(), pauseImage, n.file("cni"))
}

// cni is the pods' network: a bridge on each node. By itself it enforces no network policies.
func (n node) cni() map[string]any {
	return map[string]any{
		"cniVersion": "1.0.0", "name": "pods",
		"plugins": []map[string]any{
			{
				"type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true,
				"ipam": map[string]any{
					"type": "host-local", "ranges": [][]map[string]string{{{"subnet": n.pods()}}},
					"routes": []map[string]string{{"dst": "0.0.0.0/0"}},
				},
			},
			{"type": "portmap", "capabilities": map[string]bool{"portMappings": true}},
		},
	}
}

func (n node) kubelet() map[string]any {
	return map[string]any{
		"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
		"address": n.address(),
		// Nothing but this program is in the network.
		"authentication": map[string]any{
			"anonymous": map[string]any{"enabled": true}, "webhook": map[string]any{"enabled": false},
		},
		"authorization": map[string]any{"mode": "AlwaysAllow"},
		"cgroupDriver":  "cgroupfs", "cgroupRoot": "/" + n.cgroup(),
		"failCgroupV1": false, "failSwapOn": false,
		"containerRuntimeEndpoint": "unix://" + n.socket(),
		// Both nodes share the disk with everything else on the machine.
		"evictionHard":                map[string]string{"memory.available": "50Mi"},
		"imageGCHighThresholdPercent": 100, "localStorageCapacityIsolation": false,
		"podLogsDir": n.file("pods"), "volumePluginDir": n.file("volume-plugins"), "resolvConf": n.file("resolv.conf"),
		"clusterDNS": []string{gateway}, // where nobody answers: no name is asked for
	}
}

func (n node) kubeProxy(kubeconfig string) map[string]any {
	return map[string]any{
		"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration",
		"mode": "nftables", "clusterCIDR": podNetwork, "hostnameOverride": n.name,
		"clientConnection": map[string]any{"kubeconfig": kubeconfig},
		// The table of connections belongs to the whole machine.
		"conntrack": map[string]any{
			"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s",
		},
	}
}

// start starts a node as a process with namespaces of its own, and connects it.
func (n node) start(s setting, log *os.File) (*exec.Cmd, error) {
	if err := os.MkdirAll(n.dir, 0o700); err != nil {
		return nil, err
	}
	cmd := exec.Command("/proc/self/exe", asNode, s.Dir, n.name)
	cmd.Env = devtools.Environment(foreign)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
	}
	if err := devtools.StartChild(cmd); err != nil {
		return nil, err
	}
	return cmd, ip([]string{
		fmt.Sprintf("link add to-%s type veth peer name eth0 netns %d", n.name, cmd.Process.Pid),
		fmt.Sprintf("link set to-%s master %s", n.name, bridgeName),
		fmt.Sprintf("link set to-%s up", n.name),
		fmt.Sprintf("route add %s via %s", n.pods(), n.address()),
	})
}
