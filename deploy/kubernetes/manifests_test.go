package kubernetes

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// manifests are what a kustomization renders to, by type.
type manifests struct {
	Deployments     []*appsv1.Deployment
	Services        []*corev1.Service
	ServiceAccounts []*corev1.ServiceAccount
	ConfigMaps      []*corev1.ConfigMap
	Ingresses       []*networkingv1.Ingress
	NetworkPolicies []*networkingv1.NetworkPolicy
	Budgets         []*policyv1.PodDisruptionBudget
	ScaledObjects   []*scaledObject
	Authentications []*triggerAuthentication
	PodMonitors     []*monitoringv1.PodMonitor
}

// render builds a kustomization and decodes every object into its API's type. A field that the type
// does not have is an error.
func render(t *testing.T, dir string) manifests {
	t.Helper()
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	require.NoError(t, err)
	var m manifests
	for _, r := range resources.Resources() {
		text, err := r.AsYAML()
		require.NoError(t, err)
		switch kind := r.GetApiVersion() + " " + r.GetKind(); kind {
		case "apps/v1 Deployment":
			m.Deployments = decode(t, m.Deployments, text)
		case "v1 Service":
			m.Services = decode(t, m.Services, text)
		case "v1 ServiceAccount":
			m.ServiceAccounts = decode(t, m.ServiceAccounts, text)
		case "v1 ConfigMap":
			m.ConfigMaps = decode(t, m.ConfigMaps, text)
		case "networking.k8s.io/v1 Ingress":
			m.Ingresses = decode(t, m.Ingresses, text)
		case "networking.k8s.io/v1 NetworkPolicy":
			m.NetworkPolicies = decode(t, m.NetworkPolicies, text)
		case "policy/v1 PodDisruptionBudget":
			m.Budgets = decode(t, m.Budgets, text)
		case "keda.sh/v1alpha1 ScaledObject":
			m.ScaledObjects = decodeKEDA(t, m.ScaledObjects, text, "scaledobjects")
		case "keda.sh/v1alpha1 TriggerAuthentication":
			m.Authentications = decodeKEDA(t, m.Authentications, text, "triggerauthentications")
		case "monitoring.coreos.com/v1 PodMonitor":
			m.PodMonitors = decode(t, m.PodMonitors, text)
		default:
			require.Fail(t, "nothing here checks a "+kind+"; secrets are given by reference")
		}
	}
	return m
}

func decode[T any](t *testing.T, to []*T, text []byte) []*T {
	t.Helper()
	object := new(T)
	require.NoError(t, yaml.UnmarshalStrict(text, object), string(text))
	return append(to, object)
}

var kustomizations = []string{"base", "overlays/keda", "overlays/keda-api-key"}

func TestEverythingFitsTogether(t *testing.T) {
	for _, dir := range kustomizations {
		t.Run(dir, func(t *testing.T) {
			m := render(t, dir)
			require.Len(t, m.Deployments, 2)
			for _, d := range m.Deployments {
				m.checkDeployment(t, d)
			}
			for _, s := range m.Services {
				pod := m.podOf(t, labels.SelectorFromSet(s.Spec.Selector))
				for _, port := range s.Spec.Ports {
					requirePort(t, pod, port.TargetPort.String())
				}
			}
			require.Len(t, m.Ingresses, 1)
			for _, rule := range m.Ingresses[0].Spec.Rules {
				require.Equal(t, "https://"+rule.Host, m.ConfigMaps[0].Data["STEMFLOW_CALLBACK_BASE_URL"])
				require.Equal(t, []string{rule.Host}, m.Ingresses[0].Spec.TLS[0].Hosts)
				for _, path := range rule.HTTP.Paths {
					require.Equal(t, "/callbacks/", path.Path, "nothing else is for the Internet")
					require.NotNil(t, path.PathType)
					m.requireService(t, path.Backend.Service)
				}
			}
			require.Len(t, m.Budgets, 2)
			for _, b := range m.Budgets {
				m.podOf(t, selector(t, b.Spec.Selector))
			}
			for _, n := range m.NetworkPolicies {
				pods := selector(t, &n.Spec.PodSelector)
				for _, d := range m.Deployments {
					if !pods.Matches(labels.Set(d.Spec.Template.Labels)) {
						continue
					}
					for _, rule := range n.Spec.Ingress {
						for _, port := range rule.Ports {
							requirePort(t, d.Spec.Template.Spec, port.Port.String())
						}
					}
				}
			}
		})
	}
}

