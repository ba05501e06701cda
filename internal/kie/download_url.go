package kie

import (
	"context"
	"errors"
	"net/http"
)

type downloadURLBody struct {
	URL string `json:"url"`
}

// DownloadURL asks for a fresh link to a file of the provider's that the given link named; it works
// for 20 minutes. For a link that is not the provider's the error is an [*Error] with the verdict
// [Rejected].
func (c *Client) DownloadURL(ctx context.Context, link string) (string, error) {
	l := call{op: opDownloadURL, method: http.MethodPost, path: pathDownloadURL, body: downloadURLBody{URL: link}}
	a, err := c.do(ctx, l)
	if err != nil {
		return "", err
	}
	if fresh := text(a.data); isAddress(fresh) {
		return fresh, nil
	}
	return "", c.refusal(l, a, errors.New("the answer reports success without a link in data"))
}
