package main

import (
	"context"
	"fmt"
	"time"

	"stemflow"
	"stemflow/kiesim"
)

const (
	// timeout is for one separation, whatever happens to the containers.
	timeout = 10 * time.Minute
	pause   = 100 * time.Millisecond
	// away is how long a container that was killed stays so.
	away = 4 * time.Second
)

// fault kills containers in the middle of a separation, which must end as if nothing had happened.
// What the middle is does not depend on the machine's speed: the provider's task is pending until
// the containers are back, or some stems stall until the worker asks for them again.
type fault struct {
	id, what string
	scenario kiesim.Scenario
	// when reports, from the bill and the one before the start, that the middle is reached; nil:
	// nothing is killed.
	when func(now, before kiesim.Bill) bool
	// kill are the services to kill at that moment and to start again a little later.
	kill []string
}

var (
	// pending is a provider that is not done until it is told to be.
	pending = kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}}
	// stalling stems stop in the middle once, for the 30 s after which the worker asks again.
	stalling = kiesim.Scenario{Files: map[string]kiesim.File{"bass": stall, "drums": stall, "vocals": stall}}
	stall    = kiesim.File{Fault: kiesim.FileStall, Times: 1}
)

func submitted(now, before kiesim.Bill) bool { return len(now.Charges) > len(before.Charges) }
func fetching(now, before kiesim.Bill) bool  { return now.Downloads >= before.Downloads+stemCount }

var faults = []fault{
	{id: "plain", what: "separate a track"},
	{
		id:       "worker-waiting",
		what:     "kill the worker while waiting for the callback",
		scenario: pending,
		when:     submitted,
		kill:     []string{"worker"},
	},
	{
		id:       "worker-archiving",
		what:     "kill the worker with stems under way",
		scenario: stalling,
		when:     fetching,
		kill:     []string{"worker"},
	},
	{
		id:       "temporal-waiting",
		what:     "kill Temporal while waiting for the callback",
		scenario: pending,
		when:     submitted,
		kill:     []string{"temporal"},
	},
	{
		id:       "temporal-archiving",
		what:     "kill Temporal with stems under way",
		scenario: stalling,
		when:     fetching,
		kill:     []string{"temporal"},
	},
	{
		id:       "minio-archiving",
		what:     "kill MinIO with stems under way",
		scenario: stalling,
		when:     fetching,
		kill:     []string{"minio"},
	},
	{
		id:       "bridge",
		what:     "kill the bridge while waiting for the callback",
		scenario: pending,
		when:     submitted,
		kill:     []string{"callbackbridge"},
	},
	{
		id:       "kiesim-waiting",
		what:     "kill kiesim while waiting for the callback",
		scenario: pending,
		when:     submitted,
		kill:     []string{"kiesim"},
	},
	{
		id:       "kiesim-archiving",
		what:     "kill kiesim with stems under way",
		scenario: stalling,
		when:     fetching,
		kill:     []string{"kiesim"},
	},
	{
		id: "all", what: "kill all of them with stems under way", scenario: stalling, when: fetching,
		kill: []string{"temporal", "minio", "kiesim", "callbackbridge", "worker"},
	},
}

func (f fault) track() stemflow.SeparateStemsInput {
	return stemflow.SeparateStemsInput{TaskID: "composetest", AudioID: f.id, Type: stemflow.SplitStem}
}

func (f fault) run(ctx context.Context, p project) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := p.setScenario(ctx, f.id, f.scenario); err != nil {
		return err
	}
	before, err := p.bill(ctx)
	if err != nil {
		return err
	}
	if _, err := p.starter(ctx, f.track()); err != nil {
		return err
	}
	var killed time.Time
	if f.when != nil {
		if err := p.await(ctx, func(now kiesim.Bill) bool { return f.when(now, before) }); err != nil {
			return err
		}
		if killed, err = p.kill(ctx, f.kill); err != nil {
			return err
		}
	}
	if f.scenario.Outcome.Pending {
		if err := p.settle(ctx, f.id); err != nil {
			return err
		}
	}
	// It joins the run, or finds what the run has archived.
	result, err := p.starter(ctx, f.track(), "--wait")
	if err != nil {
		return err
	}
	if !result.ArchivedAt.After(killed) {
		return fmt.Errorf("the separation was over at %v, before anything was killed at %v", result.ArchivedAt, killed)
	}
	if err := p.checkArchive(ctx, result); err != nil {
		return err
	}
	return p.checkBill(ctx, f.id)
}

// await waits until the bill shows something.
func (p project) await(ctx context.Context, shows func(kiesim.Bill) bool) error {
	for {
		bill, err := p.bill(ctx)
		if err != nil {
			return err
		}
		if shows(bill) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the separation did not come so far: %w", ctx.Err())
		case <-time.After(pause):
		}
	}
}

// kill ends containers as a crash would, and starts them again. It returns when they were gone.
func (p project) kill(ctx context.Context, services []string) (time.Time, error) {
	if err := p.compose(ctx, append([]string{"kill"}, services...)...); err != nil {
		return time.Time{}, err
	}
	gone := time.Now()
	select {
	case <-ctx.Done():
		return gone, ctx.Err()
	case <-time.After(away):
	}
	return gone, p.compose(
		ctx, append([]string{"up", "--detach", "--wait", "--no-deps", "--no-recreate"}, services...)...)
}
