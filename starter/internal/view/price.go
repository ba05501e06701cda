package view

import (
	"fmt"
	"io"

	"github.com/dustin/go-humanize"

	"stemflow"
)

// Price is what a list of tracks would cost, by what is archived and paid for at the moment.
type Price struct {
	Name string `json:"name"`
	// Tracks is how many the list has. The counts below add up to it.
	Tracks int `json:"tracks"`
	// Archived and Paid cost nothing: Paid would be archived unpaid. InDoubt are being paid for, or
	// may have been: nothing is paid for them. Unreadable have a ledger that cannot be read.
	Archived   int `json:"archived"`
	Paid       int `json:"paid"`
	InDoubt    int `json:"inDoubt"`
	Unreadable int `json:"unreadable"`
	// ToPay is how many have to be paid for, Credits what they cost by the documented prices, and
	// Dollars the same in US dollars.
	ToPay   int                             `json:"toPay"`
	Credits int                             `json:"credits"`
	Dollars float64                         `json:"dollars"`
	Types   map[stemflow.SeparationType]int `json:"types,omitempty"`
	// Budget is as it was given, Balance the account's, where a key is at hand.
	Budget       *int     `json:"creditBudget,omitempty"`
	Balance      *float64 `json:"balance,omitempty"`
	BalanceError string   `json:"balanceError,omitempty"`
}

// Add counts a track that has to be paid for.
func (p *Price) Add(t stemflow.SeparationType) {
	if p.Types == nil {
		p.Types = map[stemflow.SeparationType]int{}
	}
	p.ToPay++
	p.Types[t]++
	p.Credits += stemflow.Price(t)
	p.Dollars = stemflow.Dollars(float64(p.Credits))
}

// Most is how many credits would be spent at most: no more than the budget.
func (p *Price) Most() int {
	if p.Budget != nil {
		return min(*p.Budget, p.Credits)
	}
	return p.Credits
}

// Question asks a person whether to pay.
func (p *Price) Question() string {
	tracks := count(p.ToPay, "track")
	if p.Most() < p.Credits {
		tracks = "as many of " + tracks + " as that pays for"
	}
	return fmt.Sprintf("Pay up to %s credits (about %s) for %s? [y/N] ",
		humanize.Comma(int64(p.Most())), dollarText(stemflow.Dollars(float64(p.Most()))), tracks)
}

// Print prints the price for a person.
func (p *Price) Print(w io.Writer) {
	row := func(what string, n int, note string) {
		fmt.Fprintf(w, "  %-10s %9s  %s\n", what, humanize.Comma(int64(n)), note)
	}
	fmt.Fprintf(w, "Catalogue %s\n", p.Name)
	row("tracks", p.Tracks, "in the list")
	row("archived", p.Archived, "costs nothing")
	row("paid", p.Paid, "the ledger or the list says so; archiving costs nothing")
	if p.InDoubt > 0 {
		row("in doubt", p.InDoubt, "are being paid for, or may have been; not paid for again")
	}
	if p.Unreadable > 0 {
		row("unreadable", p.Unreadable, "have a ledger that cannot be read; nothing is paid")
	}
	note := "costs nothing"
	if p.ToPay > 0 {
		note = fmt.Sprintf("%s credits, about %s, by the documented prices",
			humanize.Comma(int64(p.Credits)), dollarText(p.Dollars))
	}
	row("to pay", p.ToPay, note)
	for _, t := range stemflow.SeparationTypes() {
		if n := p.Types[t]; n > 0 && len(p.Types) > 1 {
			fmt.Fprintf(w, "  %-10s %9s  %s, %d credits each\n", "", humanize.Comma(int64(n)), t, stemflow.Price(t))
		}
	}
	if p.Budget != nil {
		fmt.Fprintf(w, "  %-10s %9s  credits\n", "budget", humanize.Comma(int64(*p.Budget)))
	}
	switch {
	case p.Balance != nil:
		note := "credits"
		if short := float64(p.Most()) - *p.Balance; short > 0 {
			note += fmt.Sprintf(", %s too few", humanize.CommafWithDigits(short, 2))
		}
		fmt.Fprintf(w, "  %-10s %9s  %s\n", "account", humanize.CommafWithDigits(*p.Balance, 2), note)
	case p.BalanceError != "":
		fmt.Fprintf(w, "  %-10s %9s  %s\n", "account", "?", OneLine(p.BalanceError))
	}
}

func dollarText(dollars float64) string { return "$" + humanize.FormatFloat("#,###.##", dollars) }

func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return humanize.Comma(int64(n)) + " " + noun
}
