package kubernetes

import (
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// peer is one end of a flow: a pod, with the ports that it names, or an address outside.
type peer struct {
	namespace string
	labels    labels.Set
	ports     []corev1.ContainerPort
	address   string
}

func pod(namespace string, pairs ...string) peer {
	p := peer{namespace: namespace, labels: labels.Set{}}
	for i := 0; i < len(pairs); i += 2 {
		p.labels[pairs[i]] = pairs[i+1]
	}
	return p
}

func outside(address string) peer { return peer{address: address} }

// ours is a pod of a deployment, in the namespace stemflow.
func (m manifests) ours(t *testing.T, component string) peer {
	t.Helper()
	for _, d := range m.Deployments {
		if d.Spec.Template.Labels["app.kubernetes.io/component"] == component {
			return peer{
				namespace: "stemflow", labels: d.Spec.Template.Labels, ports: d.Spec.Template.Spec.Containers[0].Ports,
			}
		}
	}
	require.Fail(t, "there is no such deployment", component)
	return peer{}
}

// admits evaluates the policies as Kubernetes defines them: a pod that some policy selects is open
// only to what one of those policies admits. All policies are in the namespace stemflow, and other
// namespaces have none.
func (m manifests) admits(t *testing.T, from, to peer, port int32, protocol corev1.Protocol) bool {
	t.Helper()
	direction := func(of peer, kind networkingv1.PolicyType, rule func(networkingv1.NetworkPolicySpec) bool) bool {
		selected, admitted := false, false
		for _, n := range m.NetworkPolicies {
			applies := false
			for _, has := range n.Spec.PolicyTypes {
				applies = applies || has == kind
			}
			if !applies || of.namespace != "stemflow" || !matches(t, &n.Spec.PodSelector, of.labels) {
				continue
			}
			selected = true
			admitted = admitted || rule(n.Spec)
		}
		return !selected || admitted
	}
	return direction(to, networkingv1.PolicyTypeIngress, func(spec networkingv1.NetworkPolicySpec) bool {
		for _, rule := range spec.Ingress {
			if m.anyPeer(t, rule.From, from) && anyPort(rule.Ports, to.ports, port, protocol) {
				return true
			}
		}
		return false
	}) && direction(from, networkingv1.PolicyTypeEgress, func(spec networkingv1.NetworkPolicySpec) bool {
		for _, rule := range spec.Egress {
			if m.anyPeer(t, rule.To, to) && anyPort(rule.Ports, to.ports, port, protocol) {
				return true
			}
		}
		return false
	})
}

func (m manifests) anyPeer(t *testing.T, peers []networkingv1.NetworkPolicyPeer, p peer) bool {
	t.Helper()
	for _, rule := range peers {
		switch {
		case rule.IPBlock != nil:
			if p.address != "" && inBlock(t, rule.IPBlock, p.address) {
				return true
			}
		case p.address != "":
		case rule.NamespaceSelector == nil && p.namespace != "stemflow":
		case rule.NamespaceSelector != nil &&
			!matches(t, rule.NamespaceSelector, labels.Set{"kubernetes.io/metadata.name": p.namespace}):
		case rule.PodSelector != nil && !matches(t, rule.PodSelector, p.labels):
		default:
			return true
		}
	}
	return len(peers) == 0
}

func inBlock(t *testing.T, block *networkingv1.IPBlock, address string) bool {
	t.Helper()
	ip := netip.MustParseAddr(address)
	for _, except := range block.Except {
		prefix, err := netip.ParsePrefix(except)
		require.NoError(t, err)
		cidr, err := netip.ParsePrefix(block.CIDR)
		require.NoError(t, err)
		require.True(t, cidr.Bits() <= prefix.Bits() && cidr.Contains(prefix.Addr()),
			"Kubernetes refuses the exception %s outside of %s", except, block.CIDR)
		if prefix.Contains(ip) {
			return false
		}
	}
	prefix, err := netip.ParsePrefix(block.CIDR)
	require.NoError(t, err)
	return prefix.Contains(ip)
}

func anyPort(
	ports []networkingv1.NetworkPolicyPort, named []corev1.ContainerPort, port int32, protocol corev1.Protocol,
) bool {
	for _, p := range ports {
		if p.Protocol == nil && protocol != corev1.ProtocolTCP || p.Protocol != nil && *p.Protocol != protocol {
			continue
		}
		if p.Port == nil || p.Port.Type == intstr.Int && p.Port.IntVal == port {
			return true
		}
		for _, n := range named {
			if p.Port.Type == intstr.String && n.Name == p.Port.StrVal && n.ContainerPort == port {
				return true
			}
		}
	}
	return len(ports) == 0
}

func matches(t *testing.T, s *metav1.LabelSelector, set labels.Set) bool {
	t.Helper()
	parsed, err := metav1.LabelSelectorAsSelector(s)
	require.NoError(t, err)
	return parsed.Matches(set)
}

var (
	controller = pod("ingress-nginx", "app.kubernetes.io/name", "ingress-nginx")
	prometheus = pod("monitoring", "app.kubernetes.io/name", "prometheus")
	collector  = pod("monitoring", "app.kubernetes.io/name", "opentelemetry-collector")
	dns        = pod("kube-system", "k8s-app", "kube-dns")
	frontend   = pod("temporal", "app.kubernetes.io/component", "frontend")
	store      = pod("minio", "app", "minio")
	proxy      = pod("egress-proxy", "app", "squid")
	stranger   = pod("default", "app.kubernetes.io/name", "ingress-nginx")
)

// publicHosts and privateHosts are what a worker may fetch from, and what it may not.
var (
	publicHosts  = []string{"104.18.2.3", "172.32.0.1", "8.8.8.8", "2606:4700::6810:203"}
	privateHosts = []string{
		"10.96.0.1", "10.0.0.5", "172.16.0.1", "172.31.255.254", "192.168.1.1", "127.0.0.1", "0.0.0.0",
		"169.254.169.254", "169.254.170.2", "100.100.100.200", "192.0.0.192", "168.63.129.16", "198.18.0.1",
		"224.0.0.1", "255.255.255.255", "::1", "fd00:ec2::254", "fe80::1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1",
		"2002:a9fe:a9fe::1", "ff02::1", "::ffff:10.0.0.1",
	}
)

type flow struct {
	name     string
	from, to peer
	port     int32
	admitted bool
}

func (m manifests) requireFlows(t *testing.T, flows []flow) {
	t.Helper()
	for _, f := range flows {
		require.Equal(t, f.admitted, m.admits(t, f.from, f.to, f.port, corev1.ProtocolTCP), f.name)
	}
}

func TestNetworkPoliciesAdmitWhatIsNeededAlone(t *testing.T) {
	for _, dir := range kustomizations {
		t.Run(dir, func(t *testing.T) {
			m := render(t, dir)
			worker, bridge := m.ours(t, "worker"), m.ours(t, "callbackbridge")
			m.requireFlows(t, []flow{
				{"callbacks through the ingress controller", controller, bridge, 8088, true},
				{"callbacks from another pod there", pod("ingress-nginx", "app", "job"), bridge, 8088, false},
				{"callbacks from a pod that calls itself so", stranger, bridge, 8088, false},
				{"callbacks from the Internet", outside("104.18.2.3"), bridge, 8088, false},
				{"callbacks from a worker", worker, bridge, 8088, false},
				{"the bridge's metrics", prometheus, bridge, 9465, true},
				{"the bridge's metrics through the ingress controller", controller, bridge, 9465, false},
				{"callbacks from Prometheus", prometheus, bridge, 8088, false},
				{"the worker's metrics", prometheus, worker, 9464, true},
				{"the worker's metrics for others", stranger, worker, 9464, false},
				{"the worker's metrics for its namespace", pod("stemflow", "app", "job"), worker, 9464, false},
				{"another port of the worker", prometheus, worker, 8088, false},
				{"the worker through the ingress controller", controller, worker, 9464, false},

				{"worker to Temporal", worker, frontend, 7233, true},
				{"bridge to Temporal", bridge, frontend, 7233, true},
				{"another port of Temporal", bridge, frontend, 8080, false},
				{"worker to store", worker, store, 9000, true},
				{"bridge to store", bridge, store, 9000, false},
				{"the store's console", worker, store, 9001, false},
				{"worker to DNS over TCP", worker, dns, 53, true},
				{"worker to a pod that calls itself DNS", worker, pod("default", "k8s-app", "kube-dns"), 53, false},
				{"worker to a resolver outside", worker, outside("8.8.8.8"), 53, false},
				{"worker to others", worker, stranger, 443, false},
				{"worker to bridge", worker, bridge, 8088, false},
				{"worker to a collector", worker, collector, 4317, false},
				{"worker to Temporal Cloud", worker, outside("104.18.2.3"), 7233, false},
			})
			for _, address := range publicHosts {
				m.requireFlows(t, []flow{
					{"worker to " + address, worker, outside(address), 443, true},
					{"worker in the clear to " + address, worker, outside(address), 80, false},
					{"bridge to " + address, bridge, outside(address), 443, false},
				})
			}
			for _, address := range privateHosts {
				m.requireFlows(t, []flow{{"worker to " + address, worker, outside(address), 443, false}})
			}
			require.True(t, m.admits(t, bridge, dns, 53, corev1.ProtocolUDP))
			require.False(t, m.admits(t, worker, outside("104.18.2.3"), 443, corev1.ProtocolUDP))
		})
	}
}

// overlay renders an overlay of base, which is written for the test.
func overlay(t *testing.T, text string) manifests {
	t.Helper()
	here, err := os.Getwd()
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "overlay")
	require.NoError(t, os.Mkdir(dir, 0o755))
	back, err := filepath.Rel(dir, here)
	require.NoError(t, err)
	text = strings.ReplaceAll(text, "../..", filepath.ToSlash(back))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o644))
	return render(t, dir)
}