// A bridge that faces the Internet takes signed callbacks only, or does not start.
func TestBridgeRequiresSignatures(t *testing.T) {
	for _, dir := range kustomizations {
		m := render(t, dir)
		require.Equal(t, "true", m.ConfigMaps[0].Data["STEMFLOW_REQUIRE_SIGNATURE"])
		require.NotContains(t, m.ConfigMaps[0].Data, "STEMFLOW_ALLOW_INSECURE_SOURCES")
		for _, d := range m.Deployments {
			if d.Name == "stemflow-callbackbridge" {
				require.Contains(t, names(d.Spec.Template.Spec.Containers[0].Env), "KIE_WEBHOOK_HMAC_KEY")
			}
		}
	}
}

func names(variables []corev1.EnvVar) []string {
	var names []string
	for _, v := range variables {
		names = append(names, v.Name)
	}
	return names
}

func (m manifests) checkDeployment(t *testing.T, d *appsv1.Deployment) {
	t.Helper()
	pod := d.Spec.Template.Spec
	require.True(
		t,
		selector(t, d.Spec.Selector).Matches(labels.Set(d.Spec.Template.Labels)),
		"a deployment finds its own pods",
	)
	m.checkPod(t, pod)
	c := pod.Containers[0]
	require.Regexp(t, `^stemflow-[a-z]+:v\d`, c.Image)
	require.Len(t, m.ConfigMaps, 1)
	known := variables(t)
	for _, from := range c.EnvFrom {
		require.Equal(t, m.ConfigMaps[0].Name, from.ConfigMapRef.Name)
	}
	for name := range m.ConfigMaps[0].Data {
		require.Contains(t, known, name)
	}
	for _, env := range c.Env {
		require.Contains(t, known, env.Name)
		require.NotNil(
			t,
			env.ValueFrom.SecretKeyRef,
			"%s: a value that is no secret belongs to the config map",
			env.Name,
		)
	}
}

// checkPod checks that a pod has no rights that it does not need.
func (m manifests) checkPod(t *testing.T, pod corev1.PodSpec) {
	t.Helper()
	require.Len(t, m.ServiceAccounts, 1)
	require.Equal(t, m.ServiceAccounts[0].Name, pod.ServiceAccountName)
	require.False(t, *pod.AutomountServiceAccountToken)
	require.True(t, *pod.SecurityContext.RunAsNonRoot)
	require.Len(t, pod.Containers, 1)
	c := pod.Containers[0]
	require.True(t, *c.SecurityContext.ReadOnlyRootFilesystem)
	require.False(t, *c.SecurityContext.AllowPrivilegeEscalation)
	require.Equal(t, []corev1.Capability{"ALL"}, c.SecurityContext.Capabilities.Drop)
	for _, probe := range []*corev1.Probe{c.ReadinessProbe, c.LivenessProbe} {
		require.NotNil(t, probe)
		if probe.HTTPGet != nil {
			requirePort(t, pod, probe.HTTPGet.Port.String())
		}
	}
}

// variables are the names in .env.example, which are all that stemflow reads.
func variables(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../.env.example")
	require.NoError(t, err)
	var names []string
	for _, match := range regexp.MustCompile(`(?m)^#?([A-Z][A-Z0-9_]+)=`).FindAllStringSubmatch(string(text), -1) {
		names = append(names, match[1])
	}
	return names
}

func selector(t *testing.T, s *metav1.LabelSelector) labels.Selector {
	t.Helper()
	parsed, err := metav1.LabelSelectorAsSelector(s)
	require.NoError(t, err)
	require.False(t, parsed.Empty(), "it would select every pod of the namespace")
	return parsed
}

// podOf is the one pod that is selected.
func (m manifests) podOf(t *testing.T, selector labels.Selector) corev1.PodSpec {
	t.Helper()
	var found []corev1.PodSpec
	for _, d := range m.Deployments {
		if selector.Matches(labels.Set(d.Spec.Template.Labels)) {
			found = append(found, d.Spec.Template.Spec)
		}
	}
	require.Len(t, found, 1, selector.String())
	return found[0]
}

