package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"stemflow/starter/internal/archived"
	"stemflow/starter/internal/view"
)

func init() { register(groupArchive, newListCommand) }

func newListCommand(c *cli) *cobra.Command {
	cmd := c.newCommand("list", "list the tracks that are archived", `
Lists every track that has a manifest below the prefix, whose own prefix may be longer. --prefix /
lists the whole bucket.

The list comes from the names of the objects alone, which takes a second for a thousand tracks.
--long reads each manifest, too: then stems are what it names, and the title, the id of the
separation, the duration and missing stems are listed.

On a terminal, long ids are clipped; elsewhere, and in JSON, they are whole. -o jsonl prints each
track on a line.`,
		"list",
		"list --prefix music/2026 --long",
		"list --prefix / -o jsonl")
	o := &listOptions{}
	cmd.Flags().StringVar(&o.bucket, "bucket", "", "`BUCKET` of the archive (default: STEMFLOW_BUCKET)")
	cmd.Flags().StringVar(&o.prefix, "prefix", "", "`PREFIX` to look below (default: STEMFLOW_PREFIX)")
	cmd.Flags().BoolVar(&o.long, "long", false, "read the manifests, too")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return c.list(cmd.Context(), *o) }
	return cmd
}

// listOptions are the flags of list.
type listOptions struct {
	bucket, prefix string
	long           bool
}

// listedTracks is what --json prints of what is archived.
type listedTracks struct {
	Tracks []archived.Found `json:"tracks"`
}

func (c *cli) list(ctx context.Context, o listOptions) error {
	store, cfg, err := c.openStore()
	if err != nil {
		return err
	}
	bucket, prefix := cmp.Or(o.bucket, cfg.Bucket), cmp.Or(o.prefix, cfg.Prefix)
	found, err := archived.FindTracks(ctx, store, bucket, prefix)
	if err != nil {
		return err
	}
	unread := 0
	if o.long {
		if unread, err = archived.ReadManifests(ctx, store, found); err != nil {
			return err
		}
	}
	switch {
	case c.global.format == formatJSONL:
		for _, track := range found {
			c.printJSON(track)
		}
	case c.wantsJSON():
		if found == nil {
			found = []archived.Found{}
		}
		c.printJSON(listedTracks{found})
	default:
		c.printTracks(found, o.long)
	}
	if unread > 0 {
		fmt.Fprintf(c.progress(),
			"Manifests that cannot be read: %d. Their tracks are listed by their objects.\n", unread)
	}
	return nil
}

func (c *cli) printTracks(found []archived.Found, long bool) {
	headings := []view.Heading{
		{Text: "prefix"}, {Text: "task id"}, {Text: "audio id"}, {Text: "type"}, {Text: "stems", IsFigure: true},
		{Text: "size", IsFigure: true}, {Text: "archived", IsFigure: true},
	}
	if long {
		headings = append(headings, view.Heading{Text: "title"})
		headings = append(headings, view.Heading{Text: "duration", IsFigure: true}, view.Heading{Text: "separation"},
			view.Heading{Text: "missing"})
	}
	var rows [][]string
	var bytes int64
	for _, track := range found {
		kind := string(track.Type)
		if track.StemName != "" {
			kind += " (" + track.StemName + ")"
		}
		row := []string{
			cmp.Or(track.Prefix, "-"), track.TaskID, track.AudioID, kind, fmt.Sprint(track.Stems),
			view.Bytes(track.Size), view.DateTime(track.ArchivedAt),
		}
		if long {
			row = append(row, cmp.Or(view.Printable(track.Title), "-"))
			row = append(row, view.PlayingTime(track.DurationSeconds), cmp.Or(track.SeparationTaskID, "-"),
				cmp.Or(strings.Join(track.Missing, ","), "-"))
		}
		rows = append(rows, row)
		bytes += track.Size
	}
	if len(rows) > 0 {
		view.Table(c.forPeople(), headings, rows, c.room(view.Whole))
		c.printf("\n")
	}
	c.printf("%s, %s\n", view.Plural(len(found), "track"), view.Bytes(bytes))
}
