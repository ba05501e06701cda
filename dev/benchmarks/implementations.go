package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"stemflow"
	"stemflow/activities"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/internal/source"
)

// job is what an implementation is to do: to bring the links' files into the store.
type job struct {
	Endpoint, AccessKey, SecretKey, Bucket string
	// Prefix keeps apart what each one stores.
	Prefix string
	Links  []string
	Size   int64
	// Temporal and TaskQueue are for the workers, which have no other job, and CallMe is where the
	// skeleton says whom to call back.
	Temporal, TaskQueue, CallMe string
}

// parallelism is that of all that move several stems at once.
const parallelism = 12

// implementations run in processes of their own, so that each one's memory and processor time can
// be told.
var implementations = map[string]func(context.Context, job) error{
	"floor":        floor,
	"unsigned":     bare,
	"memory":       fromMemory,
	"naive loop":   naive,
	"activities":   ownWork,
	"worker":       serve,
	sharedDiskName: serve,
	noLengthName:   serve,
	skeletonName:   serveSkeleton,
}

const implementationCommand = "implementation"

func isImplementation(args []string) bool { return len(args) == 4 && args[1] == implementationCommand }

// implementationMain is the main of an implementation's process. It returns the exit code.
func implementationMain(args []string) int {
	var j job
	err := json.Unmarshal([]byte(args[3]), &j)
	if err == nil {
		err = implementations[args[2]](context.Background(), j)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", args[2], err)
		return 1
	}
	return 0
}

func (j job) store() (*minio.Client, error) {
	return minio.New(j.Endpoint, &minio.Options{Creds: credentials.NewStaticV4(j.AccessKey, j.SecretKey, "")})
}

// each moves all links' files, several at once.
func (j job) each(move func(link string) error) error {
	var transfers errgroup.Group
	transfers.SetLimit(parallelism)
	for _, link := range j.Links {
		transfers.Go(func() error { return move(link) })
	}
	return transfers.Wait()
}

func (j job) key(link string) string { return j.Prefix + "/" + path.Base(link) }

// floor is the least that a program must do: it streams each link into a sized PutObject, and
// checks nothing.
func floor(ctx context.Context, j job) error { return stream(ctx, j, minio.PutObjectOptions{}) }

// bare is the floor in one request for each object and with a signature that leaves the body out,
// which minio-go otherwise hashes for it.
func bare(ctx context.Context, j job) error {
	return stream(ctx, j, minio.PutObjectOptions{DisableMultipart: true, DisableContentSha256: true})
}

func stream(ctx context.Context, j job, options minio.PutObjectOptions) error {
	store, err := j.store()
	if err != nil {
		return err
	}
	return j.each(func(link string) error {
		response, err := http.Get(link)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		_, err = store.PutObject(ctx, j.Bucket, j.key(link), response.Body, response.ContentLength, options)
		return err
	})
}

// fromMemory is the floor without a source.
func fromMemory(ctx context.Context, j job) error {
	store, err := j.store()
	if err != nil {
		return err
	}
	data := make([]byte, j.Size)
	return j.each(func(link string) error {
		_, err := store.PutObject(ctx, j.Bucket, j.key(link), bytes.NewReader(data), j.Size,
			minio.PutObjectOptions{})
		return err
	})
}

// naive is the loop that people write.
func naive(ctx context.Context, j job) error {
	store, err := j.store()
	if err != nil {
		return err
	}
	for _, link := range j.Links {
		response, err := http.Get(link)
		if err != nil {
			return err
		}
		_, err = store.PutObject(ctx, j.Bucket, j.key(link), response.Body, -1, minio.PutObjectOptions{})
		response.Body.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func (j job) archiveStem() (*activities.ArchiveStem, error) {
	store, err := archive.New(archive.Options{Endpoint: j.Endpoint, AccessKey: j.AccessKey, SecretKey: j.SecretKey})
	if err != nil {
		return nil, err
	}
	return &activities.ArchiveStem{
		Store: store,
		Sources: source.New(
			source.Options{AllowedHosts: []string{"127.0.0.1"}, AllowInsecure: true, MaxSize: 4 << 30},
		),
		Transfers: semaphore.NewWeighted(2 * parallelism),
	}, nil
}

func (j job) input(link string) activityapi.ArchiveStemInput {
	name := path.Base(link)
	return activityapi.ArchiveStemInput{
		Location:         activityapi.Location{Bucket: j.Bucket, Dir: j.Prefix + "/"},
		SeparationTaskID: "separation",
		Stem:             stemflow.SourceStem{Name: name[:len(name)-len(path.Ext(name))], URL: link},
		Fresh:            true,
	}
}

// ownWork is what stemflow's activities do, without an engine.
func ownWork(_ context.Context, j job) error {
	archiveStem, err := j.archiveStem()
	if err != nil {
		return err
	}
	worker.SetBinaryChecksum("none") // the first activity in a process otherwise computes it
	return j.each(func(link string) error {
		var suite testsuite.WorkflowTestSuite
		suite.SetLogger(quiet)
		env := suite.NewTestActivityEnvironment()
		env.SetTestTimeout(10 * time.Minute)
		env.RegisterActivity(archiveStem.Execute)
		_, err := env.ExecuteActivity(archiveStem.Execute, j.input(link))
		return err
	})
}

// serve is stemflow's worker with the activity that archives, until its standard input ends.
func serve(_ context.Context, j job) error {
	archiveStem, err := j.archiveStem()
	if err != nil {
		return err
	}
	c, err := j.temporal()
	if err != nil {
		return err
	}
	defer c.Close()
	w := worker.New(c, j.TaskQueue, workerOptions)
	w.RegisterActivityWithOptions(archiveStem.Execute, activity.RegisterOptions{Name: activityapi.ActivityArchiveStem})
	w.RegisterWorkflow(archiveAll)
	if err := w.Start(); err != nil {
		return err
	}
	defer w.Stop()
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
