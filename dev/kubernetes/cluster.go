//go:build linux

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"stemflow/dev/internal/proving"
	"stemflow/internal/devservers"
	"stemflow/internal/devtools"
)

const (
	architecture = runtime.GOARCH
	apiServer    = gateway + ":6443"
	pauseImage   = "docker.io/library/stemflow-pause:1"
	probeImage   = "docker.io/library/stemflow-probe:1"
)

// programs are stemflow's own, and the one that holds pods.
var programs = map[string]string{
	"worker": "./worker", "callbackbridge": "./callbackbridge/cmd/callbackbridge",
	"healthcheck": "./deploy/healthcheck", "pause": "./dev/kubernetes/pause",
}

// kubernetes, keda and router are the programs of others that are built.
var (
	kubernetes = []string{
		"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet", "kubectl",
	}
	keda   = []string{"keda-operator", "keda-adapter"}
	router = []string{"kube-router"}
)

func (s setting) logs() string       { return filepath.Join(s.Dir, "logs") }
func (s setting) kubeconfig() string { return filepath.Join(s.Dir, "kubeconfig") }

func (s setting) path(program string) string { return filepath.Join(s.Dir, "bin", program) }

// build finds and builds everything, while there is a network to fetch modules from.
func (s *setting) build(ctx context.Context) error {
	if err := os.MkdirAll(s.logs(), 0o700); err != nil {
		return err
	}
	say := func(line string) { fmt.Println(line) }
	s.Tools = map[string]string{"etcd": needed[0].program}
	for _, names := range [][]string{{"temporal", "minio", "miniosetup"}, kubernetes, keda, router} {
		builds, release, err := devtools.ToolBuilds(ctx, say, names...)
		if err != nil {
			return err
		}
		err = builds.Run(ctx, devtools.NewLines(say))
		release()
		if err != nil {
			return err
		}
		for _, name := range names {
			if s.Tools[name], err = devtools.FindTool(ctx, name, say); err != nil {
				return err
			}
		}
	}
	list := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/kedacore/keda/v2")
	list.Dir, list.Env = filepath.Join(s.Root, "tools", "keda"), devtools.Environment(nil, "GOWORK=off")
	dir, err := proving.Output(ctx, list)
	if err != nil {
		return fmt.Errorf("find KEDA's module: %w", err)
	}
	s.KEDA = strings.TrimSpace(dir)
	own := devtools.Build{
		Dir: s.Root, Env: devtools.Environment([]string{"CGO_ENABLED="}, "CGO_ENABLED=0"),
		Flags: []string{"-trimpath", "-ldflags=-s -w"}, Into: filepath.Join(s.Dir, "bin"),
	}
	for name, folder := range programs {
		own.Names, own.Packages = append(own.Names, name), append(own.Packages, folder)
	}
	return devtools.Builds{own}.Run(ctx, devtools.NewLines(say))
}

func readSetting(dir string) (s setting, err error) {
	text, err := os.ReadFile(filepath.Join(dir, "setting.json"))
	if err != nil {
		return s, fmt.Errorf("this command is for the program itself: %w", err)
	}
	err = json.Unmarshal(text, &s)
	return s, err
}

// cluster is all that runs.
type cluster struct {
	setting
	token string
	nodes []node
	files []*os.File
	// broken takes the end of a process that was to go on.
	broken chan error

	world world
}

// inside is what this program does in its namespaces.
func inside(ctx context.Context, command, dir string) error {
	s, err := readSetting(dir)
	if err != nil {
		return err
	}
	c := &cluster{setting: s, token: rand.Text(), nodes: nodesIn(s.Dir), broken: make(chan error, 16)}
	defer func() {
		for _, file := range c.files {
			_ = file.Close()
		}
	}()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case err := <-c.broken:
			cancel(err)
		case <-ctx.Done():
		}
	}()
	err = c.up(ctx)
	if err == nil && command == insideUp {
		err = c.stayUp(ctx)
	} else if err == nil {
		err = c.prove(ctx)
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		err = errors.Join(err, cause)
	}
	if err != nil && !errors.Is(context.Cause(ctx), context.Canceled) {
		proving.KeepLogs(c.logs(), keptLogs)
	}
	return err
}

// step does something, and says how long it took.
func step(what string, do func() error) error {
	begun := time.Now()
	if err := do(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	fmt.Printf("ok  %5.1fs  %s\n", time.Since(begun).Seconds(), what)
	return nil
}

// up starts everything but stemflow.
func (c *cluster) up(ctx context.Context) error {
	for _, one := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"make a network", c.makeNetwork},
		{"start etcd, API server, controllers and scheduler", c.startControl},
		{"start two nodes: containerd, kubelet, kube-proxy and kube-router on each", c.startNodes},
		{"put the images on the nodes", c.putImages},
		{"start MinIO and kiesim", c.startWorld},
	} {
		if err := step(one.what, func() error { return one.do(ctx) }); err != nil {
			return err
		}
	}
	return nil
}

