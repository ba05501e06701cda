package kiesim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// state is what outlives a restart. Scenarios that no call of generate has used yet, links from
// download-url and the counts of calls that faults are limited to do not.
type state struct {
	Bill  Bill        `json:"bill"`
	Tasks []taskState `json:"tasks"`
	MIDIs []midiState `json:"midis,omitempty"`
}

type taskState struct {
	ID        string          `json:"id"`
	Request   generateRequest `json:"request"`
	Base      string          `json:"base"`
	Scenario  Scenario        `json:"knobs"`
	Accepted  time.Time       `json:"accepted"`
	Settled   time.Time       `json:"settled,omitzero"`
	Delivered bool            `json:"delivered,omitempty"`
	// Undelivered is set once delivery was given up.
	Undelivered bool        `json:"undelivered,omitempty"`
	Stems       []stemState `json:"stems"`
}

// stemState is in the order of the task's stems. The rest follows from request and scenario.
type stemState struct {
	ID       string `json:"id"`
	Path     string `json:"path"`
	Requests int    `json:"requests,omitempty"`
	Version  int    `json:"version,omitempty"`
	Expired  bool   `json:"expired,omitempty"`
	Tried    bool   `json:"tried,omitempty"`
}

// Restore takes up the tasks and the bill that an earlier simulator kept in a file, which need not
// exist, and keeps its own there from now on. What was under way goes on, and callbacks that were
// not acknowledged are sent again. It belongs between New and the first request.
func (s *Simulator) Restore(file string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		s.stateFile = file
		return s.write()
	}
	if err != nil {
		return err
	}
	var kept state
	if err := json.Unmarshal(data, &kept); err != nil {
		return fmt.Errorf("%s is no state of a simulator, remove it: %w", file, err)
	}
	s.stateFile = file
	s.bill = kept.Bill
	for _, t := range kept.Tasks {
		restored := t.task()
		if s.options.PublicURL != "" {
			restored.base = s.options.PublicURL // it may have another address now
		}
		s.add(restored)
		s.pending.Go(func() { s.resume(s.closing, restored) })
	}
	for _, t := range kept.MIDIs {
		restored := t.task()
		s.midis[restored.id] = restored
		s.pending.Go(func() { s.resumeMIDI(s.closing, restored) })
	}
	return nil
}

// resume goes on where a task was.
func (s *Simulator) resume(ctx context.Context, t *task) {
	switch {
	case t.settled.IsZero():
		s.settleLater(t)
		if t.scenario.Callback.Delay < 0 && !t.delivered && !t.undelivered {
			s.sendCallback(ctx, t)
		}
	case !t.delivered && !t.undelivered:
		s.sendCallback(ctx, t)
	}
}

// keep writes the state down where Restore said. The mutex is held.
func (s *Simulator) keep() {
	if s.stateFile == "" {
		return
	}
	if err := s.write(); err != nil {
		s.log.Error("the state is not kept", "error", err)
	}
}

func (s *Simulator) write() error {
	now := state{Bill: s.bill}
	for _, t := range s.tasks {
		now.Tasks = append(now.Tasks, t.state())
	}
	for _, t := range s.midis {
		now.MIDIs = append(now.MIDIs, t.state())
	}
	data, err := json.Marshal(now)
	if err != nil {
		return err
	}
	// Whole or not at all, whenever the process dies.
	next := s.stateFile + ".next"
	if err := os.WriteFile(next, data, 0o600); err != nil {
		return err
	}
	return os.Rename(next, s.stateFile)
}

func (t *task) state() taskState {
	kept := taskState{
		ID: t.id, Request: t.request, Base: t.base, Scenario: t.scenario, Accepted: t.accepted, Settled: t.settled,
		Delivered: t.delivered, Undelivered: t.undelivered,
	}
	for _, s := range t.stems {
		kept.Stems = append(kept.Stems, stemState{
			ID: s.id, Path: s.path, Requests: s.file.requests, Version: s.file.version, Expired: s.file.expired,
			Tried: s.file.tried,
		})
	}
	return kept
}

func (kept taskState) task() *task {
	t := &task{
		id: kept.ID, request: kept.Request, base: kept.Base, scenario: kept.Scenario, accepted: kept.Accepted,
		settled:   kept.Settled,
		delivered: kept.Delivered, undelivered: kept.Undelivered, done: make(chan struct{}),
	}
	t.stems = separate(t)
	for i, s := range kept.Stems[:min(len(kept.Stems), len(t.stems))] {
		stem := t.stems[i]
		stem.id, stem.path = s.ID, s.Path
		stem.file.requests, stem.file.version, stem.file.expired, stem.file.tried = s.Requests, s.Version,
			s.Expired, s.Tried
	}
	return t
}
