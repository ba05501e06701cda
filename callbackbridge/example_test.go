package callbackbridge_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"go.temporal.io/sdk/client"

	"stemflow/callbackbridge"
)

// Any server can mount the bridge, under any prefix.
func Example() {
	options := client.Options{HostPort: "localhost:7233"}
	temporal, err := client.NewLazyClient(options)
	if err != nil {
		log.Fatal(err)
	}
	defer temporal.Close()
	bridge, err := callbackbridge.New(callbackbridge.Config{
		Signaler: callbackbridge.NewSignaler(temporal, options),
		Secrets:  []string{"the workers' callback secret"},
	})
	if err != nil {
		log.Fatal(err)
	}

	mux := http.NewServeMux()
	// STEMFLOW_CALLBACK_BASE_URL=https://example.com/stemflow
	mux.Handle("/stemflow/", http.StripPrefix("/stemflow", bridge))

	answer := httptest.NewRecorder()
	mux.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/stemflow/healthz", nil))
	fmt.Println(answer.Code)
	// Output: 200
}
