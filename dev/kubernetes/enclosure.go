//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"stemflow/internal/devtools"
)

// setting is what the program tells itself when it starts itself in namespaces of its own.
type setting struct {
	Root   string            `json:"root"` // of the repository
	Dir    string            `json:"dir"`  // for everything that is written
	Tools  map[string]string `json:"tools"`
	KEDA   string            `json:"keda"` // the folder of its module
	Tracks int               `json:"tracks"`
	// Outside are addresses on this machine's loopback interface that lead inside.
	Outside map[string]string `json:"outside"`
}

// needed are the programs that the distribution has, by their packages in Debian.
var needed = []struct{ program, pack string }{
	{"/usr/bin/etcd", "etcd-server"}, {"containerd", "containerd"}, {"ctr", "containerd"}, {"runc", "runc"},
	{"/usr/lib/cni/bridge", "containernetworking-plugins"}, {"ip", "iproute2"}, {"nft", "nftables"},
	{"iptables", "iptables"}, {"ipset", "ipset"},
}

// missing are the packages whose programs are not there.
func missing(look func(string) (string, error)) []string {
	var packages []string
	for _, n := range needed {
		if _, err := look(n.program); err != nil && !slices.Contains(packages, n.pack) {
			packages = append(packages, n.pack)
		}
	}
	return packages
}

const (
	lockFile   = "/run/stemflow-kubernetes.lock"
	dirPattern = "stemflow-kubernetes-"
	// cgroupName begins the names of the control groups of both nodes.
	cgroupName = "stemflow-kubernetes-"
	// endWithin is how long everything may take to end.
	endWithin = 30 * time.Second
)

// lock is held as long as a cluster runs, for there is one at a time, and names the process.
func lock() (*os.File, error) {
	file, err := os.OpenFile(lockFile, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		return nil, errRuns
	}
	return file, nil
}

var errRuns = errors.New("a cluster runs already: end it with `go run ./dev/kubernetes down`")

// enclosed builds everything, and runs a command of this program in namespaces of its own.
func enclosed(ctx context.Context, command string, tracks int) error {
	if os.Geteuid() != 0 {
		return errors.New("this takes root's rights: containers, mounts and networks are made")
	}
	if packages := missing(exec.LookPath); len(packages) > 0 {
		return fmt.Errorf("programs are missing: apt-get install -y --no-install-recommends %s",
			strings.Join(packages, " "))
	}
	held, err := lock()
	if err != nil {
		return err
	}
	defer held.Close()
	defer func() { _ = os.Remove(lockFile) }()
	sweep()
	if err := errors.Join(held.Truncate(0), writePID(held)); err != nil {
		return err
	}
	s := setting{Tracks: tracks, Outside: map[string]string{}}
	if s.Root, err = devtools.ModuleRoot(); err != nil {
		return err
	}
	if s.Dir, err = os.MkdirTemp("", dirPattern); err != nil {
		return err
	}
	defer sweep()
	if err := s.build(ctx); err != nil {
		return err
	}
	self := exec.Command("/proc/self/exe", command, s.Dir)
	self.Stdin, self.Stdout, self.Stderr = nil, os.Stdout, os.Stderr
	for _, name := range ports {
		// A socket stays in the network in which it was opened.
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer listener.Close()
		file, err := listener.(*net.TCPListener).File()
		if err != nil {
			return err
		}
		defer file.Close()
		self.ExtraFiles = append(self.ExtraFiles, file)
		s.Outside[name] = listener.Addr().String()
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(s.Dir, "setting.json"), text, 0o600); err != nil {
		return err
	}
	self.Env = devtools.Environment(foreign)
	self.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC,
	}
	err = devtools.Run(ctx, self)
	switch {
	case ctx.Err() != nil && self.ProcessState.Success(): // up was told to end
		return nil
	case ctx.Err() != nil:
		return errors.New("interrupted")
	}
	if _, failed := errors.AsType[*exec.ExitError](err); failed {
		return errors.New("it has failed, as said above")
	}
	return err
}

func writePID(file *os.File) error {
	_, err := fmt.Fprint(file, os.Getpid())
	return err
}

// foreign begin the names of variables that are meant for other programs.
var foreign = []string{
	"KIE_", "MINIO_", "STEMFLOW_", "TEMPORAL_", "OTEL_", "KUBE", "ETCD_", "CONTAINERD_", "CNI_",
	"HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy",
}

// down ends the cluster that runs, and removes what one has left that was killed.
func down(ctx context.Context) error {
	held, err := lock()
	if errors.Is(err, errRuns) {
		text, err := os.ReadFile(lockFile)
		if err != nil {
			return err
		}
		var pid int
		if _, err := fmt.Sscan(string(text), &pid); err != nil || pid <= 1 {
			return fmt.Errorf("%s does not name the process that holds it", lockFile)
		}
		if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
			return fmt.Errorf("end process %d: %w", pid, err)
		}
		ctx, cancel := context.WithTimeoutCause(ctx, endWithin, fmt.Errorf("process %d does not end", pid))
		defer cancel()
		for {
			if held, err = lock(); err == nil {
				break
			}
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(100 * time.Millisecond):
			}
		}
	} else if err != nil {
		return err
	}
	defer held.Close()
	sweep()
	return os.Remove(lockFile)
}

// sweep removes folders and control groups. Nothing uses them any more: processes and mounts have
// ended with their namespaces.
func sweep() {
	dirs, _ := filepath.Glob(filepath.Join(os.TempDir(), dirPattern+"*"))
	for _, dir := range dirs {
		if info, err := os.Stat(dir); err == nil && info.IsDir() && !strings.HasPrefix(filepath.Base(dir), keptLogs) {
			_ = os.RemoveAll(dir)
		}
	}
	first, second := cgroupMounts()
	for _, controller := range append(first, second...) {
		groups, _ := filepath.Glob(filepath.Join(controller, cgroupName+"*"))
		for _, group := range groups {
			removeGroup(group)
		}
	}
}

// keptLogs begins the names of folders that stay.
const keptLogs = dirPattern + "logs-"

// removeGroup removes a control group and those within.
func removeGroup(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		if entry.IsDir() {
			removeGroup(filepath.Join(dir, entry.Name()))
		}
	}
	_ = os.Remove(dir) // rmdir; what is in it is the kernel's
}

// cgroupMounts are where control groups are: one place for each controller in version 1, and one
// for all in version 2, which may be there beside the first.
func cgroupMounts() (first, second []string) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, nil
	}
	return parseCgroupMounts(string(text))
}

func parseCgroupMounts(mountinfo string) (first, second []string) {
	for line := range strings.Lines(mountinfo) {
		before, after, _ := strings.Cut(line, " - ")
		fields, kind := strings.Fields(before), strings.Fields(after)
		if len(fields) < 5 || len(kind) == 0 {
			continue
		}
		switch kind[0] {
		case "cgroup":
			first = append(first, fields[4])
		case "cgroup2":
			second = append(second, fields[4])
		}
	}
	return first, second
}
