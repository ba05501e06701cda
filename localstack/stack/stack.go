package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/internal/config"
	"stemflow/internal/devservers"
	"stemflow/internal/devtools"
)

const (
	// localSecretKey is for a store on this machine only, and known to everybody.
	localSecretKey = "stemflow-local"
	// The users of the store: its administrator, stemflow, and the one who may only read, whose key
	// signs links. The keys of the other two are stemflow's with an end of their own.
	rootUser      = "root"
	rootSuffix    = "-root"
	accessKey     = "stemflow"
	linkAccessKey = accessKey + "-links"
	linkSuffix    = "-links"
	// bucket is where the worker archives.
	bucket = config.DefaultBucket
	// separationTime is how long the provider's stand-in takes: time to watch, and not to wait.
	separationTime = "5s"
	// credits are more than anybody spends on this machine: the bill is kept over restarts.
	credits = "1000000"
)

// stack is what runs, and where.
type stack struct {
	// root is the repository, dir holds what the stack keeps.
	root, dir string
	// provider is the real one, nil for kiesim.
	provider *config.KIE
	// secretKey is MinIO's: with the real provider one of this stack's own.
	secretKey string
	// hosting configures a worker that hosts stemflow on this stack, beside where its servers are.
	hosting                                              []string
	temporal, temporalUI, minio, console, kiesim, bridge string // host:port

	lock        *os.File
	supervisors sync.WaitGroup
	// killed is set when those who interrupted did not want to wait.
	killed atomic.Bool

	mu      sync.Mutex
	running []*supervised
}

// up starts everything in the order in which one needs the other.
func (s *stack) up(ctx context.Context) error {
	if err := s.takeDir(); err != nil {
		return err
	}
	fmt.Printf("stemflow on this machine, kept in %s\n\n", short(s.dir))
	s.secretKey = localSecretKey
	if s.provider != nil {
		var err error
		if s.secretKey, err = s.keptSecret("minio-secret"); err != nil {
			return err
		}
	}
	// The callback's way is guarded as in production, by secrets that nobody needs to know.
	// It signs the callback URLs of separations that outlive a restart.
	callbackSecret, err := s.keptSecret("callback-secret")
	if err != nil {
		return err
	}
	webhookKey := rand.Text()
	// Each group is started side by side, when the one before it is up.
	groups := [][]part{
		{s.startTemporal, s.startMinIO},
		{s.setUpTemporal, s.setUpMinIO},
		{func(ctx context.Context, n *notes) error { return s.startBridge(ctx, n, callbackSecret, webhookKey) }},
		// It sends callbacks at once, of separations that were under way when the stack was
		// stopped.
		{func(ctx context.Context, n *notes) error { return s.startKiesim(ctx, n, webhookKey) }},
		{func(ctx context.Context, n *notes) error { return s.startWorker(ctx, n, callbackSecret) }},
	}
	if s.provider != nil {
		groups = append(groups[:2], []part{s.startWorkerOnProvider})
	}
	for _, group := range groups {
		if err := startAll(ctx, group); err != nil {
			return err
		}
	}
	var n notes
	n.say("logs", short(filepath.Join(s.dir, "logs")), "")
	n.print()
	return s.writeEnvironment()
}

// part starts a part of the stack, and notes what there is to say about it.
type part func(context.Context, *notes) error

// startAll starts parts side by side. What the first ones have to say is said even where a later
// one fails.
func startAll(ctx context.Context, parts []part) error {
	said := make([]notes, len(parts))
	errs := make([]error, len(parts))
	var starting sync.WaitGroup
	for i, start := range parts {
		starting.Go(func() { errs[i] = start(ctx, &said[i]) })
	}
	starting.Wait()
	for i := range parts {
		if errs[i] != nil {
			return errs[i]
		}
		said[i].print()
	}
	return nil
}

// takeDir makes the directory and keeps it from a second stack, which would write to the same
// database.
func (s *stack) takeDir() error {
	if err := os.MkdirAll(filepath.Join(s.dir, "logs"), 0o755); err != nil {
		return err
	}
	lock, err := os.Create(filepath.Join(s.dir, "lock"))
	if err != nil {
		return err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return fmt.Errorf("another localstack runs with %s: use that one, or stop it first", short(s.dir))
		}
		return fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	s.lock = lock // held until this program ends, however it ends
	return nil
}

