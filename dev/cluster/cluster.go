package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"stemflow"
	"stemflow/dev/internal/proving"
	"stemflow/internal/archive"
	"stemflow/internal/config"
	"stemflow/internal/devservers"
	"stemflow/internal/devtools"
)

const (
	loopback = "127.0.0.1"
	// The users of the store; their secrets are made anew each time.
	rootUser, storeUser, linkUser = "root", "stemflow", "stemflow-links"
	bucket                        = config.DefaultBucket
	apiKey                        = "cluster"
	drives                        = 4
	minioKind, kiesimKind         = "MinIO", "kiesim"
	workers, bridges              = 2, 2
	// credits are more than any proof spends.
	credits = 10_000_000
	// workerStop is above the time that the worker gives to a paid call.
	workerStop = 90 * time.Second
)

// cluster is all that runs, and where.
type cluster struct {
	server    server
	root, dir string
	// life ends when the cluster is to end; nothing is started again then.
	life context.Context //nolint:containedctx // of the cluster, not of a call
	end  context.CancelFunc

	tools struct{ server, sql string }
	// Secrets of this cluster.
	rootSecret, storeSecret, linkSecret, callbackSecret, webhookKey string

	postgres  *postgres
	frontends []string // host:port
	temporal  *balancer
	minio     string
	kiesim    string
	bridge    *balancer
	client    client.Client

	supervisors sync.WaitGroup
	members     []*member
	files       []*os.File // their logs
	notes       io.Writer  // lines about what happens to them
}

func newCluster(s server) (*cluster, error) {
	root, err := devtools.ModuleRoot()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "stemflow-cluster-")
	if err != nil {
		return nil, err
	}
	c := &cluster{
		server: s, root: root, dir: dir, rootSecret: rand.Text(), storeSecret: rand.Text(), linkSecret: rand.Text(),
		callbackSecret: rand.Text() + rand.Text(), webhookKey: rand.Text(),
	}
	c.life, c.end = context.WithCancel(context.Background())
	// PostgreSQL may run as another user, who has to get through to its own folder.
	if err := os.Chmod(dir, 0o711); err != nil {
		return nil, err
	}
	return c, os.Mkdir(c.logs(), 0o700)
}

func (c *cluster) logs() string { return filepath.Join(c.dir, "logs") }

// close stops everything, those first that need the others, and removes it.
func (c *cluster) close() {
	c.end()
	c.supervisors.Wait()
	if c.client != nil {
		c.client.Close()
	}
	for _, m := range slices.Backward(c.members) {
		if m.process != nil {
			m.process.Stop()
		}
	}
	for _, file := range c.files {
		_ = file.Close()
	}
	_ = os.RemoveAll(c.dir)
}

// up builds and starts everything in the order in which one needs the other.
func (c *cluster) up(ctx context.Context, separationTime time.Duration) error {
	bin, err := findPostgres()
	if err != nil {
		return err
	}
	owner, err := unprivileged()
	if err != nil {
		return err
	}
	if c.notes, err = c.log("cluster"); err != nil {
		return err
	}
	c.postgres = &postgres{bin: bin, dir: filepath.Join(c.dir, "postgres"), password: rand.Text(), owner: owner}
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"build what runs", c.build},
		{"start PostgreSQL", c.startPostgres},
		{"set up Temporal's databases", func(ctx context.Context) error {
			return setUpDatabases(ctx, c.tools.sql, c.postgres)
		}},
		{"start Temporal: seven processes", c.startTemporal},
		{"set up the namespace", c.setUpFrontends},
		{"start MinIO with four drives", c.startMinIO},
		{"start two bridges", c.startBridges},
		{"start kiesim", func(ctx context.Context) error { return c.startKiesim(ctx, separationTime) }},
		{"start two workers", c.startWorkers},
	} {
		begun := time.Now()
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
		fmt.Printf("ok  %5.1fs  %s\n", time.Since(begun).Seconds(), step.what)
	}
	return nil
}

// programs are stemflow's own.
var programs = map[string]string{
	"worker": "./worker", "callbackbridge": "./callbackbridge/cmd/callbackbridge", "starter": "./starter",
	"kiesim": "./kiesim/cmd/kiesim",
}

func (c *cluster) build(ctx context.Context) error {
	say := func(line string) { fmt.Println(line) }
	server, sqlTool := c.server.tools()
	var err error
	if c.tools.server, err = devtools.FindTool(ctx, server, say); err != nil {
		return err
	}
	if c.tools.sql, err = devtools.FindTool(ctx, sqlTool, say); err != nil {
		return err
	}
	for _, name := range []string{"minio", "miniosetup", "minioheal"} { // nothing is built in the middle
		if _, err := devtools.FindTool(ctx, name, say); err != nil {
			return err
		}
	}
	own := devtools.Build{Dir: c.root, Env: devtools.Environment(nil), Into: filepath.Join(c.dir, "bin")}
	for name, folder := range programs {
		own.Names, own.Packages = append(own.Names, name), append(own.Packages, folder)
	}
	return devtools.Builds{own}.Run(ctx, devtools.NewLines(say))
}

