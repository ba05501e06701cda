package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"time"

	"stemflow"
)

var showCommand = command{
	name:    "show",
	summary: "show what is archived of a track, with links to it",
	about: `
  starter show --task-id 5c79...be8e --audio-id e231...c7dc --type split_stem
  starter show --manifest-key music/5c79...be8e/e231...c7dc/split_stem/manifest.json

Reads the manifest from the object store, and needs no Temporal. The links work without credentials,
for whoever has them, until they expire; --links=false leaves them out of what others may read, like
a log.

--json prints the manifest, in which each stem has a "url", and "linksExpireAt"; with --links=false as it is stored.`,
	flags: func(p *cli, set *flag.FlagSet) func(context.Context, []string) error {
		o := &showOptions{}
		o.declare(set)
		set.BoolVar(
			&o.links,
			"links",
			true,
			"give links with which anybody can get the stems, for a while; --links=false gives none",
		)
		o.lifetime.declare(set)
		set.BoolVar(&o.json, "json", false, "print JSON only")
		return func(ctx context.Context, _ []string) error { return p.show(ctx, *o) }
	},
}

// showOptions are the flags of show.
type showOptions struct {
	manifestOptions
	links, json bool
	lifetime    linkLifetime
}

func (p *cli) show(ctx context.Context, o showOptions) error {
	if !o.links && o.lifetime != 0 {
		return usageError("show", "--link-lifetime goes without --links=false")
	}
	lifetime, err := o.lifetime.orDefault("show")
	if err != nil {
		return err
	}
	found, err := p.readManifest(ctx, "show", o.manifestOptions)
	if err != nil {
		return err
	}
	var links []string
	var until time.Time
	if o.links {
		if links, until, err = found.links(ctx, lifetime); err != nil {
			return err
		}
	}
	switch {
	case !o.json:
		p.printManifest(found.manifest)
		p.printLinks(found.manifest.Stems, links, until)
	case o.links:
		p.printJSON(withLinks(found.manifest, links, until))
	default:
		var indented bytes.Buffer
		if err := json.Indent(&indented, found.text, "", "  "); err != nil {
			return notAManifest(err)
		}
		fmt.Fprintln(p.stdout, indented.String())
	}
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

func (p *cli) printManifest(m stemflow.Manifest) {
	in := stemflow.SeparateStemsInput{
		TaskID:   m.Source.TaskID,
		AudioID:  m.Source.AudioID,
		Type:     m.Type,
		StemName: m.Source.StemName,
	}
	fmt.Fprintf(p.stdout, "%s, archived %s\n", title(in), dateTime(m.ArchivedAt))
	p.printArchive(&m.SeparateStemsResult)
}

// printLinks prints the links, where there are any. They are too long for the table.
func (p *cli) printLinks(stems []stemflow.Stem, links []string, until time.Time) {
	if len(links) == 0 {
		return
	}
	fmt.Fprintf(p.stdout, "\nLinks, for whoever has them, until %s\n\n", dateTime(until))
	for i, link := range links {
		fmt.Fprintf(p.stdout, "  %-15s %s\n", printable(stems[i].Name), link)
	}
}