func requirePort(t *testing.T, pod corev1.PodSpec, name string) {
	t.Helper()
	for _, port := range pod.Containers[0].Ports {
		if port.Name == name {
			return
		}
	}
	require.Fail(t, "there is no such port", "%s of container %s", name, pod.Containers[0].Name)
}

func (m manifests) requireService(t *testing.T, backend *networkingv1.IngressServiceBackend) {
	t.Helper()
	for _, s := range m.Services {
		for _, port := range s.Spec.Ports {
			if s.Name == backend.Name && port.Name == backend.Port.Name {
				return
			}
		}
	}
	require.Fail(t, "there is no such service and port", "%s %s", backend.Name, backend.Port.Name)
}

func TestBothProgramsAreMonitored(t *testing.T) {
	m := render(t, "podmonitor")
	require.Len(t, m.PodMonitors, 1)
	monitor := m.PodMonitors[0]
	require.Contains(t, monitor.Name, "stemflow", "alerts find it by the job")
	require.Len(t, monitor.Spec.PodMetricsEndpoints, 1)
	pods := selector(t, &monitor.Spec.Selector)
	deployments := render(t, "base").Deployments
	require.Len(t, deployments, 2)
	for _, d := range deployments {
		require.True(t, pods.Matches(labels.Set(d.Spec.Template.Labels)), d.Name)
		requirePort(t, d.Spec.Template.Spec, *monitor.Spec.PodMetricsEndpoints[0].Port)
	}
}

func TestScaling(t *testing.T) {
	require.NotNil(t, worker(t, render(t, "base")).Spec.Replicas)
	keys, parameters := scalerKeys(t)
	for _, dir := range kustomizations[1:] {
		m := render(t, dir)
		require.Nil(t, worker(t, m).Spec.Replicas, "two would set the number of replicas")
		require.Len(t, m.ScaledObjects, 1)
		spec := m.ScaledObjects[0].Spec
		require.Equal(t, worker(t, m).Name, spec.ScaleTargetRef.Name)
		require.Positive(t, *spec.MinReplicaCount)
		require.Greater(t, *spec.MaxReplicaCount, *spec.MinReplicaCount)
		require.Len(t, spec.Triggers, 1)
		trigger := spec.Triggers[0]
		require.Equal(t, "temporal", trigger.Type)
		for key := range trigger.Metadata {
			require.Contains(t, keys, key)
		}
		require.Contains(t, m.ConfigMaps[0].Data, trigger.Metadata["endpointFromEnv"])
		require.Equal(t, m.ConfigMaps[0].Data["TEMPORAL_NAMESPACE"], trigger.Metadata["namespace"])
		if trigger.AuthenticationRef == nil {
			require.Empty(t, m.Authentications)
			continue
		}
		require.Len(t, m.Authentications, 1)
		require.Equal(t, m.Authentications[0].Name, trigger.AuthenticationRef.Name)
		for _, secret := range m.Authentications[0].Spec.SecretTargetRef {
			require.Contains(t, parameters, secret.Parameter)
		}
	}
}

func worker(t *testing.T, m manifests) *appsv1.Deployment {
	t.Helper()
	for _, d := range m.Deployments {
		if d.Name == "stemflow-worker" {
			return d
		}
	}
	require.Fail(t, "there is no worker")
	return nil
}

// scalerKeys are what KEDA's Temporal scaler takes as metadata of a trigger and as parameters of
// its authentication. The type of a trigger's metadata is a map, so they are read from the scaler's
// source.
func scalerKeys(t *testing.T) (metadata, parameters []string) {
	t.Helper()
	source, err := os.ReadFile(filepath.Join(kedaDir(t), "pkg", "scalers", "temporal_scaler.go"))
	require.NoError(t, err)
	for _, match := range regexp.MustCompile("`keda:\"name=(\\w+),\\s*order=([^,\"]+)").FindAllStringSubmatch(string(source), -1) {
		name, order := match[1], match[2]
		if strings.Contains(order, "triggerMetadata") {
			metadata = append(metadata, name)
			if strings.Contains(order, "resolvedEnv") {
				metadata = append(metadata, name+"FromEnv")
			}
		}
		if strings.Contains(order, "authParams") {
			parameters = append(parameters, name)
		}
	}
	require.NotEmpty(t, metadata, "the scaler does not declare its keys as it used to")
	return metadata, parameters
}
