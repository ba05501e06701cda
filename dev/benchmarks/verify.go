package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/allowed"
	"stemflow/internal/archive"
	"stemflow/internal/devservers"
	"stemflow/internal/ledger"
	"stemflow/internal/sample"
	"stemflow/internal/verify"
)

// verifyCommand measures a check of an archive of many small tracks that are all intact. The check
// runs in a process of its own, whose memory is told.
func verifyCommand(ctx context.Context, set *flag.FlagSet, args []string) error {
	tracks := set.Int("tracks", 10_000, "`number` of tracks")
	stems := set.Int("stems", 2, "`number` of stems of each")
	size := set.Int("size", 1000, "`bytes` of each stem")
	rounds := set.Int("rounds", 3, "`number` of checks of each kind")
	readToo := set.Bool("read", false, "read all data, too")
	endpoint := set.String("check", "", "") // what the process of its own is given
	share := set.Float64("share", 0, "")
	if err := set.Parse(args); err != nil {
		return err
	}
	if *endpoint != "" {
		return checkOnce(ctx, *endpoint, *share)
	}

	dir, err := os.MkdirTemp("", "stemflow-benchmarks-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	server, err := devservers.MinIO(ctx, devservers.MinIOOptions{
		Dir: filepath.Join(dir, "minio"), AccessKey: accessKey, SecretKey: secretKey,
		Announce: func(line string) { fmt.Fprintln(os.Stderr, line) },
	})
	if err != nil {
		return err
	}
	defer server.Stop()
	began := time.Now()
	if err := plantArchive(ctx, server.Addr, *tracks, *stems, *size); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%d tracks of %d stems planted in %v\n",
		*tracks, *stems, time.Since(began).Round(time.Second))

	fmt.Printf("%-20s  %8s  %9s  %8s  %9s  %8s\n", fmt.Sprintf("%d tracks of %d", *tracks, *stems),
		"time", "tracks/s", "CPU", "MinIO CPU", "peak MiB")
	for _, kind := range []struct {
		name  string
		share string
	}{{"without reading", "0"}, {"reading all", "1"}} {
		if kind.share == "1" && !*readToo {
			continue
		}
		for range *rounds {
			if err := measureCheck(ctx, server, kind.name, kind.share, *tracks); err != nil {
				return err
			}
		}
	}
	return nil
}

func measureCheck(ctx context.Context, server *devservers.Process, name, share string, tracks int) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	before, err := processOf(server.PID())
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, "verify", "-check", server.Addr, "-share", share)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	began := time.Now()
	if err := cmd.Run(); err != nil {
		return err
	}
	took := time.Since(began)
	after, err := processOf(server.PID())
	if err != nil {
		return err
	}
	var counts stemflow.ArchiveCounts
	if err := json.Unmarshal(out.Bytes(), &counts); err != nil {
		return err
	}
	if counts.Tracks != tracks {
		return fmt.Errorf("%d tracks were checked, of %d", counts.Tracks, tracks)
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	fmt.Printf("%-20s  %8v  %9.0f  %8v  %9v  %8d\n", name, took.Round(10*time.Millisecond),
		float64(tracks)/took.Seconds(),
		(cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Round(10*time.Millisecond),
		(after.cpu - before.cpu).Round(10*time.Millisecond), usage.Maxrss>>10)
	return nil
}

func benchmarkStore(endpoint string) (*archive.Store, error) {
	return archive.New(archive.Options{Endpoint: endpoint, AccessKey: accessKey, SecretKey: secretKey})
}

// checkOnce checks the whole archive, prints what was counted, and fails on any finding.
func checkOnce(ctx context.Context, endpoint string, share float64) error {
	store, err := benchmarkStore(endpoint)
	if err != nil {
		return err
	}
	at := allowed.PlaceOf(bucket, "")
	checker := verify.New(verify.Options{
		Store: store, At: at, Ledger: at, WithLedgers: true, Homes: []allowed.Place{at},
		Read: sample.Sample{Share: share},
	})
	var counts stemflow.ArchiveCounts
	var state activityapi.VerifyState
	for {
		page, err := checker.Next(ctx, state)
		if err != nil {
			return err
		}
		if len(page.Findings) > 0 {
			return fmt.Errorf("a false alarm: %+v", page.Findings[0])
		}
		counts.Add(page.Counts)
		if page.Done {
			return json.NewEncoder(os.Stdout).Encode(counts)
		}
		state = page.State
	}
}

// plantArchive stores tracks as the product does, with content that is no audio.
func plantArchive(ctx context.Context, endpoint string, tracks, stems, size int) error {
	store, err := benchmarkStore(endpoint)
	if err != nil {
		return err
	}
	if err := store.EnsureBucket(ctx, bucket); err != nil {
		return err
	}
	names := stemflow.ExpectedStems(stemflow.SplitStem, "")
	if stems > len(names) {
		return fmt.Errorf("a track has at most %d stems", len(names))
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	var planted atomic.Int64
	for n := range tracks {
		group.Go(func() error {
			err := plantTrack(ctx, store, n, names[:stems], size)
			if done := planted.Add(1); done%1000 == 0 {
				fmt.Fprintf(os.Stderr, "\r%d tracks ", done)
			}
			return err
		})
	}
	return group.Wait()
}

func plantTrack(ctx context.Context, store *archive.Store, n int, names []string, size int) error {
	when := time.Now().Add(-30 * 24 * time.Hour).UTC()
	t := stemflow.Track{TaskID: fmt.Sprintf("%032x", n), AudioID: fmt.Sprintf("%032x", n+1), Type: stemflow.SplitStem}
	loc, id := archive.Locate(bucket, "", t), fmt.Sprintf("5e%030x", n)
	m := stemflow.Manifest{Version: 1, Source: stemflow.ManifestSource{TaskID: t.TaskID, AudioID: t.AudioID}}
	m.SeparationTaskID, m.Type, m.Paid = id, t.Type, true
	m.Manifest = stemflow.ObjectRef{Bucket: bucket, Key: archive.ManifestKey(loc)}
	m.SubmittedAt, m.SettledAt, m.ArchivedAt = when, when, when
	for _, name := range names {
		content := strings.Repeat(fmt.Sprintf("%s of %s ", name, id), size)[:size]
		key := archive.StemKey(loc, id, name, "mp3")
		written, err := store.PutStem(ctx, bucket, key, "audio/mpeg", strings.NewReader(content), int64(size))
		if err != nil {
			return err
		}
		m.Stems = append(m.Stems, stemflow.Stem{
			Name: name, Bucket: bucket, Key: key, Size: written.Size, SHA256: written.SHA256,
			StoreChecksum: written.Checksum,
			ContentType:   "audio/mpeg",
		})
	}
	l := ledger.Ledger{Entry: ledger.Entry{
		Version: 1, State: stemflow.SubmissionPaid, Track: t, SeparationTaskID: id, IntendedAt: when, SubmittedAt: when,
		WorkflowID: "benchmark", RunID: id, Attempt: 1,
	}}
	if err := store.PutJSON(ctx, bucket, archive.SubmissionKey(loc), l); err != nil {
		return err
	}
	return store.PutJSON(ctx, bucket, archive.ManifestKey(loc), m)
}
