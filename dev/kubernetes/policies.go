//go:build linux

package main

import (
	"context"
	"fmt"

	"stemflow/dev/internal/proving"
)

// tryPolicies tries connections from pods: first such as a network policy admits, so that those
// that fail fail for want of one.
func (p *proof) tryPolicies(ctx context.Context) (string, error) {
	aWorker, err := p.readyPod(ctx, worker)
	if err != nil {
		return "", err
	}
	aBridge, err := p.readyPod(ctx, bridge)
	if err != nil {
		return "", err
	}
	if err := p.startProbes(ctx); err != nil {
		return "", err
	}
	metrics, health := "http://"+aWorker.Status.PodIP+":9464/metrics", "http://"+aBridge.Status.PodIP+":8088/healthz"
	provider := "http://" + kiesimAddress + "/sim/bill"
	for _, one := range []struct {
		what        string
		in, of, url string
		admits      bool
	}{
		{"Prometheus reaches the worker's metrics", monitoring, "prometheus", metrics, true},
		{"a worker reaches the provider", namespace, "deployment/" + worker, provider, true},
		{"any other pod reaches the worker's metrics", monitoring, "stranger", metrics, false},
		{"any other pod reaches a bridge", monitoring, "stranger", health, false},
		{"a bridge reaches the provider", namespace, "deployment/" + bridge, provider, false},
		{"a worker reaches a bridge", namespace, "deployment/" + worker, health, false},
	} {
		// What is admitted may take a moment: kube-router learns of a pod when it has an address.
		if err := proving.Eventually(ctx, one.what+fmt.Sprint(" is ", one.admits), func(ctx context.Context) error {
			if reached := p.reaches(ctx, one.in, one.of, one.url); reached != one.admits {
				return fmt.Errorf("it is %v", reached)
			}
			return nil
		}); err != nil {
			return "", err
		}
	}
	_, err = p.kubectl(ctx, "", "--namespace", monitoring, "delete", "pod", "--all", "--grace-period", "1")
	return "kube-router refuses them: from any other pod to worker and bridge, from bridge to provider, " +
		"from worker to bridge; what a policy admits gets through", err
}

// reaches reports whether the health check gets an answer within a pod.
func (c *cluster) reaches(ctx context.Context, in, of, url string) bool {
	_, err := c.kubectl(ctx, "", "--namespace", in, "exec", of, "--", "/"+programDir+"/healthcheck", url)
	return err == nil
}

// startProbes starts two pods that try connections: the first one has Prometheus' label.
func (c *cluster) startProbes(ctx context.Context) error {
	for _, name := range []string{"prometheus", "stranger"} {
		text := fmt.Sprintf(`{
			"apiVersion": "v1", "kind": "Pod",
			"metadata": {"name": %q, "labels": {"app.kubernetes.io/name": %[1]q}},
			"spec": {"containers": [{"name": "probe", "image": %q}]}
		}`, name, probeImage)
		if _, err := c.kubectl(ctx, text, "--namespace", monitoring, "apply", "--filename", "-"); err != nil {
			return err
		}
	}
	_, err := c.kubectl(ctx, "", "--namespace", monitoring, "wait", "--for=condition=Ready", "pod", "--all",
		"--timeout", "2m")
	return err
}
