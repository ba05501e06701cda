// Package hook tells somebody of an event: by a webhook that is signed as standard-webhooks.com
// says, or by a program. It knows HTTP and processes, and nothing of Temporal.
package hook

import "time"

// Error is why an event was not delivered.
type Error struct {
	// Message says what happened and what to do. It has no secret and no address.
	Message string
	// Final: to try again does not help.
	Final bool
	// RetryAfter is how long the receiver wants to be left alone; 0: it does not say.
	RetryAfter time.Duration
}

func (e *Error) Error() string { return e.Message }
