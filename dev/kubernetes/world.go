//go:build linux

package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"stemflow"
	"stemflow/dev/internal/proving"
	"stemflow/internal/archive"
	"stemflow/internal/config"
	"stemflow/internal/devservers"
	"stemflow/internal/devtools"
	"stemflow/kiesim"
)

const (
	rootUser, storeUser = "root", "stemflow"
	bucket              = config.DefaultBucket
	apiKey              = "kubernetes"
	// credits are more than any proof spends.
	credits = 10_000_000
	// separationTime is how long the provider's stand-in takes for a separation.
	separationTime = 8 * time.Second
)

// Addresses of what pods use and the cluster does not have.
const (
	temporalAddress = gateway + ":7233"
	storeAddress    = gateway + ":9000"
	callbackAddress = gateway + ":8080"
	// stemflow knows the simulator by this name.
	kiesimHost    = "kiesim"
	kiesimPort    = "8090"
	kiesimAddress = kiesimHost + ":" + kiesimPort
)

// world is what stemflow needs beside Kubernetes.
type world struct {
	rootSecret, storeSecret, callbackSecret, webhookKey string

	kiesim   *kiesim.Simulator
	temporal string // where the server is; pods reach it at temporalAddress only once that is open
	minio    string
	client   client.Client
}

// Names of the addresses that lead inside, in the order of their sockets.
const (
	portAPI      = "Kubernetes"
	portTemporal = "Temporal"
	portStore    = "MinIO"
)

var ports = []string{portAPI, portTemporal, portStore}

// startWorld starts everything that pods use. Temporal they cannot reach yet.
func (c *cluster) startWorld(ctx context.Context) error {
	c.world = world{
		rootSecret: rand.Text(), storeSecret: rand.Text(),
		callbackSecret: rand.Text() + rand.Text(), webhookKey: rand.Text(),
	}
	if err := c.startStore(ctx); err != nil {
		return err
	}
	logFile, err := c.log("kiesim")
	if err != nil {
		return err
	}
	c.world.kiesim = kiesim.New(kiesim.Options{
		APIKey: apiKey, WebhookHMACKey: c.world.webhookKey, Credits: credits, PublicURL: "http://" + kiesimAddress,
		Defaults: kiesim.Scenario{Delay: kiesim.Duration(separationTime)},
		Logger:   slog.New(slog.NewTextHandler(logFile, nil)),
	})
	if _, err := c.world.kiesim.Start(net.JoinHostPort(gateway, kiesimPort)); err != nil {
		return err
	}
	return c.startIngress()
}

// startIngress hands callbacks over to the bridges' service, in place of an ingress controller:
// each on a connection of its own, for the service balances connections.
func (c *cluster) startIngress() error {
	listener, err := net.Listen("tcp", callbackAddress)
	if err != nil {
		return err
	}
	logFile, err := c.log("ingress")
	if err != nil {
		return err
	}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{
		Scheme: "http", Host: net.JoinHostPort(c.nodes[0].address(), strconv.Itoa(nodePort)),
	})
	proxy.Transport = &http.Transport{DisableKeepAlives: true}
	proxy.ErrorLog = slog.NewLogLogger(slog.NewTextHandler(logFile, nil), slog.LevelWarn)
	go func() { _ = http.Serve(listener, proxy) }() // until the program ends
	return nil
}

func (c *cluster) startStore(ctx context.Context) error {
	logFile, err := c.log("minio")
	if err != nil {
		return err
	}
	process, err := devservers.MinIO(ctx, devservers.MinIOOptions{
		Dir: filepath.Join(c.Dir, "minio"), AccessKey: rootUser, SecretKey: c.world.rootSecret, Log: logFile,
	})
	if err != nil {
		return err
	}
	c.world.minio = process.Addr
	policies := filepath.Join(c.Root, "deploy", "minio")
	setup := exec.Command(c.Tools["miniosetup"], "-bucket", bucket, "-policy", filepath.Join(policies, "policy.json"),
		"-link-policy", filepath.Join(policies, "link-policy.json"))
	setup.Env = devtools.Environment(foreign, "MINIO_ENDPOINT="+process.Addr,
		"MINIO_ROOT_USER="+rootUser, "MINIO_ROOT_PASSWORD="+c.world.rootSecret,
		"MINIO_ACCESS_KEY="+storeUser, "MINIO_SECRET_KEY="+c.world.storeSecret,
		"MINIO_LINK_ACCESS_KEY=stemflow-links", "MINIO_LINK_SECRET_KEY="+rand.Text())
	if _, err := proving.Output(ctx, setup); err != nil {
		return fmt.Errorf("set up MinIO: %w", err)
	}
	return open(storeAddress, process.Addr)
}

// open leads an address to another.
func open(addr, to string) error {
	listener, err := net.Listen("tcp", addr)
	if err == nil {
		go forward(listener, to)
	}
	return err
}

// openTemporal starts Temporal, and lets pods reach it.
func (c *cluster) openTemporal(ctx context.Context) error {
	logFile, err := c.log("temporal")
	if err != nil {
		return err
	}
	attributes := map[string]string{}
	for _, name := range stemflow.SearchAttributes() {
		attributes[name] = "Keyword"
	}
	process, err := devservers.Temporal(ctx, devservers.TemporalOptions{SearchAttributes: attributes, Log: logFile})
	if err != nil {
		return err
	}
	c.world.temporal = process.Addr
	if c.world.client, err = client.NewLazyClient(client.Options{
		HostPort: process.Addr, Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	}); err != nil {
		return err
	}
	return open(temporalAddress, process.Addr)
}

// store is the archive with stemflow's own rights.
func (c *cluster) store() (*archive.Store, error) {
	return archive.New(archive.Options{
		Endpoint: c.world.minio, AccessKey: storeUser, SecretKey: c.world.storeSecret,
	})
}

// stayUp puts stemflow on the cluster, opens ways from outside, and waits for the end.
func (c *cluster) stayUp(ctx context.Context) error {
	if err := step("start Temporal", func() error { return c.openTemporal(ctx) }); err != nil {
		return err
	}
	if err := step("put stemflow on the cluster", func() error {
		if err := c.deploy(ctx, overlay{base: "base", tag: firstTag}); err != nil {
			return err
		}
		return c.awaitRollouts(ctx)
	}); err != nil {
		return err
	}
	for i, to := range []string{apiServer, c.world.temporal, c.world.minio} {
		const firstExtraFile = 3
		listener, err := net.FileListener(os.NewFile(uintptr(firstExtraFile+i), ports[i]))
		if err != nil {
			return err
		}
		go forward(listener, to)
	}
	fmt.Printf(`
The cluster is up, with its logs in %s.
Ctrl-C ends it and removes everything, and so does "go run ./dev/kubernetes down".

export KUBECONFIG=%s TEMPORAL_ADDRESS=%s
export MINIO_ENDPOINT=%s MINIO_ACCESS_KEY=%s MINIO_SECRET_KEY=%s
%s -n %s get pods -o wide
go run ./starter start --task-id 5c79be8e --audio-id e231d5aa --type separate_vocal --wait
`, c.logs(), filepath.Join(c.Dir, "kubeconfig-outside"), c.Outside[portTemporal],
		c.Outside[portStore], storeUser, c.world.storeSecret, c.Tools["kubectl"], namespace)
	<-ctx.Done()
	return nil
}
