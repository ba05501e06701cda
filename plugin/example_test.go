package plugin_test

import (
	"fmt"
	"log"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"stemflow/plugin"
)

// A worker that has workflows of its own hosts stemflow as well.
func ExampleNew() {
	temporal, err := client.NewLazyClient(client.Options{HostPort: "localhost:7233"})
	if err != nil {
		log.Fatal(err)
	}
	defer temporal.Close()
	stems, err := plugin.New(plugin.Config{
		Client:          temporal,
		APIKey:          "provider-api-key",
		CallbackBaseURL: "https://callbacks.example.com",
		CallbackSecrets: []string{"the callback bridge's secret"},
		MinIO: plugin.MinIO{
			Endpoint:  "localhost:9000",
			AccessKey: "stemflow",
			SecretKey: "the store's secret",
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	w := worker.New(temporal, "media", worker.Options{Plugins: []worker.Plugin{stems}})
	_ = w // register the worker's own workflows, then: err = w.Run(worker.InterruptCh()), and see stems.Err

	fmt.Println(stems.Name())
	// Output: stemflow
}
