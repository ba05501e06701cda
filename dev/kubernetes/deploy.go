//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	namespace = "stemflow"
	// monitoring is where the manifests expect Prometheus.
	monitoring = "monitoring"
	worker     = "stemflow-worker"
	bridge     = "stemflow-callbackbridge"
	// nodePort is where both nodes take callbacks for the bridges' service.
	nodePort = 30088
)

// overlay is the manifests with what is particular to this cluster, as deploy/kubernetes/README.md
// tells users to write one.
type overlay struct {
	// base is the folder of deploy/kubernetes on which it is, and tag that of the images.
	base, tag string
}

// text is the overlay's kustomization. Of the pods it changes what the images are called, and adds
// a name, since there is no DNS.
func (o overlay) text() string {
	return fmt.Sprintf(`apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: %s
resources: [../%s]
images:
  - {name: stemflow-worker, newTag: %[3]s}
  - {name: stemflow-callbackbridge, newTag: %[3]s}
configMapGenerator:
  - name: stemflow
    behavior: merge
    literals:
      - TEMPORAL_ADDRESS=%s
      - MINIO_ENDPOINT=%s
      - KIE_BASE_URL=http://%s
      - STEMFLOW_CALLBACK_BASE_URL=http://%s
      - STEMFLOW_SOURCE_HOSTS=%[10]s
      - STEMFLOW_ALLOW_INSECURE_SOURCES=true
patches:
  # In place of an ingress controller.
  - target: {kind: Service, name: stemflow-callbackbridge}
    patch: |
      - {op: add, path: /spec/type, value: NodePort}
      - {op: add, path: /spec/ports/0/nodePort, value: %[8]d}
  - target: {kind: NetworkPolicy, name: stemflow-from-ingress-controller}
    patch: |
      - {op: replace, path: /spec/ingress/0/from, value: [{ipBlock: {cidr: %[11]s}}]}
  - target: {kind: NetworkPolicy, name: stemflow-to-(temporal|store)}
    patch: |
      - {op: replace, path: /spec/egress/0/to, value: [{ipBlock: {cidr: %[9]s/32}}]}
  - target: {kind: NetworkPolicy, name: stemflow-to-internet}
    patch: |
      - {op: add, path: /spec/egress/-, value: {to: [{ipBlock: {cidr: %[9]s/32}}], ports: [{port: %[12]s}]}}
  - target: {kind: Deployment}
    patch: |
      - {op: add, path: /spec/template/spec/hostAliases, value: [{ip: %[9]s, hostnames: [%[10]s]}]}
`, namespace, o.base, o.tag, temporalAddress, storeAddress, kiesimAddress, callbackAddress, nodePort, gateway,
		kiesimHost, nodeNetwork, kiesimPort)
}

// write makes a folder of the overlay, beside a copy of the manifests.
func (o overlay) write(root, dir string) (string, error) {
	copied := filepath.Join(dir, "manifests")
	if err := os.RemoveAll(copied); err != nil {
		return "", err
	}
	if err := os.CopyFS(copied, os.DirFS(filepath.Join(root, "deploy", "kubernetes"))); err != nil {
		return "", err
	}
	into := filepath.Join(copied, "proof")
	if err := os.Mkdir(into, 0o700); err != nil {
		return "", err
	}
	return into, os.WriteFile(filepath.Join(into, "kustomization.yaml"), []byte(o.text()), 0o600)
}

// prepare makes what the manifests expect: namespaces, of which stemflow's admits only pods that
// are restricted, and the secrets.
func (c *cluster) prepare(ctx context.Context) error {
	metadata := func(name string) map[string]any { return map[string]any{"name": name, "namespace": namespace} }
	list := []any{
		map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": monitoring}},
		map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{
			"name": namespace, "labels": map[string]string{
				"pod-security.kubernetes.io/enforce":         "restricted",
				"pod-security.kubernetes.io/enforce-version": "latest",
			},
		}},
	}
	for name, values := range map[string]map[string]string{
		"stemflow-kie":      {"api-key": apiKey, "webhook-hmac-key": c.world.webhookKey},
		"stemflow-callback": {"secrets": c.world.callbackSecret},
		"stemflow-minio":    {"access-key": storeUser, "secret-key": c.world.storeSecret},
	} {
		list = append(list, map[string]any{
			"apiVersion": "v1", "kind": "Secret", "metadata": metadata(name), "stringData": values,
		})
	}
	text, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "List", "items": list})
	if err != nil {
		return err
	}
	_, err = c.kubectl(ctx, string(text), "apply", "-f", "-")
	return err
}