func TestComponentsOpenWhatTheyNameAlone(t *testing.T) {
	with := func(component string) manifests {
		return overlay(t, "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"+
			"resources: [../../base]\ncomponents: [../../components/"+component+"]\n")
	}
	public, metadata := outside("104.18.2.3"), outside("169.254.169.254")

	m := with("otlp")
	worker, bridge := m.ours(t, "worker"), m.ours(t, "callbackbridge")
	m.requireFlows(t, []flow{
		{"worker to collector", worker, collector, 4317, true},
		{"bridge to collector", bridge, collector, 4318, true},
		{"to Prometheus", worker, prometheus, 4317, false},
		{"collector to worker", collector, worker, 9464, false},
	})

	m = with("temporal-cloud")
	m.requireFlows(t, []flow{
		{"worker to Temporal Cloud", worker, public, 7233, true},
		{"bridge to Temporal Cloud", bridge, public, 7233, true},
		{"bridge to the Internet", bridge, public, 443, false},
		{"bridge to metadata", bridge, metadata, 7233, false},
		{"bridge to a Temporal in the cluster", bridge, frontend, 7233, false},
	})
	for _, address := range privateHosts {
		m.requireFlows(t, []flow{{"bridge to " + address, bridge, outside(address), 7233, false}})
	}

	m = with("egress-proxy")
	m.requireFlows(t, []flow{
		{"worker to proxy", worker, proxy, 3128, true},
		{"bridge to proxy", bridge, proxy, 3128, false},
		{"worker past the proxy", worker, public, 443, false},
		{"worker to Temporal", worker, frontend, 7233, true},
	})
}

