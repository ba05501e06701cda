package verify

import "golang.org/x/time/rate"

// NewLimiter returns a limiter of so many bytes a second.
func NewLimiter(bytesPerSecond int64) *rate.Limiter {
	return rate.NewLimiter(rate.Limit(bytesPerSecond), readSize)
}
