package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/minio/minio-go/v7"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"stemflow/internal/activityapi"
	"stemflow/internal/devservers"
)

const (
	accessKey = "stemflow"
	secretKey = "stemflow-benchmarks"
	bucket    = "benchmarks"
	taskQueue = "benchmarks"
)

// quiet is for clients whose errors reach the user anyway.
var quiet = log.NewStructuredLogger(slog.New(slog.DiscardHandler))

// load is so many stems of so many bytes.
type load struct {
	stems int
	size  int64
}

func (l load) String() string { return fmt.Sprintf("%d x %d MB", l.stems, l.size/1e6) }

// usage is what moving a load took.
type usage struct {
	time, cpu time.Duration
	// storeCPU is the store's processor time.
	storeCPU time.Duration
	// peak is resident memory in bytes, idle that of a worker with nothing to do.
	peak, idle int64
}

// suite is the servers, and the worker that waits for work.
type suite struct {
	dir             string
	minio, temporal *devservers.Process
	source          *httptest.Server
	client          client.Client
	store           *minio.Client
	job             job
	runs            int
	// ways are those that take part, and rclone is the path of the program, where it does.
	ways   []string
	rclone string
}

// histories says where Temporal keeps them.
type histories bool

const (
	inMemory histories = false
	onDisk   histories = true
)

func newSuite(ctx context.Context, where histories) (_ *suite, err error) {
	s := &suite{}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	say := func(line string) { fmt.Fprintln(os.Stderr, line) }
	if s.dir, err = os.MkdirTemp("", "stemflow-benchmarks-"); err != nil {
		return nil, err
	}
	if s.minio, err = devservers.MinIO(ctx, devservers.MinIOOptions{
		Dir: filepath.Join(s.dir, "minio"), AccessKey: accessKey, SecretKey: secretKey, Announce: say,
	}); err != nil {
		return nil, err
	}
	options := devservers.TemporalOptions{Announce: say}
	if where == onDisk {
		options.DBFile = filepath.Join(s.dir, "temporal.db")
	}
	if s.temporal, err = devservers.Temporal(ctx, options); err != nil {
		return nil, err
	}
	s.source = newSource()
	s.job = job{
		Endpoint:  s.minio.Addr,
		AccessKey: accessKey,
		SecretKey: secretKey,
		Bucket:    bucket,
		Temporal:  s.temporal.Addr,
		TaskQueue: taskQueue,
	}
	if s.store, err = s.job.store(); err != nil {
		return nil, err
	}
	if err = s.store.MakeBucket(ctx, bucket, minio.MakeBucketOptions{}); err != nil {
		return nil, err
	}
	s.client, err = client.Dial(client.Options{HostPort: s.temporal.Addr, Logger: quiet})
	return s, err
}

func (s *suite) close() {
	if s.client != nil {
		s.client.Close()
	}
	if s.source != nil {
		s.source.Close()
	}
	for _, p := range []*devservers.Process{s.minio, s.temporal} {
		if p != nil {
			p.Stop()
		}
	}
	_ = os.RemoveAll(s.dir)
}

// order is that of the table.
var order = []string{
	"floor", "unsigned", "memory", "activities", "worker", sharedDiskName, noLengthName, rcloneName, "naive loop",
}

// sharedDiskName is the worker, with a Temporal whose database and the store's objects wait for one
// disk. The other one's is in memory.
const sharedDiskName = "worker, shared disk"

// noLengthName is the worker, with a source that does not announce the lengths of its files.
const noLengthName = "worker, no lengths"

const rcloneName = "rclone copyurl"

// compare lets each move the load, in turn, so many times over, in an order that changes.
func (s *suite) compare(ctx context.Context, l load, rounds int) (map[string][]usage, error) {
	results := map[string][]usage{}
	for round := range rounds {
		names := slices.Clone(s.ways)
		if round%2 == 1 {
			slices.Reverse(names)
		}
		for _, name := range names {
			used, err := s.measure(ctx, name, l)
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", l, name, err)
			}
			results[name] = append(results[name], used)
		}
	}
	return results, nil
}

func (s *suite) measure(ctx context.Context, name string, l load) (usage, error) {
	s.runs++
	j := s.job
	j.Links, j.Size, j.Prefix = links(s.source.URL, l), l.size, fmt.Sprintf("run-%d", s.runs)
	run := s.runOnce
	switch name {
	case "worker", noLengthName:
		run = s.throughWorker
	case sharedDiskName:
		run = s.onSharedDisk
	}
	if name == noLengthName {
		for i := range j.Links {
			j.Links[i] += "?" + chunked
		}
	}
	before, err := processOf(s.minio.PID())
	if err != nil {
		return usage{}, err
	}
	used, err := run(ctx, name, j)
	if err != nil {
		return usage{}, errors.Join(err, s.forget(ctx, j.Prefix, l))
	}
	after, err := processOf(s.minio.PID())
	used.storeCPU = after.cpu - before.cpu
	return used, errors.Join(err, s.forget(ctx, j.Prefix, l))
}