// Behind the gate the bridge holds no key of Temporal's and does not reach Temporal.
func TestGateStandsBetweenBridgeAndTemporal(t *testing.T) {
	for _, more := range []string{"", ", ../../components/temporal-cloud"} {
		m := overlay(t, "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [../../base]\n"+
			"components: [../../components/signal-gate"+more+"]\n"+
			"images:\n  - {name: stemflow-callbackbridge, newName: registry.example.com/bridge, newTag: v2}\n")
		worker, bridge, gate := m.ours(t, "worker"), m.ours(t, "callbackbridge"), m.ours(t, "signalgate")
		foreign := pod("default", "app.kubernetes.io/component", "callbackbridge")
		temporal := frontend
		if more != "" {
			temporal = outside("104.18.2.3")
		}
		m.requireFlows(t, []flow{
			{"bridge to gate", bridge, gate, 7233, true},
			{"gate to Temporal", gate, temporal, 7233, true},
			{"worker to Temporal", worker, temporal, 7233, true},
			{"bridge to Temporal", bridge, temporal, 7233, false},
			{"worker to gate", worker, gate, 7233, false},
			{"another pod to gate", pod("stemflow", "app", "job"), gate, 7233, false},
			{"another namespace's bridge to gate", foreign, gate, 7233, false},
			{"Prometheus to gate", prometheus, gate, 7233, false},
			{"gate to store", gate, store, 9000, false},
			{"gate to the Internet", gate, outside("104.18.2.3"), 443, false},
			{"gate to metadata", gate, outside("169.254.169.254"), 7233, false},
			{"callbacks", controller, bridge, 8088, true},
		})
		for _, d := range m.Deployments {
			env := map[string]string{}
			for _, e := range d.Spec.Template.Spec.Containers[0].Env {
				env[e.Name] = e.Value
				if e.ValueFrom != nil {
					env[e.Name] = e.ValueFrom.SecretKeyRef.Name
				}
			}
			switch d.Name {
			case "stemflow-callbackbridge":
				require.NotContains(t, env, "TEMPORAL_API_KEY")
				require.Equal(t, "stemflow-signalgate:7233", env["TEMPORAL_ADDRESS"])
				require.Equal(t, "false", env["TEMPORAL_TLS"], "the gate speaks none, whatever Temporal does")
				require.Equal(t, "stemflow-callback", env["STEMFLOW_CALLBACK_SECRETS"])
			case "stemflow-signalgate":
				require.Equal(t, map[string]string{"TEMPORAL_API_KEY": "stemflow-bridge-temporal"}, env)
				require.Equal(t, "registry.example.com/bridge:v2", d.Spec.Template.Spec.Containers[0].Image)
				m.checkPod(t, d.Spec.Template.Spec)
			}
		}
		for _, s := range m.Services {
			pod := m.podOf(t, labels.SelectorFromSet(s.Spec.Selector))
			requirePort(t, pod, s.Spec.Ports[0].TargetPort.String())
		}
		for _, b := range m.Budgets {
			m.podOf(t, selector(t, b.Spec.Selector))
		}
	}
}

