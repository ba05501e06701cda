// Command kiesim is a stand-in for the vocal-removal API of KIE.AI, for a local stack and for
// trying things out.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"stemflow/internal/program"
	"stemflow/kiesim"
)

const usage = `kiesim stands in for the vocal-removal API of KIE.AI: endpoints, callbacks, files and bill.

Use its address in place of https://api.kie.ai. Any music task id and audio id will do. What a separation did is on
/sim/bill; post to /sim/knobs how the provider misbehaves for a track (see kiesim/README.md).

Flags:
`

func main() {
	program.AnswerVersion()
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "kiesim:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("kiesim", flag.ExitOnError)
	addr := flags.String("addr", "127.0.0.1:8090", "`address` to listen on")
	apiKey := flags.String("api-key", "", "the only API `key` accepted; empty accepts any")
	hmacKey := flags.String("webhook-hmac-key", "", "`key` that signs the callbacks; empty sends them unsigned")
	credits := flags.Float64("credits", kiesim.DefaultCredits, "`balance` of the account to begin with")
	delay := flags.Duration("delay", 3*time.Second, "`time` that a separation takes")
	dialect := flags.String("dialect", string(kiesim.DialectAuto), "`form` of the callbacks: auto, en, cn or sunoapi")
	publicURL := flags.String("public-url", "", "base `URL` of the links to files; empty is the host that was asked")
	rate := flags.Int("rate", 20, "`number` of new tasks taken in ten seconds; 0 is no limit")
	state := flags.String("state", "", "`file` that keeps tasks and bill over a restart; empty forgets them")
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
	}
	// Parse does not return on a wrong flag.
	_ = flags.Parse(args)
	if err := program.FlagsOnly(flags.Args()); err != nil {
		return err
	}
	if *credits <= 0 {
		return fmt.Errorf("-credits %v: it takes more than 0; 1 pays for nothing either", *credits)
	}
	defaults := kiesim.Scenario{Dialect: kiesim.Dialect(*dialect), Delay: kiesim.Duration(*delay)}
	if err := defaults.Validate(); err != nil {
		return err
	}
	limit := kiesim.RateLimit{Tasks: *rate}
	if *rate == 0 {
		limit.Tasks = -1
	}

	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	simulator := kiesim.New(kiesim.Options{
		APIKey: *apiKey, WebhookHMACKey: *hmacKey, Credits: *credits, PublicURL: *publicURL,
		Defaults: defaults, RateLimit: limit, Logger: log,
	})
	if *state != "" {
		if err := simulator.Restore(*state); err != nil {
			return err
		}
	}
	url, err := simulator.Start(*addr)
	if err != nil {
		return err
	}
	log.Info("kiesim is up", "url", url)
	<-ctx.Done()
	log.Info("stopping")
	return simulator.Close()
}
