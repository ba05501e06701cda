package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
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
	placeFlags(cmd, &o.Place)
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

// browserTime is how long a program that opens browsers may take to say that it cannot. One that
// takes longer is the browser itself.
const browserTime = 3 * time.Second

// browse opens a file with the program that the system has for that.
func browse(ctx context.Context, file string) error {
	line := browserLine(runtime.GOOS, file)
	path, err := exec.LookPath(line[0])
	if err != nil {
		return errors.New("there is no " + line[0])
	}
	cmd := exec.Command(path, line[1:]...)
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("%s: %w", line[0], err)
		}
	case <-time.After(browserTime):
	case <-ctx.Done():
	}
	return nil
}

// browserLine is the command that opens a file on a system.
func browserLine(system, file string) []string {
	switch system {
	case "darwin":
		return []string{"open", file}
	case "windows":
		return []string{"rundll32", "url.dll,FileProtocolHandler", file} // start is no program
	default:
		return []string{"xdg-open", file}
	}
}
