package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"stemflow/internal/devservers"
	"stemflow/internal/devtools"
)

// postgres is where PostgreSQL's programs are, and the cluster's database server.
type postgres struct {
	bin, dir string
	port     int
	password string
	// owner runs it: PostgreSQL refuses to run as root.
	owner *syscall.Credential
}

// databaseUser owns Temporal's databases.
const databaseUser = "temporal"

var postgresFolders = []string{
	"/usr/lib/postgresql/*/bin",         // Debian
	"/usr/pgsql-*/bin",                  // its own packages for Fedora and the like
	"/opt/homebrew/opt/postgresql*/bin", // macOS
	"/usr/local/opt/postgresql*/bin",
}

// findPostgres returns the folder of PostgreSQL's programs: the newest version of 12 or later.
func findPostgres() (string, error) {
	var folders []string
	if path, err := exec.LookPath("initdb"); err == nil {
		if program, err := filepath.EvalSymlinks(path); err == nil { // the server is beside it
			folders = append(folders, filepath.Dir(program))
		}
	}
	for _, pattern := range postgresFolders {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return "", err
		}
		folders = append(folders, found...)
	}
	best, newest := "", 11
	for _, folder := range folders {
		out, err := exec.Command(filepath.Join(folder, "postgres"), "--version").Output()
		if err != nil || !isThere(filepath.Join(folder, "initdb")) || !isThere(filepath.Join(folder, "pg_isready")) {
			continue
		}
		if version := postgresVersion(string(out)); version > newest {
			best, newest = folder, version
		}
	}
	if best == "" {
		return "", errors.New("PostgreSQL's server, version 12 or later, is not installed (there is no initdb): " +
			"install it, on Debian with \"apt-get install postgresql\", on Fedora with " +
			"\"dnf install postgresql-server\", on macOS with \"brew install postgresql\"")
	}
	return best, nil
}

var postgresVersionText = regexp.MustCompile(`^postgres \(PostgreSQL\) (\d+)`)

// postgresVersion is the major version that --version speaks of, or 0.
func postgresVersion(output string) int {
	m := postgresVersionText.FindStringSubmatch(output)
	if m == nil {
		return 0
	}
	version, _ := strconv.Atoi(m[1])
	return version
}

func isThere(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// unprivileged is the user that runs PostgreSQL where this program runs as root.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // nobody else is needed
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(uidErr, gidErr); err != nil {
			return nil, fmt.Errorf("the user %s: %w", name, err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL refuses to run as root, and there is no user postgres or nobody " +
		"to run it as: run this command as another user")
}

// make makes an empty database cluster in the folder.
func (p *postgres) make(ctx context.Context) error {
	if err := os.Mkdir(p.dir, 0o700); err != nil {
		return err
	}
	passwordFile := filepath.Join(p.dir, "password")
	if err := os.WriteFile(passwordFile, []byte(p.password), 0o600); err != nil {
		return err
	}
	if p.owner != nil {
		for _, path := range []string{p.dir, passwordFile} {
			if err := os.Chown(path, int(p.owner.Uid), int(p.owner.Gid)); err != nil {
				return err
			}
		}
	}
	cmd := exec.Command(filepath.Join(p.bin, "initdb"), "--pgdata", p.data(), "--username", databaseUser,
		"--auth", "scram-sha-256", "--pwfile", passwordFile, "--encoding", "UTF8", "--locale", "C", "--no-instructions")
	var said strings.Builder
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = p.dir, p.environment(), &said, &said
	if p.owner != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.owner}
	}
	if err := devtools.Run(ctx, cmd); err != nil {
		return fmt.Errorf("make the database: %w\n%s", err, said.String())
	}
	return os.Remove(passwordFile)
}

func (p *postgres) data() string { return filepath.Join(p.dir, "data") }

func (*postgres) environment() []string {
	return devtools.Environment([]string{"PG", "LC_", "LANG"}, "LC_ALL=C")
}

// connections are more than all of Temporal's processes may open.
const connections = 400

// command is the server. What it holds survives a kill, as in production.
func (p *postgres) command() devservers.Command {
	return devservers.Command{
		Name: "postgres", Path: filepath.Join(p.bin, "postgres"),
		Args: []string{
			"-D", p.data(), "-h", loopback, "-p", strconv.Itoa(p.port), "-c", "unix_socket_directories=",
			"-c", "max_connections=" + strconv.Itoa(connections),
			"-c", "max_wal_size=256MB", // this much of the disk, in place of 1 GB
		},
		Env: p.environment(), Dir: p.dir, Credential: p.owner,
		Ports: []devservers.Port{{Number: p.port, For: "PostgreSQL"}},
		Ready: func(ctx context.Context) error {
			isReady := filepath.Join(p.bin, "pg_isready")
			cmd := exec.CommandContext(ctx, isReady, "-h", loopback, "-p", strconv.Itoa(p.port))
			cmd.Env = p.environment()
			out, err := cmd.CombinedOutput()
			if err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
			return nil
		},
		StopWithin: 30 * time.Second,
	}
}

// freezePostgres stops the server and its children, each of which is in a process group of its own.
func freezePostgres(process *devservers.Process, frozen bool) error {
	if !frozen {
		err := signalChildren(process.PID(), syscall.SIGCONT)
		return errors.Join(err, process.Thaw())
	}
	if err := process.Freeze(); err != nil { // first, so that it starts no more of them
		return err
	}
	return signalChildren(process.PID(), syscall.SIGSTOP)
}

func signalChildren(parent int, signal syscall.Signal) error {
	out, err := exec.Command("ps", "-A", "-o", "pid=,ppid=").Output()
	if err != nil {
		return fmt.Errorf("list the children of %d: %w", parent, err)
	}
	for _, child := range childrenOf(parent, string(out)) {
		if err := syscall.Kill(child, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("send %v to %d: %w", signal, child, err)
		}
	}
	return nil
}

// childrenOf are the children of a process in a list of processes and their parents.
func childrenOf(parent int, list string) []int {
	var children []int
	for line := range strings.Lines(list) {
		var pid, ppid int
		if n, _ := fmt.Sscan(line, &pid, &ppid); n == 2 && ppid == parent {
			children = append(children, pid)
		}
	}
	return children
}