// The example of README.md renders, and its patches do what it says.
func TestExampleOfTheReadme(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	example := regexp.MustCompile("(?s)```yaml\n(apiVersion: kustomize.*?)```").FindSubmatch(readme)
	require.NotNil(t, example)
	m := overlay(t, string(example[1]))
	bridge := m.ours(t, "callbackbridge")
	m.requireFlows(t, []flow{
		{"through Traefik", pod("traefik", "app.kubernetes.io/name", "traefik"), bridge, 8088, true},
		{"through nginx", controller, bridge, 8088, false},
	})
	for _, d := range m.Deployments {
		require.Regexp(t, `^registry\.example\.com/stemflow-[a-z]+@sha256:[0-9a-f]{64}$`,
			d.Spec.Template.Spec.Containers[0].Image)
	}
	require.Equal(t, "https://stems.mine.example", m.ConfigMaps[0].Data["STEMFLOW_CALLBACK_BASE_URL"])
}

// The bridge faces the Internet. What it holds is what it needs.
func TestBridgeHasCredentialsOfItsOwn(t *testing.T) {
	secrets := map[string][]string{}
	for _, d := range render(t, "base").Deployments {
		for _, env := range d.Spec.Template.Spec.Containers[0].Env {
			ref := env.ValueFrom.SecretKeyRef
			secrets[d.Name] = append(secrets[d.Name], env.Name+" "+ref.Name+"/"+ref.Key)
		}
	}
	require.ElementsMatch(t, []string{
		"KIE_WEBHOOK_HMAC_KEY stemflow-kie/webhook-hmac-key",
		"STEMFLOW_CALLBACK_SECRETS stemflow-callback/secrets",
		"TEMPORAL_API_KEY stemflow-bridge-temporal/api-key",
	}, secrets["stemflow-callbackbridge"])
	require.Contains(t, secrets["stemflow-worker"], "TEMPORAL_API_KEY stemflow-temporal/api-key")
}
