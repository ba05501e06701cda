package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"stemflow"
	"stemflow/starter/internal/archived"
	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/view"
)

func init() { register(groupArchive, newShowCommand) }

func newShowCommand(c *cli) *cobra.Command {
	cmd := c.newCommand("show", "show what is archived of a track, and links to it", `
Reads the manifest from the object store, and needs no Temporal. --links gives links that work
without credentials, for anyone who has them, until they expire.

--json prints the manifest, in which each stem has a "url", and "linksExpireAt"; with --links=false as
it is stored, for what others may read, like a log.`,
		"show 5c79...be8e e231...c7dc split_stem",
		"show 5c79...be8e e231...c7dc split_stem --links --link-lifetime 24h",
		"show --manifest-key music/5c79...be8e/e231...c7dc/split_stem/manifest.json")
	o := &showOptions{}
	c.placeFlags(cmd, &o.Place)
	links := cmd.Flags().Bool("links", false,
		"give links with which anybody can get the stems, for a while (default with --json; --links=false gives none)")
	o.lifetime.declare(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		given, withLifetime := cmd.Flags().Changed("links"), o.lifetime != 0
		if given && !*links && withLifetime {
			return failure.Usage(nameOf(cmd), "--link-lifetime goes without --links=false")
		}
		o.links = *links || !given && (c.wantsJSON() || withLifetime)
		lifetime, err := o.lifetime.orDefault(cmd)
		if err == nil {
			err = checkPlace(cmd, o.Place)
		}
		if err != nil {
			return err
		}
		return c.show(cmd.Context(), *o, lifetime)
	}
	return cmd
}

// showOptions are the flags of show.
type showOptions struct {
	archived.Place
	links    bool
	lifetime linkLifetime
}

func (c *cli) show(ctx context.Context, o showOptions, lifetime time.Duration) error {
	store, cfg, err := c.openStore()
	if err != nil {
		return err
	}
	track, err := archived.Read(ctx, store, cfg, o.Place)
	if err != nil {
		return err
	}
	var links []string
	var until time.Time
	if o.links {
		c.warnOfLinks()
		if links, until, err = track.Links(ctx, lifetime); err != nil {
			return err
		}
	}
	switch {
	case c.wantsJSON() && o.links:
		c.printJSON(withLinks(track.Manifest, links, until))
	case c.wantsJSON():
		return c.printAsStored(track.Text)
	default:
		view.Manifest(c.forPeople(), track.Manifest, c.room(view.DefaultRoom))
		if len(links) > 0 {
			view.Links(c.forPeople(), track.Manifest.Stems, links, until)
		}
	}
	return nil
}

// printAsStored prints a document with all that is in it, even what this version does not know.
func (c *cli) printAsStored(text json.RawMessage) error {
	var printed bytes.Buffer
	layOut := func() error { return json.Indent(&printed, text, "", "  ") }
	if c.global.format == formatJSONL {
		layOut = func() error { return json.Compact(&printed, text) }
	}
	if err := layOut(); err != nil {
		return archived.NoManifest(err)
	}
	fmt.Fprintf(c.forScripts(), "%s\n", printed.String())
	return nil
}

// linkedManifest is a manifest whose stems have links.
type linkedManifest struct {
	stemflow.Manifest
	Stems         []linkedStem `json:"stems"`
	LinksExpireAt time.Time    `json:"linksExpireAt"`
}

type linkedStem struct {
	stemflow.Stem
	URL string `json:"url"`
}

func withLinks(m stemflow.Manifest, links []string, until time.Time) linkedManifest {
	linked := linkedManifest{Manifest: m, Stems: []linkedStem{}, LinksExpireAt: until}
	for i, stem := range m.Stems {
		linked.Stems = append(linked.Stems, linkedStem{stem, links[i]})
	}
	return linked
}