func (c *cluster) path(program string) string { return filepath.Join(c.dir, "bin", program) }

// log is where a process writes its log to.
func (c *cluster) log(name string) (*os.File, error) {
	file, err := os.Create(filepath.Join(c.logs(), name+".log"))
	if err == nil {
		c.files = append(c.files, file)
	}
	return file, err
}

// program is a member that is one program.
func (c *cluster) program(kind string, command devservers.Command) (*member, error) {
	log, err := c.log(command.Name)
	if err != nil {
		return nil, err
	}
	command.Log = log
	start := func(ctx context.Context) (*devservers.Process, error) { return devservers.Start(ctx, command) }
	return &member{kind: kind, name: command.Name, start: start, away: killedFor, log: c.notes}, nil
}

func (c *cluster) startPostgres(ctx context.Context) error {
	free, err := devservers.FreePorts(1)
	if err != nil {
		return err
	}
	c.postgres.port = free[0]
	if err := c.postgres.make(ctx); err != nil {
		return err
	}
	m, err := c.program("PostgreSQL", c.postgres.command())
	if err != nil {
		return err
	}
	m.freezing = freezePostgres
	return c.upAll(ctx, m)
}

// setUpFrontends puts the balancer before the frontends, and makes what stemflow needs there.
func (c *cluster) setUpFrontends(ctx context.Context) error {
	var backends []*backend
	for _, addr := range c.frontends {
		one, err := frontendBackend(c.life, addr)
		if err != nil {
			return err
		}
		backends = append(backends, one)
	}
	listener, err := net.Listen("tcp", address(0))
	if err != nil {
		return err
	}
	c.temporal = newBalancer(c.life, listener, backends)
	if c.client, err = client.NewLazyClient(c.clientOptions()); err != nil {
		return err
	}
	return c.setUpNamespace(ctx)
}

func (c *cluster) clientOptions() client.Options {
	return client.Options{
		HostPort: c.temporal.addr(), Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	}
}

func (c *cluster) startMinIO(ctx context.Context) error {
	logFile, err := c.log("minio")
	if err != nil {
		return err
	}
	free, err := devservers.FreePorts(1)
	if err != nil {
		return err
	}
	c.minio = address(free[0])
	start := func(ctx context.Context) (*devservers.Process, error) {
		return devservers.MinIO(ctx, devservers.MinIOOptions{
			Dir: filepath.Join(c.dir, "minio"), Drives: drives, Port: free[0],
			AccessKey: rootUser, SecretKey: c.rootSecret, Log: logFile,
			Announce: func(line string) { fmt.Println(line) },
		})
	}
	m := &member{kind: minioKind, name: "minio", start: start, away: killedFor, log: c.notes}
	if err := c.upAll(ctx, m); err != nil {
		return err
	}
	setup, err := devtools.FindTool(ctx, "miniosetup", func(line string) { fmt.Println(line) })
	if err != nil {
		return err
	}
	policies := filepath.Join(c.root, "deploy", "minio")
	cmd := exec.Command(setup, "-bucket", bucket, "-policy", filepath.Join(policies, "policy.json"),
		"-link-policy", filepath.Join(policies, "link-policy.json"))
	cmd.Env = c.environment("MINIO_ROOT_USER="+rootUser, "MINIO_ROOT_PASSWORD="+c.rootSecret)
	if _, err := proving.Output(ctx, cmd); err != nil {
		return fmt.Errorf("set up MinIO: %w", err)
	}
	return nil
}

// heal makes the store whole after it was killed, as its operator does.
func (c *cluster) heal(ctx context.Context) error {
	program, err := devtools.FindTool(ctx, "minioheal", nil)
	if err != nil {
		return err
	}
	cmd := exec.Command(program, "-bucket", bucket)
	cmd.Env = c.environment("MINIO_ROOT_USER="+rootUser, "MINIO_ROOT_PASSWORD="+c.rootSecret)
	if _, err := proving.Output(ctx, cmd); err != nil {
		return fmt.Errorf("heal MinIO: %w", err)
	}
	return nil
}

func (c *cluster) startBridges(ctx context.Context) error {
	free, err := devservers.FreePorts(2 * bridges)
	if err != nil {
		return err
	}
	var members []*member
	var backends []*backend
	for i := range bridges {
		addr := address(free[2*i])
		alive := devservers.HTTPReady("http://" + addr + "/healthz")
		m, err := c.program("bridge", devservers.Command{
			Name: fmt.Sprintf("callbackbridge-%d", i+1), Path: c.path("callbackbridge"),
			Env: c.environment("STEMFLOW_BRIDGE_ADDR="+addr, "STEMFLOW_METRICS_ADDR="+address(free[2*i+1]),
				"STEMFLOW_CALLBACK_SECRETS="+c.callbackSecret, "KIE_WEBHOOK_HMAC_KEY="+c.webhookKey),
			Ports: []devservers.Port{{Number: free[2*i], For: "a bridge"}},
			Ready: devservers.HTTPReady("http://" + addr + "/readyz"), StopWithin: 30 * time.Second,
		})
		if err != nil {
			return err
		}
		members, backends = append(members, m), append(backends, &backend{addr: addr, probe: alive})
	}
	if err := c.upAll(ctx, members...); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", address(0))
	if err != nil {
		return err
	}
	c.bridge = newBalancer(c.life, listener, backends)
	return nil
}