// keptSecret is a secret that is made once and kept with the rest.
func (s *stack) keptSecret(name string) (string, error) {
	path := filepath.Join(s.dir, name)
	secret, err := os.ReadFile(path)
	if err == nil && len(secret) > 0 {
		return string(secret), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	made := rand.Text()
	return made, os.WriteFile(path, []byte(made), 0o600)
}

func (s *stack) startTemporal(ctx context.Context, n *notes) error {
	port, note, err := s.port(7233)
	if err != nil {
		return err
	}
	uiPort, uiNote, err := s.port(8233)
	if err != nil {
		return err
	}
	p, err := s.start(ctx, "temporal", func(log *os.File) (*devservers.Process, error) {
		return devservers.Temporal(ctx, devservers.TemporalOptions{
			Port: port, UI: true, UIPort: uiPort, DBFile: filepath.Join(s.dir, "temporal.db"), Log: log,
		})
	})
	if err != nil {
		return err
	}
	s.temporal, s.temporalUI = p.Addr, p.UIAddr
	n.say("Temporal", p.Addr, note)
	n.say("Temporal's UI", "http://"+p.UIAddr, uiNote)
	return nil
}

func (s *stack) startMinIO(ctx context.Context, n *notes) error {
	port, note, err := s.port(9000)
	if err != nil {
		return err
	}
	consolePort, consoleNote, err := s.port(9001)
	if err != nil {
		return err
	}
	p, err := s.start(ctx, "minio", func(log *os.File) (*devservers.Process, error) {
		return devservers.MinIO(ctx, devservers.MinIOOptions{
			Dir: filepath.Join(s.dir, "minio"), Port: port, Console: true, ConsolePort: consolePort,
			AccessKey: rootUser, SecretKey: s.secretKey + rootSuffix, Log: log,
		})
	})
	if err != nil {
		return err
	}
	s.minio, s.console = p.Addr, p.UIAddr
	n.say("MinIO", p.Addr, note)
	n.say("MinIO's console", "http://"+p.UIAddr, consoleNote)
	n.say("", "user "+rootUser+", password "+s.secretKey+rootSuffix, "")
	// It is an archived release with known holes, one of which lets all who reach it write.
	n.say("", "for this machine alone: it has known holes", "")
	return nil
}

// setUpTemporal registers the search attributes, also in a database from before there were any.
func (s *stack) setUpTemporal(ctx context.Context, _ *notes) error {
	c, err := s.dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	known, err := c.OperatorService().ListSearchAttributes(ctx,
		&operatorservice.ListSearchAttributesRequest{Namespace: client.DefaultNamespace})
	if err != nil {
		return fmt.Errorf("read the search attributes: %w", err)
	}
	missing := map[string]enumspb.IndexedValueType{}
	for _, name := range stemflow.SearchAttributes() {
		if _, ok := known.CustomAttributes[name]; !ok {
			missing[name] = enumspb.INDEXED_VALUE_TYPE_KEYWORD
		}
	}
	if len(missing) == 0 {
		return nil
	}
	_, err = c.OperatorService().AddSearchAttributes(ctx,
		&operatorservice.AddSearchAttributesRequest{Namespace: client.DefaultNamespace, SearchAttributes: missing})
	if err != nil {
		return fmt.Errorf("register the search attributes: %w", err)
	}
	return nil
}

// setUpMinIO makes the bucket and the users, as in production.
func (s *stack) setUpMinIO(ctx context.Context, _ *notes) error {
	setup, err := devtools.FindTool(ctx, "miniosetup", nil)
	if err != nil {
		return err
	}
	policies := filepath.Join(s.root, "deploy", "minio")
	cmd := exec.Command(setup, "-bucket", bucket, "-policy", filepath.Join(policies, "policy.json"),
		"-link-policy", filepath.Join(policies, "link-policy.json"))
	cmd.Env = s.environment("MINIO_ROOT_USER="+rootUser, "MINIO_ROOT_PASSWORD="+s.secretKey+rootSuffix,
		"KIE_BASE_URL=http://localhost") // keys of this machine alone, published or not
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := devtools.Run(ctx, cmd); err != nil {
		return fmt.Errorf("set up MinIO: %w\n%s", err, output.Bytes())
	}
	return nil
}

func (s *stack) startBridge(ctx context.Context, n *notes, callbackSecret, webhookKey string) error {
	port, note, err := s.port(8088)
	if err != nil {
		return err
	}
	s.bridge = address(port)
	metrics, err := s.metrics(9465)
	if err != nil {
		return err
	}
	if err := s.startProgram(ctx, devservers.Command{
		Name: "callbackbridge",
		Env: s.environment(
			"STEMFLOW_BRIDGE_ADDR="+s.bridge,
			"STEMFLOW_METRICS_ADDR="+metrics,
			"STEMFLOW_CALLBACK_SECRETS="+callbackSecret,
			"KIE_WEBHOOK_HMAC_KEY="+webhookKey,
		),
		Ports: []devservers.Port{{Number: port, For: "the callback bridge"}},
		Ready: devservers.HTTPReady("http://" + s.bridge + "/readyz"),
	}); err != nil {
		return err
	}
	n.say("callback bridge", "http://"+s.bridge, note)
	n.say("", "metrics at http://"+metrics+"/metrics", "")
	return nil
}

func (s *stack) startKiesim(ctx context.Context, n *notes, webhookKey string) error {
	port, note, err := s.port(8090)
	if err != nil {
		return err
	}
	s.kiesim = address(port)
	if err := s.startProgram(ctx, devservers.Command{
		Name: "kiesim",
		Args: []string{
			"-addr", s.kiesim, "-api-key", apiKey, "-webhook-hmac-key", webhookKey, "-delay", separationTime,
			"-credits", credits, "-public-url", "http://" + s.kiesim,
			// A separation that is under way when the stack stops ends after the next start.
			"-state", filepath.Join(s.dir, "kiesim.json"),
		},
		Ports: []devservers.Port{{Number: port, For: "kiesim"}},
		Ready: devservers.HTTPReady("http://" + s.kiesim + "/sim/bill"),
	}); err != nil {
		return err
	}
	n.say("kiesim", "http://"+s.kiesim, note)
	n.say("", "plays the provider, bills nobody", "")
	return nil
}

func (s *stack) startWorker(ctx context.Context, n *notes, callbackSecret string) error {
	metrics, err := s.metrics(9464)
	if err != nil {
		return err
	}
	s.hosting = []string{
		"KIE_API_KEY=" + apiKey,
		"KIE_BASE_URL=http://" + s.kiesim,
		"STEMFLOW_CALLBACK_BASE_URL=http://" + s.bridge,
		"STEMFLOW_CALLBACK_SECRETS=" + callbackSecret,
		"STEMFLOW_SOURCE_HOSTS=127.0.0.1",
		"STEMFLOW_ALLOW_INSECURE_SOURCES=true",
	}
	if err := s.startProgram(ctx, devservers.Command{
		Name:       "worker",
		Env:        s.environment(append([]string{"STEMFLOW_METRICS_ADDR=" + metrics}, s.hosting...)...),
		Ready:      s.polled,
		StopWithin: workerStop,
	}); err != nil {
		return err
	}
	n.say("worker", "on task queue "+stemflow.TaskQueue, "")
	n.say("", "metrics at http://"+metrics+"/metrics", "")
	return nil
}

// down stops everything, those first that need the others. The context has ended, so nothing is
// started again.
func (s *stack) down() {
	s.supervisors.Wait()
	s.mu.Lock()
	running := slices.Clone(s.running)
	s.mu.Unlock()
	for _, program := range slices.Backward(running) {
		program.process.Stop()
	}
}

// kill ends everything at once, in the middle of a stop too.
func (s *stack) kill() {
	s.killed.Store(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, program := range s.running {
		program.process.Kill()
	}
}

// environment configures a program of stemflow: with the given variables and those of this stack,
// and nothing else.
func (s *stack) environment(more ...string) []string {
	without := []string{"KIE_", "MINIO_", "STEMFLOW_", "TEMPORAL_"}
	return append(devtools.Environment(without, s.servers()...), more...)
}

// servers says where Temporal and MinIO are. No file of profiles is there, so those of the user do
// not count. An empty one, like the null device, breaks Temporal's SDK for TypeScript.
func (s *stack) servers() []string {
	return []string{
		"TEMPORAL_CONFIG_FILE=" + filepath.Join(s.dir, "temporal.toml"),
		"TEMPORAL_ADDRESS=" + s.temporal,
		"MINIO_ENDPOINT=" + s.minio,
		"MINIO_ACCESS_KEY=" + accessKey,
		"MINIO_SECRET_KEY=" + s.secretKey,
		"MINIO_LINK_ACCESS_KEY=" + linkAccessKey,
		"MINIO_LINK_SECRET_KEY=" + s.secretKey + linkSuffix,
	}
}

// port is the preferred one or, with a note about it, a free one.
func (s *stack) port(preferred int) (port int, note string, err error) {
	port, err = devservers.FreePort(preferred)
	if err == nil && port != preferred {
		note = fmt.Sprintf("another program has port %d", preferred)
	}
	return port, note, err
}

// metrics is where a program serves its metrics.
func (s *stack) metrics(preferred int) (string, error) {
	port, err := devservers.FreePort(preferred)
	return address(port), err
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
