package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"strings"
	"time"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/internal/listen"
)

// defaultListenFile is in the working directory.
const defaultListenFile = "listen.html"

var listenCommand = command{
	name:    "listen",
	summary: "make a page that plays the archived stems of a track together in a browser",
	about: `
  starter listen --task-id 5c79...be8e --audio-id e231...c7dc --type split_stem
  starter listen --task-id 5c79...be8e --audio-id e231...c7dc --type split_stem --publish

The page is one file, ` + defaultListenFile + ` unless --out names another. It gets the stems by links that work without credentials, for whoever has
the page, until they expire; the same command makes a new one then.

--publish puts the page beside the manifest, in place of a file unless --out names one, and prints a
link to it that works as long. Anyone who can read the bucket can use the links in it, too.`,
	flags: func(p *cli, set *flag.FlagSet) func(context.Context, []string) error {
		o := &listenOptions{}
		o.declare(set)
		set.StringVar(
			&o.out,
			"out",
			"",
			"`FILE` to write the page to, - for standard output (default: "+defaultListenFile+" unless it is published)",
		)
		set.BoolVar(&o.publish, "publish", false, "put the page beside the manifest and print a link to it")
		o.lifetime.declare(set)
		set.BoolVar(&o.json, "json", false, "print JSON only")
		return func(ctx context.Context, args []string) error { return p.listen(ctx, *o, args) }
	},
}

// listenOptions are the flags of listen.
type listenOptions struct {
	manifestOptions
	out           string
	publish, json bool
	lifetime      linkLifetime
}

// listenPage is what --json prints of a page.
type listenPage struct {
	File string `json:"file,omitempty"`
	// Object and URL are those of the published page.
	Object        *stemflow.ObjectRef `json:"object,omitempty"`
	URL           string              `json:"url,omitempty"`
	LinksExpireAt time.Time           `json:"linksExpireAt"`
}

func (p *cli) listen(ctx context.Context, o listenOptions, args []string) error {
	if o.out == "-" && (o.json || o.publish) {
		return usageError("listen", "--out - prints the page alone: it goes without --publish and --json")
	}
	lifetime, err := o.lifetime.orDefault("listen")
	if err != nil {
		return err
	}
	found, err := p.readManifest(ctx, "listen", o.manifestOptions)
	if err != nil {
		return err
	}
	links, until, err := found.links(ctx, lifetime)
	if err != nil {
		return err
	}
	var page bytes.Buffer
	err = listen.Write(
		&page,
		listen.Page{Manifest: found.manifest, Links: links, Until: until, Renew: commandLine("listen", args)},
	)
	if err != nil {
		return err
	}
	made := listenPage{LinksExpireAt: until}
	if o.publish {
		if made.Object, made.URL, err = found.publish(ctx, page.Bytes(), lifetime); err != nil {
			return err
		}
	} else if o.out == "" {
		o.out = defaultListenFile
	}
	switch o.out {
	case "":
	case "-":
		_, _ = p.stdout.Write(page.Bytes()) // a closed stdout wants no page
		return nil
	default:
		if err := writePrivate(o.out, page.Bytes()); err != nil { // its links are secrets
			return usageError("listen", "the page cannot be written: "+err.Error())
		}
		made.File = o.out
	}
	if o.json {
		p.printJSON(made)
	} else {
		p.printListenPage(made)
	}
	return nil
}

func (p *cli) printListenPage(made listenPage) {
	if made.File != "" {
		fmt.Fprintf(p.stdout, "Wrote %s: open it in a browser.\n", made.File)
	}
	if made.Object != nil {
		fmt.Fprintf(
			p.stdout,
			"Put it in bucket %s as %s: open it in a browser with this link.\n\n  %s\n\n",
			made.Object.Bucket,
			made.Object.Key,
			made.URL,
		)
	}
	fmt.Fprintf(
		p.stdout,
		"Its links work until %s, for whoever has it; then the same command makes a new page.\n",
		dateTime(made.LinksExpireAt),
	)
}

// commandLine is a command as one types it.
func commandLine(command string, args []string) string {
	words := []string{"starter", command}
	for _, arg := range args {
		words = append(words, quote(arg))
	}
	return strings.Join(words, " ")
}

// publish puts a page beside the manifest and returns a link to it.
func (a *archived) publish(
	ctx context.Context,
	page []byte,
	lifetime time.Duration,
) (*stemflow.ObjectRef, string, error) {
	at := &stemflow.ObjectRef{Bucket: a.location.Bucket, Key: archive.ListenKey(a.location)}
	_, err := a.store.Put(ctx, at.Bucket, at.Key, "text/html; charset=utf-8", bytes.NewReader(page), int64(len(page)))
	if err != nil {
		return nil, "", archiveFailure(err)
	}
	link, err := a.store.Presign(ctx, at.Bucket, at.Key, lifetime)
	if err != nil {
		return nil, "", archiveFailure(err)
	}
	return at, link, nil
}
