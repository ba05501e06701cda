// Command healthcheck asks a server for its health by HTTP and exits 0 or 1. Container images
// without a shell have nothing else that could ask.
//
//	healthcheck http://127.0.0.1:8088/readyz
//	healthcheck http://127.0.0.1:9464/metrics temporal_worker_start
package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"stemflow/internal/program"
)

const (
	timeout = 5 * time.Second
	// maxAnswer is far above the metrics of any program here.
	maxAnswer = 16 << 20
)

func main() {
	program.AnswerVersion()
	if len(os.Args) < 2 || len(os.Args) > 3 {
		fmt.Fprintln(
			os.Stderr,
			"healthcheck: give a URL, like http://127.0.0.1:8088/readyz, and, if you like, a text that its answer "+
				"must contain",
		)
		os.Exit(2)
	}
	if err := check(os.Args[1], strings.Join(os.Args[2:], "")); err != nil {
		fmt.Fprintln(os.Stderr, "healthcheck:", err)
		os.Exit(1)
	}
}

// check is nil if the server answers 200, and the answer contains the text.
func check(url, text string) error {
	client := http.Client{
		Timeout: timeout,
		// It asks its own container, by an address that is in no certificate.
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
	}
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return err
	}
	if !strings.Contains(string(answer), text) {
		return errors.New(url + " answers without " + text)
	}
	return nil
}