func (c *cluster) startKiesim(ctx context.Context, separationTime time.Duration) error {
	free, err := devservers.FreePorts(1)
	if err != nil {
		return err
	}
	c.kiesim = address(free[0])
	m, err := c.program(kiesimKind, devservers.Command{
		Name: "kiesim", Path: c.path("kiesim"),
		Args: []string{
			"-addr", c.kiesim, "-api-key", apiKey, "-webhook-hmac-key", c.webhookKey,
			"-delay", separationTime.String(), "-credits", strconv.Itoa(credits), "-public-url", "http://" + c.kiesim,
			"-state", filepath.Join(c.dir, "kiesim.json"),
		},
		Ports: []devservers.Port{{Number: free[0], For: "kiesim"}},
		Ready: devservers.HTTPReady("http://" + c.kiesim + "/sim/bill"),
	})
	if err != nil {
		return err
	}
	return c.upAll(ctx, m)
}

func (c *cluster) startWorkers(ctx context.Context) error {
	var members []*member
	for i := range workers {
		m, err := c.program("worker", devservers.Command{
			Name: fmt.Sprintf("worker-%d", i+1), Path: c.path("worker"),
			Env: c.environment("STEMFLOW_METRICS_ADDR="+address(0), "KIE_API_KEY="+apiKey,
				"KIE_BASE_URL=http://"+c.kiesim, "STEMFLOW_CALLBACK_BASE_URL=http://"+c.bridge.addr(),
				"STEMFLOW_CALLBACK_SECRETS="+c.callbackSecret, "STEMFLOW_SOURCE_HOSTS="+loopback,
				"STEMFLOW_ALLOW_INSECURE_SOURCES=true"),
			StopWithin: workerStop,
		})
		if err != nil {
			return err
		}
		members = append(members, m)
	}
	if err := c.upAll(ctx, members...); err != nil {
		return err
	}
	return proving.Eventually(ctx, "the workers poll", c.polled)
}

// polled reports whether all workers wait for everything that a separation consists of.
func (c *cluster) polled(ctx context.Context) error {
	for _, wanted := range []struct {
		queue string
		kind  enumspb.TaskQueueType
	}{
		{stemflow.TaskQueue, enumspb.TASK_QUEUE_TYPE_WORKFLOW},
		{stemflow.TaskQueue, enumspb.TASK_QUEUE_TYPE_ACTIVITY},
		{stemflow.SubmitTaskQueue(stemflow.TaskQueue), enumspb.TASK_QUEUE_TYPE_ACTIVITY},
	} {
		described, err := c.client.DescribeTaskQueue(ctx, wanted.queue, wanted.kind)
		if err != nil {
			return err
		}
		identities := map[string]bool{}
		for _, poller := range described.Pollers {
			identities[poller.Identity] = true
		}
		if len(identities) < workers {
			return fmt.Errorf("%d workers poll the %v queue %s", len(identities), wanted.kind, wanted.queue)
		}
	}
	return nil
}

// environment configures a program of stemflow: with this cluster and the given variables, and
// nothing else.
func (c *cluster) environment(more ...string) []string {
	without := []string{
		"KIE_", "MINIO_", "STEMFLOW_", "TEMPORAL_", "OTEL_",
		"HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy",
	}
	return append(devtools.Environment(without, c.variables()...), more...)
}

// variables say where Temporal and the store are.
func (c *cluster) variables() []string {
	return []string{
		"TEMPORAL_CONFIG_FILE=" + os.DevNull, "TEMPORAL_ADDRESS=" + c.temporal.addr(),
		"MINIO_ENDPOINT=" + c.minio, "MINIO_ACCESS_KEY=" + storeUser, "MINIO_SECRET_KEY=" + c.storeSecret,
		"MINIO_LINK_ACCESS_KEY=" + linkUser, "MINIO_LINK_SECRET_KEY=" + c.linkSecret,
	}
}

// store is the archive with stemflow's own rights.
func (c *cluster) store() (*archive.Store, error) {
	return archive.New(archive.Options{Endpoint: c.minio, AccessKey: storeUser, SecretKey: c.storeSecret})
}

// describe prints how to use the cluster.
func (c *cluster) describe() {
	fmt.Printf(`
The cluster is up, with its logs in %s. Ctrl-C ends it and removes everything.
kiesim's bill is at http://%s/sim/bill.

To run stemflow's command line on it:

export %s

To run the integration tests on it:

export STEMFLOW_TEST_TEMPORAL=%s STEMFLOW_TEST_S3_ENDPOINT=%s
export STEMFLOW_TEST_S3_ACCESS_KEY=%s STEMFLOW_TEST_S3_SECRET_KEY=%s
go test -count 1 ./integration
`, c.logs(), c.kiesim, strings.Join(c.variables(), " "),
		c.temporal.addr(), c.minio, rootUser, c.rootSecret)
}

func address(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }
