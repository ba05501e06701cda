//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/dev/internal/proving"
	"stemflow/internal/archive"
)

const (
	// fullProof is how many tracks are started at least; they are started for as long as the
	// cluster is disturbed.
	fullProof, leastTracks = 60, 40
	// together are started at once, so that their callbacks come at once, and pace is the time
	// between two such groups: less than the provider's limit.
	together = 10
	pace     = 6 * time.Second
	// kind is that of all tracks: two stems.
	kind = stemflow.SeparateVocal
	// trackWithin is when a track counts as lost, far above what one takes.
	trackWithin = 15 * time.Minute
	// early is how long the workers have no Temporal: longer than it takes their probes to give a
	// program up that hangs.
	early = 100 * time.Second
	// backlog are the tracks that wait for a worker when KEDA is to scale: enough for five.
	backlog = 100
)

// proof is one run of it.
type proof struct {
	*cluster
	// life is the proof's, longer than what is done to the cluster while a track is under way.
	life     context.Context //nolint:containedctx // of the proof, not of a call
	begun    time.Time
	evidence evidence

	mu sync.Mutex
	// restarts are the most that a pod had.
	restarts map[string]int
	tracks   []*track
	waiting  sync.WaitGroup
}

type track struct {
	in    stemflow.SeparateStemsInput
	ended string // empty: it is under way
}

// claim does something and notes what was seen. What is not as promised is no end of the proof.
func (p *proof) claim(ctx context.Context, did string, do func(context.Context) (saw string, err error)) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	begun := time.Now()
	underWay := p.underWay()
	saw, err := do(ctx)
	if ctx.Err() != nil {
		return errors.Join(fmt.Errorf("%s: %w", did, context.Cause(ctx)), err)
	}
	c := claim{did: did, underWay: underWay, saw: saw, took: time.Since(begun)}
	if err != nil {
		c.broken = err.Error()
	}
	p.evidence.claims = append(p.evidence.claims, c)
	fmt.Printf("%-6s %5.1fs  %s: %s\n", map[bool]string{true: "ok", false: "BROKEN"}[err == nil], c.took.Seconds(), did,
		saw+c.broken)
	return nil
}

func (c *cluster) prove(ctx context.Context) error {
	p := &proof{cluster: c, life: ctx, begun: time.Now(), restarts: map[string]int{}}
	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	go p.watch(watching)
	if err := p.early(ctx); err != nil {
		return err
	}
	feeding, stopFeeding := context.WithCancel(ctx)
	defer stopFeeding()
	fed := make(chan error, 1)
	go func() { fed <- p.feed(ctx, feeding.Done()) }()
	if err := p.disturb(ctx); err != nil {
		return err
	}
	stopFeeding()
	if err := <-fed; err != nil {
		return err
	}
	if err := p.proveKEDA(ctx); err != nil {
		return err
	}
	p.waiting.Wait()
	stopWatching()
	if err := p.collect(ctx); err != nil {
		return err
	}
	fmt.Printf("\n%s\n", table(p.evidence))
	violations := judge(p.evidence)
	for _, violation := range violations {
		fmt.Printf("BROKEN  %s\n", violation)
	}
	if len(violations) > 0 {
		return fmt.Errorf("%d promises were not kept", len(violations))
	}
	return nil
}

// early starts stemflow before Temporal, and then Temporal.
func (p *proof) early(ctx context.Context) error {
	if err := p.claim(ctx, "the base is applied; all pods pass the namespace's rule `restricted`",
		func(ctx context.Context) (string, error) {
			if err := p.deploy(ctx, overlay{base: "base", tag: firstTag}); err != nil {
				return "", err
			}
			if err := proving.Eventually(ctx, "the pods run", p.allRun); err != nil {
				return "", err
			}
			pods, err := p.pods(ctx, "")
			if err != nil {
				return "", err
			}
			places := map[string]int{}
			for _, pod := range pods {
				if pod.Spec.HostNetwork || !strings.HasPrefix(pod.Status.PodIP, "10.244.") {
					return "", fmt.Errorf("%s is not in the pods' network", pod.Metadata.Name)
				}
				places[pod.Spec.NodeName]++
			}
			saw := fmt.Sprintf("%d pods in the pods' network, on %d nodes", len(pods), len(places))
			return saw, p.refusesPrivileged(ctx)
		}); err != nil {
		return err
	}
	if err := p.claim(ctx, "worker and bridge have no Temporal for "+early.String(),
		func(ctx context.Context) (string, error) {
			select {
			case <-ctx.Done():
			case <-time.After(early):
			}
			pods, err := p.pods(ctx, "")
			if err != nil {
				return "", err
			}
			for _, pod := range pods {
				if pod.ready() || !pod.running() {
					return "", fmt.Errorf("%s is ready: %v, runs: %v", pod.Metadata.Name, pod.ready(), pod.running())
				}
			}
			return fmt.Sprintf("%d pods run, none is ready, restarts: %s", len(pods), p.restarted()), nil
		}); err != nil {
		return err
	}
	return p.claim(ctx, "Temporal is there", func(ctx context.Context) (string, error) {
		if err := p.openTemporal(ctx); err != nil {
			return "", err
		}
		begun := time.Now()
		if err := p.awaitRollouts(ctx); err != nil {
			return "", err
		}
		return fmt.Sprintf("all are ready after %.0f s, restarts: %s", time.Since(begun).Seconds(), p.restarted()), nil
	})
}

