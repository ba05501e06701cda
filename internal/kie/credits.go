package kie

import (
	"context"
	"errors"
	"net/http"
)

// Credits returns the account's balance, which may have a fraction.
func (c *Client) Credits(ctx context.Context) (float64, error) {
	l := call{op: opCredits, method: http.MethodGet, path: pathCredits}
	a, err := c.do(ctx, l)
	if err != nil {
		return 0, err
	}
	if credits, ok := number(a.data); ok {
		return credits, nil
	}
	return 0, c.refusal(l, a, errors.New("the answer reports success without a number in data"))
}
