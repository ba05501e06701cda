package callbackbridge_test

import (
	"log"
	"net/http"

	"go.temporal.io/sdk/client"

	"stemflow/callbackbridge"
)

// A server of one's own takes the bridge in one line, under any prefix.
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
	mux.Handle("/stemflow/", http.StripPrefix("/stemflow", bridge)) // STEMFLOW_CALLBACK_BASE_URL=https://example.com/stemflow
}
