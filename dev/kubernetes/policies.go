//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
)

// tryPolicies tries connections from pods: first such as a network policy admits, so that those
// that fail fail for want of one.
func (p *proof) tryPolicies(ctx context.Context) (string, error) {
	workers, err := p.pods(ctx, worker)
	if err != nil {
		return "", err
	}
	bridges, err := p.pods(ctx, bridge)
	if err != nil {
		return "", err
	}
	metrics := "http://" + workers[slices.IndexFunc(workers, pod.ready)].Status.PodIP + ":9464/metrics"
	bridgeIP := bridges[slices.IndexFunc(bridges, pod.ready)].Status.PodIP
	provider := "http://" + kiesimAddress + "/sim/bill"
	for _, one := range []struct {
		what    string
		admits  bool
		connect func() (bool, error)
	}{
		{"Prometheus reaches the worker's metrics", true, func() (bool, error) {
			return p.podReaches(ctx, monitoring, "prometheus", metrics)
		}},
		{"a worker reaches the provider", true, func() (bool, error) { return p.execReaches(ctx, worker, provider), nil }},
		{"any other pod reaches the worker's metrics", false, func() (bool, error) {
			return p.podReaches(ctx, monitoring, "stranger", metrics)
		}},
		{"any other pod reaches a bridge", false, func() (bool, error) {
			return p.podReaches(ctx, monitoring, "stranger", "http://"+bridgeIP+":8088/healthz")
		}},
		{"a bridge reaches the provider", false, func() (bool, error) { return p.execReaches(ctx, bridge, provider), nil }},
		{"a worker reaches a bridge", false, func() (bool, error) {
			return p.execReaches(ctx, worker, "http://"+bridgeIP+":8088/healthz"), nil
		}},
	} {
		reached, err := one.connect()
		if err != nil {
			return "", err
		}
		if reached != one.admits {
			return "", fmt.Errorf("%s: %v, and should be %v", one.what, reached, one.admits)
		}
	}
	return "kube-router drops them: from any other pod to worker and bridge, from bridge to provider, " +
		"from worker to bridge; what a policy admits gets through", nil
}

// execReaches reports whether the health check within a deployment's pod gets an answer.
func (c *cluster) execReaches(ctx context.Context, deployment, url string) bool {
	_, err := c.kubectl(ctx, "", "--namespace", namespace, "exec", "deployment/"+deployment, "--",
		"/"+programDir+"/healthcheck", url)
	return err == nil
}

// podReaches reports whether a pod of its own, called by its label, gets an answer.
func (c *cluster) podReaches(ctx context.Context, in, name, url string) (bool, error) {
	path := "/api/v1/namespaces/" + in + "/pods"
	status, answer, err := c.call(ctx, http.MethodPost, path, fmt.Sprintf(`{
		"metadata": {"generateName": "try-", "labels": {"app.kubernetes.io/name": %q}},
		"spec": {"restartPolicy": "Never", "automountServiceAccountToken": false, "containers": [{
			"name": "try", "image": "stemflow-worker:%s", "command": ["/%s/healthcheck", %q]
		}]}
	}`, name, firstTag, programDir, url))
	if err != nil {
		return false, err
	}
	if status != http.StatusCreated {
		return false, fmt.Errorf("a pod that tries a connection is answered with %d: %s", status, answer)
	}
	var created pod
	if err := json.Unmarshal(answer, &created); err != nil {
		return false, err
	}
	var phase string
	err = eventually(ctx, "a pod has tried a connection", func(ctx context.Context) error {
		var found struct{ Status struct{ Phase string } }
		if err := c.get(ctx, path+"/"+created.Metadata.Name, &found); err != nil {
			return err
		}
		if phase = found.Status.Phase; phase != "Succeeded" && phase != "Failed" {
			return fmt.Errorf("it is %s", phase)
		}
		return nil
	})
	return phase == "Succeeded", err
}
