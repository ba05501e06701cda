package kiesim

import (
	"cmp"
	"context"
	"time"
)

// task is one separation. Apart from what is set when it is accepted, its fields are guarded by the
// simulator's mutex.
type task struct {
	id      string
	request generateRequest
	// base is the scheme and host of its links.
	base     string
	scenario Scenario
	accepted time.Time
	stems    []*stem
	// done is closed when the task is settled, by its scenario or by hand.
	done chan struct{}

	// complete shows all links, late ones as well.
	complete bool
	// settled is zero until the task is done or failed.
	settled time.Time
	// delivered is set once its callback was acknowledged, undelivered once delivery was given up.
	delivered, undelivered bool
	// recordCalls and linkCalls count the calls of record-info and download-url, looks the records
	// that were shown, and resultLooks those of them with a result.
	recordCalls, linkCalls, looks, resultLooks int
	// musicCalls counts those of the music task's record.
	musicCalls int
	// midiSubmits counts the calls for its transcription.
	midiSubmits int
}

// settleLater lets the task run its time, and the callback follow.
func (s *Simulator) settleLater(t *task) {
	s.background(func(ctx context.Context) {
		var delayed <-chan time.Time // never, of a task that stays pending
		if !t.scenario.Outcome.Pending {
			delayed = time.After(time.Until(t.accepted.Add(time.Duration(t.scenario.Delay))))
		}
		select {
		case <-delayed:
		case <-t.done:
		case <-ctx.Done():
			return
		}
		s.mu.Lock()
		s.settle(t)
		s.mu.Unlock()
		callback := t.scenario.Callback
		if callback.Delay >= 0 && pause(ctx, time.Duration(callback.Delay)) {
			s.sendCallback(ctx, t)
		}
	})
}

// settle brings a task to its end, unless it is there. The mutex is held.
func (s *Simulator) settle(t *task) {
	if !t.settled.IsZero() {
		return
	}
	t.settled = time.Now()
	close(t.done)
	if failure := t.scenario.Outcome.Failure; failure != nil && failure.Code == codeRefunded {
		s.bill.refund(t)
	}
	s.keep()
	s.log.Info("separation settled", "task", t.id, "failed", t.scenario.Outcome.Failure != nil)
}

// wording returns the callback's dialect.
func (t *task) wording() wording {
	dialect := t.scenario.Dialect
	if dialect == DialectAuto {
		dialect = DialectEN
		if t.request.Type == SplitStemAdvanced {
			dialect = DialectCN
		}
	}
	return wordings[dialect]
}

// failureMessage is the scenario's, or the dialect's.
func (t *task) failureMessage() string {
	message := t.wording().failure
	switch t.request.Type {
	case SeparateVocal:
	case WAV:
		message = "WAV generation failed"
	default:
		message = t.wording().splitFailure
	}
	if failure := t.scenario.Outcome.Failure; failure != nil {
		message = cmp.Or(failure.Message, message)
	}
	return message
}