// makeNetwork makes the network between the nodes and this process, and mounts what shows it.
func (c *cluster) makeNetwork(context.Context) error {
	if err := privateMounts(); err != nil {
		return err
	}
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o600); err != nil {
		return err
	}
	return ip([]string{
		"link set lo up", "link add " + bridgeName + " type bridge", "link set " + bridgeName + " up",
		"addr add " + gateway + "/24 dev " + bridgeName,
		"route add " + services + " via " + c.nodes[0].address(),
	})
}

// log is where a process writes its log to.
func (c *cluster) log(name string) (*os.File, error) {
	file, err := os.Create(filepath.Join(c.logs(), name+".log"))
	if err == nil {
		c.files = append(c.files, file)
	}
	return file, err
}

// start starts a process that is to go on.
func (c *cluster) start(ctx context.Context, env []string, name string, args ...string) error {
	log, err := c.log(name)
	if err != nil {
		return err
	}
	process, err := devservers.Start(ctx, devservers.Command{
		Name: name, Path: c.Tools[name], Args: args, Env: env, Log: log,
	})
	if err != nil {
		return err
	}
	go func() {
		<-process.Done()
		if err := process.Err(); err != nil {
			c.broken <- err
		}
	}()
	return nil
}

// startControl starts the control plane. Who knows the token may do everything: what Kubernetes'
// own parts may do is not what is proved here.
func (c *cluster) startControl(ctx context.Context) error {
	file := func(name string) string { return filepath.Join(c.Dir, name) }
	for name, text := range map[string][]byte{
		"tokens.csv":         []byte(c.token + ",admin,admin,system:masters\n"),
		"kubeconfig":         kubeconfig("https://"+apiServer, c.token),
		"kubeconfig-outside": kubeconfig("https://"+c.Outside[portAPI], c.token),
	} {
		if err := os.WriteFile(file(name), text, 0o600); err != nil {
			return err
		}
	}
	proxy := file("aggregation")
	if err := makeCertificates(proxy); err != nil {
		return err
	}
	certificate, key := filepath.Join(proxy, "tls.crt"), filepath.Join(proxy, "tls.key")
	const etcd = "http://127.0.0.1:2379"
	env := devtools.Environment(foreign)
	if err := c.start(ctx, env, "etcd", "--data-dir", file("etcd"), "--listen-client-urls", etcd,
		"--advertise-client-urls", etcd, "--listen-peer-urls", "http://127.0.0.1:2380", "--log-level", "warn",
		"--unsafe-no-fsync"); err != nil {
		return err
	}
	if err := c.start(ctx, env, "kube-apiserver", "--etcd-servers", etcd,
		"--advertise-address", gateway, "--cert-dir", file("certificates"), "--token-auth-file", file("tokens.csv"),
		"--authorization-mode", "RBAC", "--service-cluster-ip-range", services,
		"--service-account-issuer", "https://kubernetes.default.svc",
		"--service-account-key-file", certificate, "--service-account-signing-key-file", key,
		// How it is known to what serves a part of its API: KEDA.
		"--proxy-client-cert-file", certificate, "--proxy-client-key-file", key,
		"--requestheader-client-ca-file", certificate, "--requestheader-username-headers", "X-Remote-User",
		"--requestheader-group-headers", "X-Remote-Group", "--enable-aggregator-routing",
		"--kubelet-preferred-address-types", "InternalIP"); err != nil {
		return err
	}
	ready := devservers.HTTPReady("https://" + apiServer + "/readyz")
	if err := proving.Eventually(ctx, "the API server is ready", ready); err != nil {
		return err
	}
	if err := c.start(ctx, env, "kube-controller-manager",
		"--kubeconfig", c.kubeconfig(), "--authentication-kubeconfig", c.kubeconfig(),
		"--authorization-kubeconfig", c.kubeconfig(), "--leader-elect=false", "--bind-address", "127.0.0.1",
		"--service-account-private-key-file", key,
		"--horizontal-pod-autoscaler-sync-period", "5s",
		"--horizontal-pod-autoscaler-downscale-stabilization", "30s"); err != nil {
		return err
	}
	return c.start(ctx, env, "kube-scheduler", "--kubeconfig", c.kubeconfig(),
		"--authentication-kubeconfig", c.kubeconfig(), "--authorization-kubeconfig", c.kubeconfig(),
		"--leader-elect=false", "--bind-address", "127.0.0.1")
}

