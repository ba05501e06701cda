package kiesim

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"
)

// newDeliveryClient follows no redirect and takes no proxy from the environment.
func newDeliveryClient(timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout:       timeout,
		Transport:     &http.Transport{MaxIdleConnsPerHost: 16, IdleConnTimeout: 30 * time.Second},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// sendCallback sends the callback of a task as its scenario says. The first attempt is over when it
// returns; retries follow in the background.
func (s *Simulator) sendCallback(ctx context.Context, t *task) {
	if t.request.CallBackURL == "" {
		return
	}
	callback := t.scenario.Callback
	if callback.Lost {
		s.giveUp(t)
		return
	}
	if callback.ForOtherTask {
		s.attempt(ctx, t, callbackVariant{taskID: newTaskID()}, callback.Signature)
	}
	variant := callbackVariant{failure: callback.Failure}
	acknowledged := s.attempt(ctx, t, variant, callback.Signature)
	for range callback.Duplicates {
		s.attempt(ctx, t, variant, callback.Signature)
	}
	if acknowledged {
		s.noteDelivery(t)
		return
	}
	s.background(func(ctx context.Context) {
		for _, wait := range s.options.RetrySchedule {
			if !pause(ctx, wait) {
				return
			}
			if s.attempt(ctx, t, variant, callback.Signature) {
				s.noteDelivery(t)
				return
			}
		}
		s.mu.Lock()
		s.bill.Callbacks.Abandoned++
		s.mu.Unlock()
		s.giveUp(t)
	})
}

func (s *Simulator) noteDelivery(t *task) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.delivered = true
	s.keep()
}

// giveUp notes that the callback of a task will not arrive.
func (s *Simulator) giveUp(t *task) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.undelivered = true
	s.keep()
	s.log.Warn("callback not delivered", "task", t.id)
}

// attempt posts a callback once and reports whether it was acknowledged.
func (s *Simulator) attempt(ctx context.Context, t *task, v callbackVariant, signature Signature) bool {
	status, err := s.post(ctx, t.request.CallBackURL, cmp.Or(v.taskID, t.id),
		func() object { return t.callbackBody(v) }, signature)
	if err != nil {
		s.log.Warn("callback failed", "task", t.id, "error", err)
	} else {
		s.log.Info("callback sent", "task", t.id, "status", status)
	}
	return err == nil && status == http.StatusOK
}

// post sends a callback and counts it. The body is made with the mutex held. The status is the
// receiver's.
func (s *Simulator) post(
	ctx context.Context, address, taskID string, made func() object, signature Signature,
) (int, error) {
	s.mu.Lock()
	body := encode(made())
	s.bill.Callbacks.Sent++
	s.mu.Unlock()

	status, err := s.deliver(ctx, address, taskID, body, signature)

	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && status == http.StatusOK {
		s.bill.Callbacks.Acknowledged++
	} else {
		s.bill.Callbacks.Refused++
	}
	return status, err
}

// deliver makes the request. Its errors do not show the callback URL, which is the receiver's
// secret.
func (s *Simulator) deliver(
	ctx context.Context,
	address, taskID string,
	body []byte,
	signature Signature,
) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return 0, errors.New("the callback URL is not one")
	}
	request.Header.Set("Content-Type", "application/json")
	signature.sign(request.Header, s.options.WebhookHMACKey, taskID, time.Now())
	response, err := s.delivery.Do(request)
	if err != nil {
		if withURL, ok := errors.AsType[*url.Error](err); ok {
			err = withURL.Err
		}
		return 0, err
	}
	defer response.Body.Close()
	// What is read to its end lets the connection be used again.
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxRequestSize))
	return response.StatusCode, nil
}
