package kiesim

import (
	"cmp"
	"context"
	"time"
)

// task is one separation. Apart from what is set when it is accepted, its fields are guarded by the simulator's mutex.
type task struct {
	id      string
	request generateRequest
	// base is the scheme and host of its links.
	base     string
	knobs    Knobs
	accepted time.Time
	stems    []*stem

	// settled is zero until the task is done or failed.
	settled time.Time
	// delivered is set once its callback was acknowledged, undelivered once delivery was given up.
	delivered, undelivered bool
	// recordCalls and linkCalls count the calls of record-info and download-url, looks the records that were shown, and bareLooks those
	// of them without links.
	recordCalls, linkCalls, looks, bareLooks int
}

// settleLater lets the task run its time, and the callback follow.
func (s *Simulator) settleLater(t *task) {
	if t.knobs.Outcome.Pending {
		return
	}
	s.background(func(ctx context.Context) {
		if !pause(ctx, time.Until(t.accepted.Add(time.Duration(t.knobs.Delay)))) {
			return
		}
		s.settle(t)
		callback := t.knobs.Callback
		if callback.Delay >= 0 && pause(ctx, time.Duration(callback.Delay)) {
			s.sendCallback(ctx, t)
		}
	})
}

func (s *Simulator) settle(t *task) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.settled = time.Now()
	if failure := t.knobs.Outcome.Failure; failure != nil && failure.Code == codeRefunded {
		s.bill.refund(t)
	}
	s.keep()
	s.log.Info("separation settled", "task", t.id, "failed", t.knobs.Outcome.Failure != nil)
}

// wording returns the callback's dialect.
func (t *task) wording() wording {
	dialect := t.knobs.Dialect
	if dialect == DialectAuto {
		dialect = DialectEN
		if t.request.Type == SplitStemAdvanced {
			dialect = DialectCN
		}
	}
	return wordings[dialect]
}

// failureMessage is the knob's, or the dialect's.
func (t *task) failureMessage() string {
	message := t.wording().failure
	if t.request.Type != SeparateVocal {
		message = t.wording().splitFailure
	}
	if failure := t.knobs.Outcome.Failure; failure != nil {
		message = cmp.Or(failure.Message, message)
	}
	return message
}
