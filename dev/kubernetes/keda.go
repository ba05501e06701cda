//go:build linux

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"stemflow/dev/internal/proving"
	"stemflow/internal/devtools"
)

// objects of KEDA's own installation, reduced to what its two programs need that run beside the
// API server: a namespace, and the way by which the API server asks for metrics.
const kedaObjects = `
apiVersion: v1
kind: Namespace
metadata: {name: keda}
---
apiVersion: v1
kind: Service
metadata: {name: keda-metrics-apiserver, namespace: keda}
spec:
  ports: [{port: 443, targetPort: %[2]d}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: keda-metrics-apiserver
  namespace: keda
  labels: {kubernetes.io/service-name: keda-metrics-apiserver}
addressType: IPv4
ports: [{port: %[2]d}]
endpoints: [{addresses: [%[1]s]}]
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.external.metrics.k8s.io}
spec:
  service: {name: keda-metrics-apiserver, namespace: keda}
  group: external.metrics.k8s.io
  version: v1beta1
  insecureSkipTLSVerify: true
  groupPriorityMinimum: 100
  versionPriority: 100
`

const (
	kedaPort = 16443
	// leastWorkers are those of the base, below which the overlay does not go, and mostNeeded those
	// that the backlog needs, 24 tasks each.
	leastWorkers, mostNeeded = 2, (backlog + 23) / 24
)

// startKEDA starts KEDA's operator and its server of metrics.
func (c *cluster) startKEDA(ctx context.Context) error {
	if _, err := c.kubectl(ctx, "", "apply", "--server-side", "--filename",
		filepath.Join(c.KEDA, "config", "crd", "bases")); err != nil {
		return err
	}
	// kubectl ends where there are no conditions yet.
	if err := proving.Eventually(ctx, "KEDA's types are known", func(ctx context.Context) error {
		_, err := c.kubectl(ctx, "", "wait", "--for=condition=Established", "crd/scaledobjects.keda.sh")
		return err
	}); err != nil {
		return err
	}
	if _, err := c.kubectl(ctx, fmt.Sprintf(kedaObjects, gateway, kedaPort), "apply", "--filename", "-"); err != nil {
		return err
	}
	certificates := filepath.Join(c.Dir, "keda")
	if err := makeCertificates(certificates); err != nil {
		return err
	}
	env := devtools.Environment(foreign, "POD_NAMESPACE=keda", "WATCH_NAMESPACE=", "KEDA_CLUSTER_OBJECT_NAMESPACE=keda")
	if err := c.start(ctx, env, "keda-operator", "--kubeconfig", c.kubeconfig(), "--cert-dir", certificates,
		"--metrics-bind-address", "0", "--enable-webhook-patching=false"); err != nil {
		return err
	}
	if err := c.start(ctx, env, "keda-adapter", "--kubeconfig", c.kubeconfig(), "--lister-kubeconfig", c.kubeconfig(),
		"--authentication-kubeconfig", c.kubeconfig(), "--authorization-kubeconfig", c.kubeconfig(),
		"--metrics-service-address", "127.0.0.1:9666",
		"--port", "18080", "--secure-port", fmt.Sprint(kedaPort), "--cert-dir", certificates,
		"--tls-cert-file", filepath.Join(certificates, "tls.crt"),
		"--tls-private-key-file", filepath.Join(certificates, "tls.key")); err != nil {
		return err
	}
	_, err := c.kubectl(ctx, "", "wait", "--for=condition=Available", "apiservice/v1beta1.external.metrics.k8s.io",
		"--timeout", "3m")
	return err
}