func (p *proof) allRun(ctx context.Context) error {
	pods, err := p.pods(ctx, "")
	if err != nil {
		return err
	}
	running := 0
	for _, pod := range pods {
		if pod.running() {
			running++
		}
	}
	if running < 4 || running < len(pods) {
		return fmt.Errorf("%d of %d run", running, len(pods))
	}
	return nil
}

// refusesPrivileged makes sure that the namespace's rule is one.
func (p *proof) refusesPrivileged(ctx context.Context) error {
	status, _, err := p.call(ctx, http.MethodPost, "/api/v1/namespaces/"+namespace+"/pods?dryRun=All",
		`{"metadata": {"name": "bare"}, "spec": {"containers": [{"name": "bare", "image": "bare"}]}}`)
	if err == nil && status != http.StatusForbidden {
		err = fmt.Errorf("a pod that is not restricted is answered with %d", status)
	}
	return err
}

// feed starts tracks at a pace until it is to stop, and at least as many as were asked for.
func (p *proof) feed(ctx context.Context, stop <-chan struct{}) error {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for n := 0; ; n += together {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-stop:
			if n >= p.Tracks {
				return nil
			}
		default:
		}
		for range together {
			if err := p.startTrack(ctx); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// startTrack starts a track as a program does that uses stemflow, and follows it.
func (p *proof) startTrack(ctx context.Context) error {
	t := &track{in: stemflow.SeparateStemsInput{TaskID: proving.NewID(), AudioID: proving.NewID(), Type: kind}}
	run, err := p.world.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: stemflow.WorkflowID(t.in), TaskQueue: stemflow.TaskQueue,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
	}, stemflow.WorkflowSeparateStems, t.in)
	if err != nil {
		return fmt.Errorf("start a track: %w", err)
	}
	p.mu.Lock()
	p.tracks = append(p.tracks, t)
	p.mu.Unlock()
	p.waiting.Go(func() {
		ctx, cancel := context.WithTimeout(p.life, trackWithin)
		defer cancel()
		ended := archived
		if err := run.Get(ctx, nil); err != nil {
			ended = err.Error()
		}
		p.mu.Lock()
		t.ended = ended
		p.mu.Unlock()
	})
	return nil
}

// underWay and ended count tracks.
func (p *proof) underWay() int { return p.count(func(t *track) bool { return t.ended == "" }) }
func (p *proof) ended() int    { return p.count(func(t *track) bool { return t.ended != "" }) }

func (p *proof) count(fits func(*track) bool) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, t := range p.tracks {
		if fits(t) {
			n++
		}
	}
	return n
}

// awaitUnderWay waits until there is something to lose.
func (p *proof) awaitUnderWay(ctx context.Context) error {
	return proving.Eventually(ctx, "enough tracks are under way", func(context.Context) error {
		if n := p.underWay(); n < together {
			return fmt.Errorf("%d are", n)
		}
		return nil
	})
}

