package main

import (
	"bytes"
	"cmp"
	"context"
	"time"

	"github.com/spf13/cobra"

	"stemflow"
	"stemflow/internal/listen"
	"stemflow/starter/internal/archived"
	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/view"
)

func init() { register(groupArchive, newListenCommand) }

// defaultListenFile is in the working directory.
const defaultListenFile = "listen.html"

func newListenCommand(c *cli) *cobra.Command {
	cmd := c.newCommand("listen", "make a page that plays the archived stems of a track together in a browser", `
The page is one file, `+defaultListenFile+` unless --out names another. It gets the stems by links
that work without credentials, for anyone who has the page, until they expire; the same command makes a
new one then.

--publish puts the page beside the manifest, in place of a file unless --out names one, and prints a
link to it that works as long. Anyone who can read the bucket can use the links in it, too. Each
published page has a name of its own that cannot be guessed; earlier ones expire as they would have.`,
		"listen 5c79...be8e e231...c7dc split_stem",
		"listen 5c79...be8e e231...c7dc split_stem --publish")
	o := &listenOptions{}
	c.placeFlags(cmd, &o.Place)
	cmd.Flags().StringVar(&o.out, "out", "",
		"`FILE` to write the page to, - for standard output (default: "+defaultListenFile+" unless it is published)")
	cmd.Flags().BoolVar(&o.publish, "publish", false, "put the page beside the manifest and print a link to it")
	declareTitle(cmd, &o.title)
	o.linkLifetime.declare(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if o.out == "-" && (c.wantsJSON() || o.publish) {
			return failure.Usage(nameOf(cmd), "--out - prints the page alone: it goes without --publish and --json")
		}
		lifetime, err := o.orDefault(cmd)
		if err == nil {
			err = checkPlace(cmd, o.Place)
		}
		if err != nil {
			return err
		}
		return c.listen(cmd.Context(), *o, lifetime)
	}
	return cmd
}

// listenOptions are the flags of listen.
type listenOptions struct {
	archived.Place
	linkLifetime
	out     string
	title   string
	publish bool
}

func declareTitle(cmd *cobra.Command, title *string) {
	cmd.Flags().StringVar(title, "title", "", "`TEXT` to call the track on the page and in the names of what is "+
		"saved from it (default: its type and audio id)")
}

// listenPage is what --json prints of a page.
type listenPage struct {
	File string `json:"file,omitempty"`
	// Object and URL are those of the published page.
	Object        *stemflow.ObjectRef `json:"object,omitempty"`
	URL           string              `json:"url,omitempty"`
	LinksExpireAt time.Time           `json:"linksExpireAt"`
}

func (c *cli) listen(ctx context.Context, o listenOptions, lifetime time.Duration) error {
	track, page, until, err := c.trackPage(ctx, o.Place, o.title, lifetime)
	if err != nil {
		return err
	}
	made := listenPage{LinksExpireAt: until}
	if o.publish {
		if made.Object, made.URL, err = track.Publish(ctx, page, lifetime); err != nil {
			return err
		}
	} else if o.out == "" {
		o.out = defaultListenFile
	}
	switch o.out {
	case "":
	case "-":
		_, _ = c.stdout.Write(page) // resultWriter keeps the error
		return nil
	default:
		if err := writePage(o.out, page); err != nil {
			return err
		}
		made.File = o.out
	}
	if c.wantsJSON() {
		c.printJSON(made)
	} else {
		c.printListenPage(made)
	}
	return nil
}

// trackPage reads an archived track and makes the page that plays it. Its links work until a time.
func (c *cli) trackPage(
	ctx context.Context, place archived.Place, title string, lifetime time.Duration,
) (track *archived.Track, page []byte, until time.Time, err error) {
	store, cfg, err := c.openStore()
	if err != nil {
		return nil, nil, until, err
	}
	track, err = archived.Read(ctx, store, cfg, place)
	if err != nil {
		return nil, nil, until, err
	}
	title = cmp.Or(title, track.Manifest.Source.Title())
	c.warnOfLinks()
	links, until, err := track.DownloadLinks(ctx, listen.FileNames(title, track.Manifest), lifetime)
	if err != nil {
		return nil, nil, until, err
	}
	var text bytes.Buffer
	err = listen.Write(&text, listen.Page{
		Title: title, Manifest: track.Manifest, Peaks: track.Peaks(ctx),
		Links: links, Until: until, Renew: c.sharedCommandLine(),
	})
	return track, text.Bytes(), until, err
}

func writePage(file string, page []byte) error {
	if err := writePrivate(file, page); err != nil { // its links are secrets
		return &failure.Failure{
			Type: failure.TypeFile, Message: "the page cannot be written: " + err.Error(), Code: failure.ExitFailed,
			Hint: "--out names another file.",
		}
	}
	return nil
}

func (c *cli) printListenPage(made listenPage) {
	if made.File != "" {
		c.printf("Wrote %s: open it in a browser.\n", made.File)
	}
	if made.Object != nil {
		c.printf(
			"Put it in bucket %s as %s: open it in a browser with this link.\n\n  %s\n\n",
			made.Object.Bucket,
			made.Object.Key,
			made.URL,
		)
	}
	c.printf(
		"Its links work until %s, for anyone who has it; then the same command makes a new page.\n",
		view.DateTime(made.LinksExpireAt),
	)
}

// sharedCommandLine is the command line as one types it, for those who have the page.
func (c *cli) sharedCommandLine() string {
	line := c.invoked.shared
	for _, arg := range c.args {
		line += " " + view.Quote(arg)
	}
	return line
}