// forget removes what an implementation has stored, which must be all of the load.
func (s *suite) forget(ctx context.Context, prefix string, l load) error {
	stored := int64(0)
	for object := range s.store.ListObjects(ctx, bucket, minio.ListObjectsOptions{Prefix: prefix + "/",
		Recursive: true}) {
		if object.Err != nil {
			return object.Err
		}
		stored += object.Size
		if err := s.store.RemoveObject(ctx, bucket, object.Key, minio.RemoveObjectOptions{}); err != nil {
			return err
		}
	}
	if stored != int64(l.stems)*l.size {
		return fmt.Errorf("%d bytes were stored", stored)
	}
	return nil
}

func (s *suite) command(ctx context.Context, name string, j job) (*exec.Cmd, error) {
	if name == rcloneName {
		return s.rcloneCommand(ctx, j)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, implementationCommand, name, string(text))
	cmd.Stderr = os.Stderr
	return cmd, nil
}

// runOnce measures a process that ends with its work. The start of a process is some milliseconds.
func (s *suite) runOnce(ctx context.Context, name string, j job) (usage, error) {
	cmd, err := s.command(ctx, name, j)
	if err != nil {
		return usage{}, err
	}
	began := time.Now()
	if err := cmd.Run(); err != nil {
		return usage{}, err
	}
	took := time.Since(began)
	rusage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return usage{
		time: took,
		cpu:  cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(),
		peak: rusage.Maxrss << 10,
	}, nil
}

// onSharedDisk measures a worker with a server of its own, which is there for no longer than that.
func (s *suite) onSharedDisk(ctx context.Context, name string, j job) (_ usage, err error) {
	server, err := devservers.Temporal(ctx, devservers.TemporalOptions{DBFile: filepath.Join(s.dir, j.Prefix+".db")})
	if err != nil {
		return usage{}, err
	}
	defer server.Stop()
	with := *s
	if with.client, err = client.Dial(client.Options{HostPort: server.Addr, Logger: quiet}); err != nil {
		return usage{}, err
	}
	defer with.client.Close()
	j.Temporal = server.Addr
	return with.throughWorker(ctx, name, j)
}

// throughWorker measures a worker that is there already, from the start of a workflow to its end.
func (s *suite) throughWorker(ctx context.Context, name string, j job) (usage, error) {
	cmd, err := s.command(ctx, name, j)
	if err != nil {
		return usage{}, err
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return usage{}, err
	}
	if err := cmd.Start(); err != nil {
		return usage{}, err
	}
	var used usage
	work := func() error {
		if err := s.execute(ctx, nil); err != nil { // it polls now
			return err
		}
		time.Sleep(time.Second)
		before, err := processOf(cmd.Process.Pid)
		if err != nil {
			return err
		}
		var stems []activityapi.ArchiveStemInput
		for _, link := range j.Links {
			stems = append(stems, j.input(link))
		}
		began := time.Now()
		if err := s.execute(ctx, stems); err != nil {
			return err
		}
		used.time = time.Since(began)
		after, err := processOf(cmd.Process.Pid)
		used.cpu, used.peak, used.idle = after.cpu-before.cpu, after.peak, before.resident
		return err
	}
	err = work()
	return used, errors.Join(err, stdin.Close(), cmd.Wait())
}

func (s *suite) execute(ctx context.Context, stems []activityapi.ArchiveStemInput) error {
	run, err := s.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{TaskQueue: taskQueue}, archiveAll, stems)
	if err != nil {
		return err
	}
	return run.Get(ctx, nil)
}

// process is what Linux reports of one.
type process struct {
	cpu            time.Duration
	resident, peak int64
}

func processOf(pid int) (process, error) {
	var p process
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return p, err
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	var user, system int64
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		return p, err
	}
	p.cpu = time.Duration(user+system) * 10 * time.Millisecond // a clock tick
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return p, err
	}
	for line := range strings.Lines(string(status)) {
		for name, value := range map[string]*int64{"VmRSS:": &p.resident, "VmHWM:": &p.peak} {
			if kib, found := strings.CutPrefix(line, name); found {
				if _, err := fmt.Sscan(kib, value); err != nil {
					return p, err
				}
				*value <<= 10
			}
		}
	}
	return p, nil
}
