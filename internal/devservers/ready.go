package devservers

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"time"
)

// probe asks children on the loopback interface only, whose certificate, if any, is a test's own.
var probe = &http.Client{
	Timeout:   5 * time.Second,
	Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
}

// HTTPReady is a Ready function for a [Command] that answers GET on the URL with 200 once it is
// ready.
func HTTPReady(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		resp, err := probe.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answers %s", url, resp.Status)
		}
		return nil
	}
}

// allReady is ready when each of the given is.
func allReady(ready ...func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		for _, r := range ready {
			if err := r(ctx); err != nil {
				return err
			}
		}
		return nil
	}
}
