package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"syscall"
	"time"

	"stemflow"
	"stemflow/kiesim"
)

const (
	// answerDelay is how long the provider's answer is under way when the worker is killed. It
	// never arrives.
	answerDelay = 5 * time.Second
	// billPause is between two looks at the bill.
	billPause = 20 * time.Millisecond
)

// demoWithKill is the demo with a crash at the worst moment: the provider has accepted and charged,
// and nobody here knows it yet.
func (s *stack) demoWithKill(ctx context.Context) error {
	in := newTrack()
	if err := s.delayAnswer(ctx, in); err != nil {
		return err
	}
	watching, stop := context.WithCancel(ctx)
	killed := make(chan error, 1)
	go func() { killed <- s.killOnceCharged(watching, in) }()
	// Not the terminal itself: what the starter draws there and what is told here would mix.
	took, err := s.separate(ctx, in, struct{ io.Writer }{os.Stdout})
	stop()
	if killErr := <-killed; err == nil {
		err = killErr
	}
	if err != nil {
		return err
	}
	charges, err := s.charges(ctx, in)
	if err != nil {
		return err
	}
	fmt.Printf("\nThe provider's bill for this track:\n")
	for _, charge := range charges {
		at := charge.At.Local().Format(time.TimeOnly)
		fmt.Printf("  %s  separation %s  %v credits\n", at, charge.TaskID, charge.Credits)
	}
	if len(charges) != 1 {
		return fmt.Errorf("the provider has charged %d times for one track: please report this", len(charges))
	}
	return s.conclude(ctx, in, fmt.Sprintf("One crash, one charge, all stems, in %v.", took))
}

// delayAnswer has the provider answer the next submit of the track late.
func (s *stack) delayAnswer(ctx context.Context, in stemflow.SeparateStemsInput) error {
	scenario, err := json.Marshal(map[string]any{
		"audioId": in.AudioID, "once": true, "submit": map[string]any{"delay": answerDelay.String()},
	})
	if err != nil {
		return err
	}
	_, err = s.control(ctx, http.MethodPost, "/sim/knobs", scenario)
	return err
}

// killOnceCharged kills the worker as soon as the track is on the bill.
func (s *stack) killOnceCharged(ctx context.Context, in stemflow.SeparateStemsInput) error {
	for {
		charges, err := s.charges(ctx, in)
		if err != nil {
			return err
		}
		if len(charges) > 0 {
			break
		}
		if !sleep(ctx, billPause) {
			return ctx.Err()
		}
	}
	pid, err := s.pid("worker")
	if err != nil {
		return err
	}
	if err := syscall.Kill(-pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill the worker: %w", err)
	}
	tell(fmt.Sprintf(`killed the worker, process %d. The provider has accepted the separation and charged for it,
            and its answer was still under way: nobody here knows the separation's id.
            The intent is in the archive's ledger, so nobody submits again. Temporal gives the lost
            call up after two and a quarter minutes; then the callback, which waits at the run, says
            the id.`, pid))
	return nil
}

// charges are what the provider has billed for a track.
func (s *stack) charges(ctx context.Context, in stemflow.SeparateStemsInput) ([]kiesim.Charge, error) {
	text, err := s.control(ctx, http.MethodGet, "/sim/bill", nil)
	if err != nil {
		return nil, err
	}
	var bill kiesim.Bill
	if err := json.Unmarshal(text, &bill); err != nil {
		return nil, fmt.Errorf("read the bill: %w", err)
	}
	var charges []kiesim.Charge
	for _, charge := range bill.Charges {
		if charge.MusicTaskID == in.TaskID && charge.AudioID == in.AudioID {
			charges = append(charges, charge)
		}
	}
	return charges, nil
}

// control asks kiesim for something that the provider has not.
func (s *stack) control(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://"+s.kiesim+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask kiesim: %w", err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, text)
	}
	if err != nil {
		return nil, fmt.Errorf("ask kiesim for %s: %w", path, err)
	}
	return text, nil
}

// pid is the process id of a program that runs.
func (s *stack) pid(name string) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, program := range s.running {
		if program.name == name {
			return program.process.PID(), nil
		}
	}
	return 0, fmt.Errorf("there is no %s", name)
}
