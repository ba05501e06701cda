package kiesim_test

import (
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"strings"

	"stemflow/kiesim"
)

// submit makes the paid call of the track "e231" and returns the provider's message.
func submit(url string) string {
	request, err := http.NewRequest(http.MethodPost, url+"/api/v1/vocal-removal/generate", strings.NewReader(
		`{"taskId": "5c79", "audioId": "e231", "type": "split_stem", "callBackUrl": "http://127.0.0.1:1/"}`))
	if err != nil {
		log.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer key")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		log.Fatal(err)
	}
	_, message, _ := strings.Cut(string(body), `"msg":"`)
	message, _, _ = strings.Cut(message, `"`)
	return message
}

func ExampleNew() {
	sim := kiesim.New(kiesim.Options{APIKey: "key", Credits: 60, Logger: slog.New(slog.DiscardHandler)})
	url, err := sim.Start("127.0.0.1:0") // or serve it yourself: it is an http.Handler
	if err != nil {
		log.Fatal(err)
	}
	defer sim.Close()

	fmt.Println(submit(url))
	fmt.Println(len(sim.Bill().Charges), "charge,", sim.Balance(), "credits left")
	// Output:
	// success
	// 1 charge, 10 credits left
}

// The provider refuses the first call of a track and takes the next.
func ExampleSimulator_SetScenario() {
	sim := kiesim.New(kiesim.Options{APIKey: "key", Logger: slog.New(slog.DiscardHandler)})
	url, err := sim.Start("127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	defer sim.Close()
	sim.SetScenario("e231", kiesim.Scenario{
		Submit: kiesim.Fault{Answer: kiesim.AnswerRefuse, Code: 455, Message: "maintenance", Times: 1},
	})

	fmt.Println(submit(url))
	fmt.Println(submit(url))
	// Output:
	// maintenance
	// success
}