func kubeconfig(server, token string) []byte {
	return fmt.Appendf(nil, `apiVersion: v1
kind: Config
current-context: stemflow
contexts: [{name: stemflow, context: {cluster: stemflow, user: admin}}]
clusters: [{name: stemflow, cluster: {server: %q, insecure-skip-tls-verify: true}}]
users: [{name: admin, user: {token: %q}}]
`, server, token)
}

// makeCertificates makes a folder with one certificate, by which two programs know each other.
func makeCertificates(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "stemflow"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:   time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 0, 1),
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "ca.crt"), certificate, 0o600),
		os.WriteFile(filepath.Join(dir, "tls.crt"), certificate, 0o600),
		os.WriteFile(filepath.Join(dir, "tls.key"),
			pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}), 0o600),
	)
}

// startNodes starts the nodes, and waits until pods can run there.
func (c *cluster) startNodes(ctx context.Context) error {
	for _, n := range c.nodes {
		log, err := c.log(n.name)
		if err != nil {
			return err
		}
		cmd, err := n.start(c.setting, log)
		if err != nil {
			return err
		}
		go func() {
			err := cmd.Wait()
			c.broken <- fmt.Errorf("%s has ended, as its log says: %w", n.name, err)
		}()
	}
	return proving.Eventually(ctx, "both nodes are ready", func(ctx context.Context) error {
		for _, n := range c.nodes {
			var found struct {
				Status struct {
					Conditions []struct{ Type, Status, Message string }
				}
			}
			if err := c.get(ctx, "/api/v1/nodes/"+n.name, &found); err != nil {
				return err
			}
			for _, condition := range found.Status.Conditions {
				if condition.Type == "Ready" && condition.Status != "True" {
					return fmt.Errorf("%s is not ready: %s", n.name, condition.Message)
				}
			}
		}
		return nil
	})
}

// Tags of the images: the second one is what is rolled out.
const firstTag, secondTag = "v0.1.0", "v0.1.1"

func (c *cluster) putImages(ctx context.Context) error {
	for _, i := range []image{
		{[]string{c.path("pause"), c.path("healthcheck")}, []string{pauseImage, probeImage}},
		{
			[]string{c.path("worker"), c.path("healthcheck")},
			[]string{"stemflow-worker:" + firstTag, "stemflow-worker:" + secondTag},
		},
		{
			[]string{c.path("callbackbridge"), c.path("healthcheck")},
			[]string{"stemflow-callbackbridge:" + firstTag, "stemflow-callbackbridge:" + secondTag},
		},
	} {
		archive, err := i.archive()
		if err != nil {
			return err
		}
		file := filepath.Join(c.Dir, "image.tar")
		if err := os.WriteFile(file, archive, 0o600); err != nil {
			return err
		}
		for _, n := range c.nodes {
			if _, err := proving.Output(ctx, exec.Command("ctr", "--address", n.socket(), "--namespace", "k8s.io",
				"images", "import", file)); err != nil {
				return fmt.Errorf("import %s: %w", i.tags[0], err)
			}
		}
	}
	return os.Remove(filepath.Join(c.Dir, "image.tar"))
}

// kubectl runs it, with what it is to read from its input.
func (s setting) kubectl(ctx context.Context, input string, args ...string) (string, error) {
	cmd := exec.Command(s.Tools["kubectl"], append([]string{"--kubeconfig", s.kubeconfig()}, args...)...)
	cmd.Stdin = strings.NewReader(input)
	cmd.Env = devtools.Environment(foreign, "HOME="+s.Dir)
	said, err := proving.Output(ctx, cmd)
	if err != nil {
		err = fmt.Errorf("kubectl %s: %w", strings.Join(args, " "), err)
	}
	return said, err
}

var apiClient = &http.Client{
	Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, Timeout: 30 * time.Second,
}

// call asks the API server, and returns the HTTP status and the answer.
func (c *cluster) call(ctx context.Context, method, path, body string) (int, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, "https://"+apiServer+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	request.Header.Set("Content-Type", "application/json")
	response, err := apiClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return response.StatusCode, answer, err
}

func (c *cluster) get(ctx context.Context, path string, into any) error {
	status, answer, err := c.call(ctx, http.MethodGet, path, "")
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("GET %s is answered with %d: %s", path, status, answer)
	}
	return json.Unmarshal(answer, into)
}

// forward leads the connections of a listener to an address.
func forward(listener net.Listener, to string) {
	for {
		from, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer from.Close()
			there, err := net.Dial("tcp", to)
			if err != nil {
				return
			}
			defer there.Close()
			var both sync.WaitGroup
			for _, pair := range [][2]net.Conn{{from, there}, {there, from}} {
				both.Go(func() {
					_, _ = io.Copy(pair[0], pair[1])
					_ = pair[0].(*net.TCPConn).CloseWrite()
				})
			}
			both.Wait()
		}()
	}
}
