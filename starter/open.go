package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
)

func init() { register(groupArchive, newOpenCommand) }

func newOpenCommand(c *cli) *cobra.Command {
	cmd := c.newCommand("open", "play the archived stems of a track together in a browser", `
Makes the page that listen makes, `+defaultListenFile+` unless --out names another, and opens it in the
browser. Where there is none, it prints the page's path.`,
		"open 5c79...be8e e231...c7dc split_stem")
	o := &listenOptions{}
	c.placeFlags(cmd, &o.Place)
	cmd.Flags().StringVar(&o.out, "out", defaultListenFile, "`FILE` to write the page to")
	declareTitle(cmd, &o.title)
	o.linkLifetime.declare(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		lifetime, err := o.orDefault(cmd)
		if err == nil {
			err = checkPlace(cmd, o.Place)
		}
		if err != nil {
			return err
		}
		return c.open(cmd.Context(), *o, lifetime)
	}
	return cmd
}

// openedPage is what --json prints of a page that is opened.
type openedPage struct {
	File   string `json:"file"`
	Opened bool   `json:"opened"`
	// Problem says why no browser was opened.
	Problem       string    `json:"problem,omitempty"`
	LinksExpireAt time.Time `json:"linksExpireAt"`
}

func (c *cli) open(ctx context.Context, o listenOptions, lifetime time.Duration) error {
	_, page, until, err := c.trackPage(ctx, o.Place, o.title, lifetime)
	if err != nil {
		return err
	}
	if err := writePage(o.out, page); err != nil {
		return err
	}
	path, err := filepath.Abs(o.out)
	if err != nil {
		path = o.out
	}
	opened := openedPage{File: path, Opened: true, LinksExpireAt: until}
	if err := c.browse(ctx, path); err != nil {
		opened.Opened, opened.Problem = false, err.Error()
	}
	switch {
	case c.wantsJSON():
		c.printJSON(opened)
	case opened.Opened:
		c.printf("Opened %s\n", path)
	default:
		fmt.Fprintf(c.progress(), "No browser was opened: %s. Open the page yourself.\n", opened.Problem)
		c.printf("%s\n", path)
	}
	return nil
}
