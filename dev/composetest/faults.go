package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"stemflow"
	"stemflow/kiesim"
)

const (
	// timeout is for one separation, whatever happens to the containers.
	timeout = 4 * time.Minute
	pause   = 100 * time.Millisecond
	// away is how long a container that was killed stays so.
	away = 4 * time.Second
)

// fault kills containers in the middle of a separation, which must end as if nothing had happened.
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
	// slowProvider leaves time to kill something while waiting for the callback, slowFiles while
	// stems are under way.
	slowProvider = kiesim.Scenario{Delay: kiesim.Duration(12 * time.Second)}
	slowFiles    = kiesim.Scenario{
		Delay: kiesim.Duration(time.Second),
		Files: map[string]kiesim.File{kiesim.AllStems: {BytesPerSecond: 8 << 10}}, // some 12 s each
	}
)

func submitted(now, before kiesim.Bill) bool { return len(now.Charges) > len(before.Charges) }
func fetching(now, before kiesim.Bill) bool  { return now.Downloads >= before.Downloads+8 }

var faults = []fault{
	{id: "plain", what: "separate a track"},
	{
		id:       "worker-waiting",
		what:     "kill the worker while waiting for the callback",
		scenario: slowProvider,
		when:     submitted,
		kill:     []string{"worker"},
	},
	{
		id:       "worker-archiving",
		what:     "kill the worker with stems under way",
		scenario: slowFiles,
		when:     fetching,
		kill:     []string{"worker"},
	},
	{
		id:       "temporal-waiting",
		what:     "kill Temporal while waiting for the callback",
		scenario: slowProvider,
		when:     submitted,
		kill:     []string{"temporal"},
	},
	{
		id:       "temporal-archiving",
		what:     "kill Temporal with stems under way",
		scenario: slowFiles,
		when:     fetching,
		kill:     []string{"temporal"},
	},
	{
		id:       "minio-archiving",
		what:     "kill MinIO with stems under way",
		scenario: slowFiles,
		when:     fetching,
		kill:     []string{"minio"},
	},
	{
		id:       "bridge",
		what:     "kill the bridge while waiting for the callback",
		scenario: slowProvider,
		when:     submitted,
		kill:     []string{"callbackbridge"},
	},
	{
		id:       "kiesim-waiting",
		what:     "kill kiesim while waiting for the callback",
		scenario: slowProvider,
		when:     submitted,
		kill:     []string{"kiesim"},
	},
	{
		id:       "kiesim-archiving",
		what:     "kill kiesim with stems under way",
		scenario: slowFiles,
		when:     fetching,
		kill:     []string{"kiesim"},
	},
	{
		id: "all", what: "kill all of them with stems under way", scenario: slowFiles, when: fetching,
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
	if f.when != nil {
		if err := p.await(ctx, func(now kiesim.Bill) bool { return f.when(now, before) }); err != nil {
			return err
		}
		if err := p.kill(ctx, f.kill); err != nil {
			return err
		}
	}
	result, err := p.starter(ctx, f.track(), "--wait") // joins the run
	if err != nil {
		return err
	}
	if f.when != nil && result.SettledBy == stemflow.SettledByArchive {
		return errors.New("the separation was over before anything was killed")
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

// kill ends containers as a crash would, and starts them again.
func (p project) kill(ctx context.Context, services []string) error {
	if err := p.compose(ctx, append([]string{"kill"}, services...)...); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(away):
	}
	return p.compose(ctx, append([]string{"up", "--detach", "--wait", "--no-deps", "--no-recreate"}, services...)...)
}
