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
	"syscall"

	"stemflow"
	"stemflow/internal/config"
	"stemflow/internal/devservers"
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
	hosting []string
	// end ends the context that everything runs with.
	end context.CancelCauseFunc

	temporal, temporalUI, minio, console, kiesim, bridge string // host:port
	// otherPorts reports that some are not the usual ones.
	otherPorts bool

	lock    *os.File
	mu      sync.Mutex
	running []*devservers.Process
}

// up starts everything in the order in which one needs the other.
func (s *stack) up(ctx context.Context) error {
	if err := s.takeDir(); err != nil {
		return err
	}
	if err := s.build(ctx); err != nil {
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
	parts := []func(context.Context) error{
		s.startTemporal,
		s.startMinIO,
		func(ctx context.Context) error { return s.startBridge(ctx, callbackSecret, webhookKey) },
		// It sends callbacks at once, of separations that were under way when the stack was
		// stopped.
		func(ctx context.Context) error { return s.startKiesim(ctx, webhookKey) },
		func(ctx context.Context) error { return s.startWorker(ctx, callbackSecret) },
	}
	if s.provider != nil {
		parts = []func(context.Context) error{s.startTemporal, s.startMinIO, s.startWorkerOnProvider}
	}
	for _, start := range parts {
		if err := start(ctx); err != nil {
			return err
		}
	}
	say("logs", short(filepath.Join(s.dir, "logs")), "")
	return s.writeEnvironment()
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

func (s *stack) startTemporal(ctx context.Context) error {
	port, note, err := s.port(7233)
	if err != nil {
		return err
	}
	uiPort, uiNote, err := s.port(8233)
	if err != nil {
		return err
	}
	p, err := s.start("temporal", func(log *os.File) (*devservers.Process, error) {
		return devservers.Temporal(ctx, devservers.TemporalOptions{
			Port: port, UI: true, UIPort: uiPort, DBFile: filepath.Join(s.dir, "temporal.db"), Log: log,
		})
	})
	if err != nil {
		return err
	}
	s.temporal, s.temporalUI = p.Addr, p.UIAddr
	say("Temporal", p.Addr, note)
	say("Temporal's UI", "http://"+p.UIAddr, uiNote)
	return nil
}

func (s *stack) startMinIO(ctx context.Context) error {
	port, note, err := s.port(9000)
	if err != nil {
		return err
	}
	consolePort, consoleNote, err := s.port(9001)
	if err != nil {
		return err
	}
	p, err := s.start("minio", func(log *os.File) (*devservers.Process, error) {
		return devservers.MinIO(ctx, devservers.MinIOOptions{
			Dir: filepath.Join(s.dir, "minio"), Port: port, Console: true, ConsolePort: consolePort,
			AccessKey: rootUser, SecretKey: s.secretKey + rootSuffix, Log: log,
		})
	})
	if err != nil {
		return err
	}
	s.minio, s.console = p.Addr, p.UIAddr
	say("MinIO", p.Addr, note)
	say("MinIO's console", "http://"+p.UIAddr, consoleNote)
	say("", "user "+rootUser+", password "+s.secretKey+rootSuffix, "")
	// It is an archived release with known holes, one of which lets all who reach it write.
	say("", "for this machine alone: it has known holes", "")
	return s.setUpMinIO(ctx)
}

// setUpMinIO makes the bucket and the users, as in production.
func (s *stack) setUpMinIO(ctx context.Context) error {
	setup, err := devservers.FindTool(ctx, "miniosetup", announce)
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
	if err := devservers.Run(ctx, cmd); err != nil {
		return fmt.Errorf("set up MinIO: %w\n%s", err, output.Bytes())
	}
	return nil
}

func (s *stack) startBridge(ctx context.Context, callbackSecret, webhookKey string) error {
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
	say("callback bridge", "http://"+s.bridge, note)
	say("", "metrics at http://"+metrics+"/metrics", "")
	return nil
}

func (s *stack) startKiesim(ctx context.Context, webhookKey string) error {
	port, note, err := s.port(8090)
	if err != nil {
		return err
	}
	s.kiesim = address(port)
	if err := s.startProgram(ctx, devservers.Command{
		Name: "kiesim",
		Args: []string{
			"-addr", s.kiesim, "-api-key", apiKey, "-webhook-hmac-key", webhookKey, "-delay", separationTime,
			"-credits", credits,
			// A separation that is under way when the stack stops ends after the next start.
			"-state", filepath.Join(s.dir, "kiesim.json"),
		},
		Ports: []devservers.Port{{Number: port, For: "kiesim"}},
		Ready: devservers.HTTPReady("http://" + s.kiesim + "/sim/bill"),
	}); err != nil {
		return err
	}
	say("kiesim", "http://"+s.kiesim, note)
	say("", "plays the provider, bills nobody", "")
	return nil
}

func (s *stack) startWorker(ctx context.Context, callbackSecret string) error {
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
	say("worker", "on task queue "+stemflow.TaskQueue, "")
	say("", "metrics at http://"+metrics+"/metrics", "")
	return nil
}

// down stops everything, those first that need the others.
func (s *stack) down() {
	s.mu.Lock()
	running := slices.Clone(s.running)
	s.mu.Unlock()
	for _, p := range slices.Backward(running) {
		p.Stop()
	}
}

// kill ends everything at once, in the middle of a stop too.
func (s *stack) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.running {
		p.Kill()
	}
}

// environment configures a program of stemflow: with the given variables and those of this stack,
// and nothing else.
func (s *stack) environment(more ...string) []string {
	without := []string{"KIE_", "MINIO_", "STEMFLOW_", "TEMPORAL_"}
	return append(devservers.Environment(without, s.servers()...), more...)
}

// servers says where Temporal and MinIO are.
func (s *stack) servers() []string {
	return []string{
		"TEMPORAL_CONFIG_FILE=" + os.DevNull,
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
		s.otherPorts = true
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
