package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/internal/devservers"
	"stemflow/internal/devtools"
	"stemflow/kiesim"
)

const (
	// submitRate is far above the provider's: it limits nothing here.
	submitRate     = 1000
	callbackSecret = "a-secret-of-the-benchmarks-alone"
	// stemSize is that of files that take no time.
	stemSize = 1024
)

// engine is all of stemflow on this machine: its own programs around real servers, the provider's
// simulator, and the skeleton beside it.
type engine struct {
	*suite
	sim       *kiesim.Simulator
	downloads *downloads
	provider  *httptest.Server
	// caller signals the skeleton's runs, after the time that the provider takes.
	caller         *httptest.Server
	bridge, worker *devservers.Process
	skeleton       *exec.Cmd
	stopSkeleton   io.Closer
}

// newEngine has a provider that behaves like the scenario, with files that take no time unless they
// say otherwise.
func newEngine(ctx context.Context, where histories, scenario kiesim.Scenario) (_ *engine, err error) {
	s, err := newSuite(ctx, where)
	if err != nil {
		return nil, err
	}
	e := &engine{suite: s}
	defer func() {
		if err != nil {
			e.close()
		}
	}()
	if scenario.Files == nil {
		scenario.Files = map[string]kiesim.File{kiesim.AllStems: {Size: stemSize}}
	}
	e.sim = kiesim.New(kiesim.Options{
		Credits: 1e9, RateLimit: kiesim.RateLimit{Tasks: -1}, Logger: slog.New(slog.DiscardHandler), Defaults: scenario,
	})
	e.downloads = newDownloads(e.sim)
	e.provider = httptest.NewServer(e.downloads)
	e.caller = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		id := strings.TrimPrefix(r.URL.Path, "/")
		time.AfterFunc(time.Duration(scenario.Delay), func() {
			if err := s.client.SignalWorkflow(context.Background(), id, "", stemflow.SignalSeparationCallback,
				nil); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		})
	}))
	return e, e.startPrograms(ctx)
}

func (e *engine) startPrograms(ctx context.Context) error {
	port, err := devservers.FreePort(0)
	if err != nil {
		return err
	}
	bridgeAddr := fmt.Sprintf("127.0.0.1:%d", port)
	e.bridge, err = e.start(
		ctx,
		"callbackbridge/cmd/callbackbridge",
		devservers.HTTPReady("http://"+bridgeAddr+"/readyz"),
		"STEMFLOW_BRIDGE_ADDR="+bridgeAddr,
	)
	if err != nil {
		return err
	}
	e.worker, err = e.start(
		ctx,
		"worker",
		nil,
		"KIE_BASE_URL="+e.provider.URL,
		"KIE_API_KEY=any",
		"STEMFLOW_CALLBACK_BASE_URL=http://"+bridgeAddr,
		"MINIO_ENDPOINT="+e.minio.Addr,
		"MINIO_ACCESS_KEY="+accessKey,
		"MINIO_SECRET_KEY="+secretKey,
		"STEMFLOW_BUCKET="+bucket,
		"STEMFLOW_TASK_QUEUE="+taskQueue,
		fmt.Sprintf("STEMFLOW_SUBMIT_RATE=%d", submitRate),
		"STEMFLOW_SOURCE_HOSTS=127.0.0.1",
		"STEMFLOW_ALLOW_INSECURE_SOURCES=true",
	)
	if err != nil {
		return err
	}
	return e.startSkeleton(ctx)
}

// start builds one of stemflow's programs and starts it.
func (e *engine) start(
	ctx context.Context,
	program string,
	ready func(context.Context) error,
	env ...string,
) (*devservers.Process, error) {
	root, err := devtools.ModuleRoot()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(e.dir, filepath.Base(program))
	if out, err := exec.CommandContext(ctx, "go", "-C", root, "build", "-o", path,
		"./"+program).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build %s: %w\n%s", program, err, out)
	}
	return devservers.Start(ctx, devservers.Command{
		Name: filepath.Base(program), Path: path, Ready: ready, StopWithin: time.Minute,
		Env: devtools.Environment([]string{"TEMPORAL_", "KIE_", "MINIO_", "STEMFLOW_"}, append(
			env,
			"TEMPORAL_ADDRESS="+e.temporal.Addr,
			"STEMFLOW_CALLBACK_SECRETS="+callbackSecret,
			"STEMFLOW_METRICS_ADDR=127.0.0.1:0",
		)...),
	})
}

const skeletonQueue = "skeleton"

func (e *engine) startSkeleton(ctx context.Context) error {
	j := e.job
	j.TaskQueue, j.CallMe = skeletonQueue, e.caller.URL
	cmd, err := e.command(ctx, skeletonName, j)
	if err != nil {
		return err
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	e.skeleton, e.stopSkeleton = cmd, stdin
	return nil
}

func (e *engine) close() {
	if e.skeleton != nil {
		_ = e.stopSkeleton.Close()
		_ = e.skeleton.Wait()
	}
	for _, p := range []*devservers.Process{e.worker, e.bridge} {
		if p != nil {
			p.Stop()
		}
	}
	if e.caller != nil {
		_ = e.sim.Close()
		e.provider.Close()
		e.caller.Close()
	}
	e.suite.close()
}

// separate starts the separation of a new track.
func (e *engine) separate(ctx context.Context, in stemflow.SeparateStemsInput) (client.WorkflowRun, error) {
	in.TaskID, in.AudioID = newID(), newID()
	return e.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: stemflow.WorkflowID(in), TaskQueue: taskQueue},
		stemflow.WorkflowSeparateStems, in)
}

func (e *engine) runSkeleton(ctx context.Context, stems int) (client.WorkflowRun, error) {
	return e.client.ExecuteWorkflow(
		ctx,
		client.StartWorkflowOptions{ID: "skeleton:" + newID(), TaskQueue: skeletonQueue},
		skeleton,
		stems,
	)
}

func newID() string {
	id := make([]byte, 16)
	_, _ = rand.Read(id)
	return hex.EncodeToString(id)
}

// history is all events of a run.
func (e *engine) history(ctx context.Context, run client.WorkflowRun) ([]*historypb.HistoryEvent, error) {
	var events []*historypb.HistoryEvent
	iter := e.client.GetWorkflowHistory(
		ctx,
		run.GetID(),
		run.GetRunID(),
		false,
		enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT,
	)
	for iter.HasNext() {
		event, err := iter.Next()
		if err != nil {
			return nil, err
		}
		events = append(events, event)
	}
	return events, nil
}