// lastApplied is what kubectl remembers of the last apply. Without it, it does not take a field
// away that the new manifests no longer have. deploy/kubernetes/README.md says so.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// proveKEDA hands the number of workers over to KEDA, and lets it follow a backlog.
func (p *proof) proveKEDA(ctx context.Context) error {
	if err := step("start KEDA", func() error { return p.startKEDA(ctx) }); err != nil {
		return err
	}
	scaled := overlay{base: "overlays/keda", tag: secondTag}
	for _, one := range []struct {
		did string
		do  func(context.Context) (string, error)
	}{
		{"the overlay `keda` is applied over the base", func(ctx context.Context) (string, error) {
			fewest, err := p.fewestWorkers(ctx, func() error {
				if _, err := p.kubectl(ctx, "", "--namespace", namespace, "annotate", "deployment/"+worker,
					lastApplied+"-"); err != nil {
					return err
				}
				if err := p.deploy(ctx, scaled); err != nil {
					return err
				}
				return p.awaitScaler(ctx)
			})
			if err == nil && fewest < leastWorkers {
				err = fmt.Errorf("there were %d workers", fewest)
			}
			return fmt.Sprintf("never fewer than %d workers", fewest), err
		}},
		{"the same without the step that the README asks for", func(ctx context.Context) (string, error) {
			if err := p.deploy(ctx, overlay{base: "base", tag: secondTag}); err != nil {
				return "", err
			}
			begun := time.Now()
			fewest, err := p.fewestWorkers(ctx, func() error {
				if err := p.deploy(ctx, scaled); err != nil {
					return err
				}
				return proving.Eventually(ctx, "KEDA has made good for it", func(ctx context.Context) error {
					return p.workersAre(ctx, leastWorkers)
				})
			})
			took := time.Since(begun).Seconds()
			return fmt.Sprintf("%d worker, and %d again after %.0f s", fewest, leastWorkers, took), err
		}},
		{fmt.Sprintf("%d tracks wait while no node takes a worker", backlog), p.makeBacklog},
		{"the nodes take pods again", p.workOff},
	} {
		if err := p.claim(ctx, one.did, one.do); err != nil {
			return err
		}
	}
	return nil
}

// makeBacklog takes the workers away, lets tracks wait, and waits until KEDA wants more workers.
func (p *proof) makeBacklog(ctx context.Context) (string, error) {
	for _, n := range p.nodes {
		if _, err := p.kubectl(ctx, "", "cordon", n.name); err != nil {
			return "", err
		}
	}
	if _, err := p.kubectl(ctx, "", "--namespace", namespace, "delete", "pod",
		"--selector", "app.kubernetes.io/component="+strings.TrimPrefix(worker, "stemflow-")); err != nil {
		return "", err
	}
	for range backlog {
		if err := p.startTrack(ctx); err != nil {
			return "", err
		}
	}
	begun := time.Now()
	err := proving.Eventually(ctx, "KEDA wants enough workers", func(ctx context.Context) error {
		return p.workersAre(ctx, mostNeeded)
	})
	return fmt.Sprintf("%d workers are wanted after %.0f s", mostNeeded, time.Since(begun).Seconds()), err
}

// workOff lets the workers run, until the tracks are done and the workers are few again.
func (p *proof) workOff(ctx context.Context) (string, error) {
	for _, n := range p.nodes {
		if _, err := p.kubectl(ctx, "", "uncordon", n.name); err != nil {
			return "", err
		}
	}
	if err := p.awaitRollouts(ctx); err != nil {
		return "", err
	}
	pods, err := p.pods(ctx, worker)
	if err != nil {
		return "", err
	}
	begun := time.Now()
	p.waiting.Wait()
	worked := time.Since(begun)
	if err := proving.Eventually(ctx, "the workers are few again", func(ctx context.Context) error {
		return p.workersAre(ctx, leastWorkers)
	}); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d workers run, all tracks have ended after %.0f s, and %d workers are wanted after %.0f s",
		len(pods), worked.Seconds(), leastWorkers, time.Since(begun).Seconds()), nil
}

// workers is how many are wanted.
func (c *cluster) workers(ctx context.Context) (int, error) {
	var found struct{ Spec struct{ Replicas int } }
	err := c.get(ctx, "/apis/apps/v1/namespaces/"+namespace+"/deployments/"+worker, &found)
	return found.Spec.Replicas, err
}

func (c *cluster) workersAre(ctx context.Context, want int) error {
	n, err := c.workers(ctx)
	if err == nil && n != want {
		err = fmt.Errorf("%d workers are wanted", n)
	}
	return err
}

// awaitScaler waits until KEDA has looked at the workers.
func (c *cluster) awaitScaler(ctx context.Context) error {
	for _, condition := range []string{"Ready", "Active=False"} {
		if _, err := c.kubectl(ctx, "", "--namespace", namespace, "wait", "--for=condition="+condition,
			"scaledobject/"+worker, "--timeout", "2m"); err != nil {
			return err
		}
	}
	return nil
}

// fewestWorkers does something, and returns how many workers were wanted at least meanwhile.
func (c *cluster) fewestWorkers(ctx context.Context, do func() error) (int, error) {
	const look = 50 * time.Millisecond
	watching, stop := context.WithCancel(ctx)
	var fewest int
	var looking sync.WaitGroup
	looking.Go(func() {
		for first := true; watching.Err() == nil; first = false {
			if n, err := c.workers(watching); err == nil && (first || n < fewest) {
				fewest = n
			}
			select {
			case <-watching.Done():
			case <-time.After(look):
			}
		}
	})
	err := do()
	stop()
	looking.Wait()
	return fewest, err
}
