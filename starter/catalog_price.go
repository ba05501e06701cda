package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/pflag"

	"stemflow"
	"stemflow/internal/config"
	"stemflow/internal/egress"
	"stemflow/internal/kie"
	"stemflow/starter/internal/archived"
	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/limit"
	"stemflow/starter/internal/view"
)

const (
	// balanceTimeout bounds asking for the balance, which only adds to what is shown.
	balanceTimeout = 10 * time.Second
	// progressStep is how often a look at the archive says how far it is.
	progressStep = time.Second
)

// payment says whether and how a command asks before it pays.
type payment struct{ yes, dryRun bool }

func (p *payment) declare(set *pflag.FlagSet) {
	set.BoolVarP(&p.yes, "yes", "y", false, "pay without being asked, as much as --credit-budget or the account allows")
}

// check demands that somebody says that paying is all right: a person who can be asked, or a flag.
func (p payment) check(c *cli, command string, in stemflow.SeparateCatalogInput) error {
	if p.yes || p.dryRun || in.CreditBudget != nil || c.canAsk() {
		return nil
	}
	return failure.Usage(command, "nobody can be asked here whether to pay: give --credit-budget CREDITS, or --yes to "+
		"pay as much as the account has; --dry-run shows what it costs")
}

// asks reports whether the price is to be found out, and a person asked.
func (p payment) asks(c *cli, in stemflow.SeparateCatalogInput) bool {
	return !p.yes && c.canAsk() && (in.CreditBudget == nil || *in.CreditBudget > 0)
}

// price finds out what a list costs. It changes nothing.
func (c *cli) price(
	ctx context.Context, list *archived.List, in stemflow.SeparateCatalogInput, looker *archived.Looker,
) (*view.Price, error) {
	content, err := list.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	price, err := archived.LookAtList(ctx, looker, content, list.Tracks, in, c.lookProgress(list.Tracks))
	if err != nil {
		return nil, err
	}
	c.addBalance(ctx, price)
	return price, nil
}

// lookProgress says now and then how many tracks were looked up, where that takes a while.
func (c *cli) lookProgress(tracks int) func(done int) {
	next := time.Now().Add(progressStep)
	var mu sync.Mutex
	return func(done int) {
		mu.Lock()
		defer mu.Unlock()
		if now := time.Now(); now.After(next) {
			next = now.Add(progressStep)
			fmt.Fprintf(c.progress(), "Looking at the archive: %s of %s tracks\n",
				humanize.Comma(int64(done)), humanize.Comma(int64(tracks)))
		}
	}
}

// addBalance adds what the account has, where its key is at hand. Why it cannot be read is no
// error.
func (c *cli) addBalance(ctx context.Context, price *view.Price) {
	if c.provider == nil {
		return
	}
	provider, err := c.provider()
	if err == nil && provider == nil {
		return
	}
	var balance float64
	if err == nil {
		balance, err = readBalance(ctx, *provider)
	}
	if err != nil {
		price.BalanceError = "the balance cannot be read: " + err.Error()
		return
	}
	price.Balance = &balance
}

func readBalance(ctx context.Context, provider config.Provider) (balance float64, err error) {
	proxy, err := egress.New(egress.Settings{
		HTTPS: provider.Proxy.HTTPS.Reveal(), HTTP: provider.Proxy.HTTP.Reveal(), NoProxy: provider.Proxy.NoProxy,
	})
	if err != nil {
		return 0, err
	}
	account, err := kie.New(kie.Options{
		BaseURL: provider.KIE.BaseURL, APIKey: provider.KIE.APIKey.Reveal(), Timeout: balanceTimeout, Proxy: proxy,
	})
	if err != nil {
		return 0, err
	}
	defer account.Close()
	err = limit.Wait(ctx, balanceTimeout, "asking the provider for the balance", func(ctx context.Context) error {
		balance, err = account.Credits(ctx)
		return err
	})
	return balance, err
}

// confirm asks whether to pay the price, where there is one, and bounds the catalogue by it.
func (c *cli) confirm(ctx context.Context, price *view.Price, in *stemflow.SeparateCatalogInput) error {
	most := price.Most()
	if most > 0 {
		price.Print(c.stderr)
		fmt.Fprint(c.stderr, price.Question())
		yes, err := c.readYes(ctx, "catalog", "nothing was started")
		if err != nil {
			return err
		}
		if !yes {
			return &failure.Failure{
				Type: failure.TypeRefused, Code: failure.ExitFailed,
				Message: "not confirmed, nothing was started and nothing is paid",
			}
		}
	}
	in.CreditBudget = &most
	return nil
}