// deploy applies an overlay, after the API server has looked at every field of it. What it warns of
// counts as an error: of a pod that breaks the namespace's rules it does no more.
func (c *cluster) deploy(ctx context.Context, o overlay) error {
	if err := c.prepare(ctx); err != nil {
		return err
	}
	dir, err := o.write(c.Root, c.Dir)
	if err != nil {
		return err
	}
	for _, flags := range [][]string{{"--dry-run=server", "--validate=strict"}, {"--validate=strict"}} {
		said, err := c.kubectl(ctx, "", append([]string{"apply", "-k", dir}, flags...)...)
		if err != nil {
			return err
		}
		for line := range strings.Lines(said) {
			if strings.Contains(line, "Warning") && !strings.Contains(line, lastApplied) {
				return fmt.Errorf("the API server warns: %s", line)
			}
		}
	}
	return nil
}

// awaitRollouts waits until both deployments have only new pods, all of them ready.
func (c *cluster) awaitRollouts(ctx context.Context) error {
	for _, name := range []string{worker, bridge} {
		if _, err := c.kubectl(ctx, "", "--namespace", namespace, "rollout", "status", "deployment/"+name,
			"--timeout", "5m"); err != nil {
			return err
		}
	}
	return nil
}

// pod is one, as far as it matters here.
type pod struct {
	Metadata struct {
		Name              string            `json:"name"`
		Labels            map[string]string `json:"labels"`
		DeletionTimestamp string            `json:"deletionTimestamp"`
	} `json:"metadata"`
	Spec struct {
		NodeName    string `json:"nodeName"`
		HostNetwork bool   `json:"hostNetwork"`
	} `json:"spec"`
	Status struct {
		PodIP      string `json:"podIP"`
		Conditions []struct {
			Type   string `json:"type"`
			Status string `json:"status"`
		} `json:"conditions"`
		ContainerStatuses []struct {
			RestartCount int `json:"restartCount"`
			State        struct {
				Running *struct{} `json:"running"`
			} `json:"state"`
		} `json:"containerStatuses"`
	} `json:"status"`
}

func (p pod) ready() bool {
	for _, condition := range p.Status.Conditions {
		if condition.Type == "Ready" {
			return condition.Status == "True" && p.Metadata.DeletionTimestamp == ""
		}
	}
	return false
}

func (p pod) running() bool {
	for _, container := range p.Status.ContainerStatuses {
		if container.State.Running == nil {
			return false
		}
	}
	return len(p.Status.ContainerStatuses) > 0 && p.Metadata.DeletionTimestamp == ""
}

func (p pod) restarts() int {
	n := 0
	for _, container := range p.Status.ContainerStatuses {
		n += container.RestartCount
	}
	return n
}

// pods are those of a deployment, or with no name all of stemflow's.
func (c *cluster) pods(ctx context.Context, deployment string) ([]pod, error) {
	path := "/api/v1/namespaces/" + namespace + "/pods"
	if deployment != "" {
		path += "?labelSelector=app.kubernetes.io/component=" + strings.TrimPrefix(deployment, "stemflow-")
	}
	var list struct {
		Items []pod `json:"items"`
	}
	err := c.get(ctx, path, &list)
	return list.Items, err
}

// readyPod is any pod of a deployment that is ready.
func (c *cluster) readyPod(ctx context.Context, deployment string) (pod, error) {
	pods, err := c.pods(ctx, deployment)
	if err != nil {
		return pod{}, err
	}
	i := slices.IndexFunc(pods, pod.ready)
	if i < 0 {
		return pod{}, fmt.Errorf("no pod of %s is ready", deployment)
	}
	return pods[i], nil
}