// watch notes restarts for as long as the context lives.
func (p *proof) watch(ctx context.Context) {
	for ctx.Err() == nil {
		if pods, err := p.pods(ctx, ""); err == nil {
			p.mu.Lock()
			for _, pod := range pods {
				if n := pod.restarts(); n > 0 {
					p.restarts[pod.Metadata.Name] = max(n, p.restarts[pod.Metadata.Name])
				}
			}
			p.mu.Unlock()
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func (p *proof) restarted() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return proving.Listed(p.restarts)
}

// disturb does to the cluster what operators and machines do, while tracks are under way.
func (p *proof) disturb(ctx context.Context) error {
	for _, one := range []struct {
		did string
		do  func(context.Context) (string, error)
	}{
		{"tracks are separated", p.reachBoth},
		{"connections are tried that no network policy admits", p.tryPolicies},
		{"worker and bridge are rolled out anew", p.rollOut},
		{"one bridge is deleted", func(ctx context.Context) (string, error) { return p.deleteOne(ctx, bridge) }},
		{"one worker is deleted without grace", func(ctx context.Context) (string, error) {
			return p.deleteOne(ctx, worker, "--grace-period=0", "--force")
		}},
		{"node-1 is drained, so that everything is on node-2", func(ctx context.Context) (string, error) {
			if err := p.drain(ctx, p.nodes[0]); err != nil {
				return "", err
			}
			return "it ends, and all is ready on node-2", p.awaitRollouts(ctx)
		}},
		{"node-2 is drained while node-1 takes no pods", p.drainLast},
	} {
		if err := p.awaitUnderWay(ctx); err != nil {
			return err
		}
		if err := p.claim(ctx, one.did, one.do); err != nil {
			return err
		}
	}
	return nil
}

// reachBoth waits for the first tracks, whose callbacks the service spreads over its bridges.
func (p *proof) reachBoth(ctx context.Context) (string, error) {
	if err := proving.Eventually(ctx, "the first tracks end", func(context.Context) error {
		if n := p.ended(); n < 2*together {
			return fmt.Errorf("%d have", n)
		}
		return nil
	}); err != nil {
		return "", err
	}
	p.mu.Lock()
	tracks := slices.Clone(p.tracks)
	p.mu.Unlock()
	bridges := map[string]int{}
	for _, t := range tracks {
		if err := p.readSignals(ctx, t, bridges); err != nil {
			return "", err
		}
	}
	if len(bridges) != 2 {
		return "", fmt.Errorf("callbacks reached %d bridges behind the service", len(bridges))
	}
	var counts []string
	for _, n := range bridges {
		counts = append(counts, fmt.Sprint(n))
	}
	slices.Sort(counts)
	return "the service leads their callbacks to both bridges: " + strings.Join(counts, " and "), nil
}

func (p *proof) rollOut(ctx context.Context) (string, error) {
	before, err := p.pods(ctx, "")
	if err != nil {
		return "", err
	}
	if err := p.deploy(ctx, overlay{base: "base", tag: secondTag}); err != nil {
		return "", err
	}
	if err := p.awaitRollouts(ctx); err != nil {
		return "", err
	}
	after, err := p.pods(ctx, "")
	if err != nil {
		return "", err
	}
	for _, now := range after {
		if now.ready() &&
			slices.ContainsFunc(before, func(old pod) bool { return old.Metadata.Name == now.Metadata.Name }) {
			return "", fmt.Errorf("%s is still there", now.Metadata.Name)
		}
	}
	return fmt.Sprintf("%d pods are replaced", len(before)), nil
}

func (p *proof) deleteOne(ctx context.Context, deployment string, flags ...string) (string, error) {
	one, err := p.readyPod(ctx, deployment)
	if err != nil {
		return "", err
	}
	if _, err := p.kubectl(ctx, "", append([]string{
		"--namespace", namespace, "delete", "pod", one.Metadata.Name,
	}, flags...)...); err != nil {
		return "", err
	}
	return "another one takes its place", proving.Eventually(ctx, "two are ready", func(ctx context.Context) error {
		ready, err := p.pods(ctx, deployment)
		if err != nil {
			return err
		}
		ready = slices.DeleteFunc(ready, func(other pod) bool {
			return !other.ready() || other.Metadata.Name == one.Metadata.Name
		})
		if len(ready) != leastWorkers {
			return fmt.Errorf("%d are", len(ready))
		}
		return nil
	})
}

func (p *proof) drain(ctx context.Context, n node) error {
	_, err := p.kubectl(ctx, "", "drain", n.name, "--ignore-daemonsets", "--timeout", "5m")
	return err
}

// drainLast drains the node on which everything is. The pods that it evicts first have no other
// place, so the disruption budgets refuse the rest, until the other node takes pods again.
func (p *proof) drainLast(ctx context.Context) (string, error) {
	drained := make(chan error, 1)
	go func() { drained <- p.drain(ctx, p.nodes[1]) }()
	for _, deployment := range []string{worker, bridge} {
		if err := proving.Eventually(ctx, "one pod is evicted and one is left", func(ctx context.Context) error {
			pods, err := p.pods(ctx, deployment)
			if err != nil {
				return err
			}
			ready := slices.DeleteFunc(pods, func(one pod) bool { return !one.ready() })
			if len(ready) != 1 {
				return fmt.Errorf("%d are ready", len(ready))
			}
			return p.refusesEviction(ctx, ready[0].Metadata.Name)
		}); err != nil {
			return "", err
		}
	}
	select {
	case err := <-drained:
		return "", fmt.Errorf("the drain ends although the last pods have no other place: %w", err)
	default:
	}
	if _, err := p.kubectl(ctx, "", "uncordon", p.nodes[0].name); err != nil {
		return "", err
	}
	if err := <-drained; err != nil {
		return "", err
	}
	if err := p.awaitRollouts(ctx); err != nil {
		return "", err
	}
	_, err := p.kubectl(ctx, "", "uncordon", p.nodes[1].name)
	return "the last worker's and the last bridge's eviction are refused with 429; " +
		"the drain ends once their like are ready on node-1", err
}

func (p *proof) refusesEviction(ctx context.Context, name string) error {
	status, answer, err := p.call(ctx, http.MethodPost, "/api/v1/namespaces/"+namespace+"/pods/"+name+"/eviction",
		fmt.Sprintf(`{"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": %q, "namespace": %q}}`,
			name, namespace))
	if err == nil && status != http.StatusTooManyRequests {
		err = fmt.Errorf("the eviction of the last pod is answered with %d: %s", status, answer)
	}
	return err
}

// collect reads back all that there is.
func (p *proof) collect(ctx context.Context) error {
	e := &p.evidence
	p.mu.Lock()
	e.took, e.restarts, e.bill = time.Since(p.begun), maps.Clone(p.restarts), p.world.kiesim.Bill()
	p.mu.Unlock()
	store, err := p.store()
	if err != nil {
		return err
	}
	objects, err := store.List(ctx, bucket, "")
	if err != nil {
		return err
	}
	sizes := map[string]int64{}
	for _, object := range objects {
		sizes[object.Key] = object.Size
	}
	bridges := map[string]int{}
	for _, t := range p.tracks {
		found := accounted{audioID: t.in.AudioID, ended: t.ended}
		var m stemflow.Manifest
		key := archive.ManifestKey(archive.Locate(bucket, "", t.in.Track()))
		if _, err := store.ReadJSON(ctx, bucket, key, &m); err == nil {
			for _, stem := range m.Stems {
				if sizes[stem.Key] == stem.Size && stem.Size > 0 {
					found.stems++
				}
			}
		}
		e.tracks = append(e.tracks, found)
		if err := p.readSignals(ctx, t, bridges); err != nil {
			return err
		}
	}
	e.bridges = bridges
	e.versions, err = p.versions(ctx)
	return err
}

// podIn finds the pod in the identity of a client of Temporal.
var podIn = regexp.MustCompile(`@(` + bridge + `-[a-z0-9-]+)`)

// readSignals counts the callbacks of a track by the bridge that has brought them.
func (p *proof) readSignals(ctx context.Context, t *track, bridges map[string]int) error {
	iter := p.world.client.GetWorkflowHistory(ctx, stemflow.WorkflowID(t.in), "", false,
		enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for iter.HasNext() {
		event, err := iter.Next()
		if err != nil {
			return err
		}
		identity := event.GetWorkflowExecutionSignaledEventAttributes().GetIdentity()
		if found := podIn.FindStringSubmatch(identity); found != nil {
			bridges[found[1]]++
		}
	}
	return nil
}

// versions are those of what has run.
func (p *proof) versions(ctx context.Context) (string, error) {
	temporal, err := p.world.client.WorkflowService().GetSystemInfo(ctx, &workflowservice.GetSystemInfoRequest{})
	if err != nil {
		return "", err
	}
	parts := []string{"Temporal " + temporal.ServerVersion}
	for _, one := range []struct{ name, module, path string }{
		{"Kubernetes", "kubernetes", "k8s.io/kubernetes"},
		{"KEDA", "keda", "github.com/kedacore/keda/v2"},
		{"kube-router", "kuberouter", "github.com/cloudnativelabs/kube-router/v2"},
	} {
		text, err := os.ReadFile(filepath.Join(p.Root, "tools", one.module, "go.mod"))
		if err != nil {
			return "", err
		}
		parts = append(parts, one.name+" "+firstVersion(string(text), one.path+" v"))
	}
	for _, name := range []string{"containerd", "etcd", "runc"} {
		said, err := proving.Output(ctx, exec.Command(name, "--version"))
		if err != nil {
			return "", err
		}
		parts = append(parts, name+" "+firstVersion(said, ""))
	}
	return strings.Join(parts, ", "), nil
}

// firstVersion is the first one in a text after what stands before it.
func firstVersion(text, before string) string {
	_, after, _ := strings.Cut(text, before)
	return regexp.MustCompile(`\d+\.\d+\.\d+`).FindString(after)
}
