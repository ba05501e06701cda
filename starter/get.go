package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"stemflow"
	"stemflow/internal/listen"
	"stemflow/starter/internal/archived"
	"stemflow/starter/internal/download"
	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/session"
	"stemflow/starter/internal/view"
)

func init() { register(groupArchive, newGetCommand) }

func newGetCommand(c *cli) *cobra.Command {
	cmd := c.newCommand("get", "download the archived stems of a track", `
Every file is verified against the manifest's SHA-256 before it is put in place. A file that is there
already and right is kept, a file that is there under the same name and differs is replaced. An
interrupted download leaves parts, and the same command goes on with them.

--name names the files, with the fields {name}, {taskId}, {audioId}, {title}, {type}, {ext} and
{index}, which is the stem's place in the manifest; a slash makes a folder. What some system does not
take in a name becomes an underscore.

--zip makes one file of them, stored and not compressed. While it is made it needs the space twice.

--format makes one file of them to go on with elsewhere. zip has the stems and their MIDI under names
that people give them, the manifest, and session.json, which says what they are. dawproject is a project
that audio workstations open: a coloured track for each stem and each instrument that was heard, all at
zero, and the tempo where it is known. --archive puts it beside the manifest, and in a file only if
--out names one.

--page puts a page beside the files that plays them together in a browser. The stems are in it, so it
needs no links and no network, and works for ever.

--json prints the files and their checksums, -o jsonl each on a line.`,
		"get 5c79...be8e e231...c7dc split_stem",
		"get 5c79...be8e e231...c7dc split_stem --out song --stems drums,bass",
		"get 5c79...be8e e231...c7dc split_stem --out song --page",
		"get 5c79...be8e e231...c7dc split_stem --out song.zip --zip --name {index}-{name}.{ext}",
		"get 5c79...be8e e231...c7dc split_stem --format dawproject")
	o := &getOptions{}
	c.placeFlags(cmd, &o.Place)
	set := cmd.Flags()
	set.StringVar(&o.out, "out", "",
		"`DIR` to put the files in (default: one named after the track); with --zip or --format, also the file itself")
	set.StringSliceVar(&o.stems, "stems", nil, "`NAMES` of the stems to get, with commas between them (default: all)")
	set.BoolVar(&o.midi, "midi", false, "get the MIDI, too: the notes as .mid and as .json")
	set.BoolVar(&o.zip, "zip", false, "make one zip file")
	set.Var((*formatFlag)(&o.format), "format",
		"make one file of the stems, their MIDI and what is known of them: `FORMAT` is "+
			strings.Join(session.Formats(), " or "))
	set.BoolVar(&o.archive, "archive", false, "with --format, put the file beside the manifest")
	set.BoolVar(&o.page, "page", false, "put "+defaultListenFile+" beside the files, with the stems in it")
	set.StringVar(&o.name, "name", download.DefaultTemplate, "`TEMPLATE` of the files' names")
	complete(cmd, "stems", knownStems()...)
	complete(cmd, "format", session.Formats()...)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		template, err := download.ParseTemplate(o.name)
		if err != nil {
			return failure.Usage(nameOf(cmd), "--name: %v", err)
		}
		if err := o.check(cmd); err != nil {
			return err
		}
		if err := checkPlace(cmd, o.Place); err != nil {
			return err
		}
		return c.get(cmd.Context(), *o, template)
	}
	return cmd
}

// getOptions are the flags of get.
type getOptions struct {
	archived.Place
	out, name       string
	stems           []string
	zip, page, midi bool
	// format is empty unless the stems are to be a session, and archive says that it is archived.
	format  session.Format
	archive bool
}

// check refuses flags that do not go together.
func (o getOptions) check(cmd *cobra.Command) error {
	wrong := func(text string) error { return failure.Usage(nameOf(cmd), "%s", text) }
	switch {
	case o.page && o.zip:
		return wrong("--page goes with files, not with --zip")
	case o.format == "" && o.archive:
		return wrong("--archive is of a session: name its --format")
	case o.format == "":
		return nil
	case o.page, o.zip:
		return wrong("--format makes a file of its own: leave out --zip and --page")
	case cmd.Flags().Changed("name"):
		return wrong("--format names the files by itself: leave out --name")
	case o.isNamedAsAnother():
		return wrong("--out names a file of another format: give it the ending ." + string(o.format))
	case o.archive && len(o.stems) > 0:
		return wrong("--archive puts a session of all stems beside them: leave out --stems")
	}
	return nil
}

// isNamedAsAnother reports whether --out has the ending of another format of sessions.
func (o getOptions) isNamedAsAnother() bool {
	ext := strings.ToLower(strings.TrimPrefix(filepath.Ext(o.out), "."))
	return ext != string(o.format) && slices.Contains(session.Formats(), ext)
}

// knownStems are names of stems that the shell offers.
func knownStems() []string {
	return append(stemflow.ExpectedStems(stemflow.SplitStem, ""), "instrumental")
}

// gotFiles is what --json prints of a download.
type gotFiles struct {
	Dir string `json:"dir,omitempty"`
	// Zip is the file that has the others in it.
	Zip string `json:"zip,omitempty"`
	// Session is the file of --format, and Object that of --archive.
	Session string              `json:"session,omitempty"`
	Object  *stemflow.ObjectRef `json:"object,omitempty"`
	// Page is the file of --page.
	Page  string            `json:"page,omitempty"`
	Files []download.Result `json:"files"`
}

func (c *cli) get(ctx context.Context, o getOptions, template download.Template) error {
	if o.format != "" {
		return c.getSession(ctx, o)
	}
	got, m, err := c.download(ctx, o, template)
	if err != nil {
		return err
	}
	c.printGot(got, m)
	return nil
}

func (c *cli) download(
	ctx context.Context, o getOptions, template download.Template,
) (got gotFiles, m stemflow.Manifest, err error) {
	store, cfg, err := c.openStore()
	if err != nil {
		return got, m, err
	}
	track, err := archived.Read(ctx, store, cfg, o.Place)
	if err != nil {
		return got, m, err
	}
	m = track.Manifest
	wanted, err := download.Select(m, o.stems)
	if err != nil {
		return got, m, failure.Usage("get", "%v", err)
	}
	if o.page {
		if err := fitsOnePage(wanted); err != nil {
			return got, m, err
		}
	}
	stems := len(wanted)
	if o.midi {
		notes := download.SelectMIDI(m, o.stems)
		if len(notes) == 0 {
			return got, m, noMIDI()
		}
		wanted = append(slices.Clone(wanted), notes...)
	}
	files, err := template.Names(m, wanted)
	if err != nil {
		return got, m, failure.Usage("get", "--name: %v", err)
	}
	if o.page && slices.ContainsFunc(files, isPage) {
		return got, m, failure.Usage("get", "--name: %s is the page of --page: give the files other names",
			defaultListenFile)
	}
	got = gotFiles{Dir: cmp.Or(o.out, download.FolderName(m))}
	if o.zip {
		got.Dir, got.Zip = filePlace(o.out, download.FolderName(m)+".zip")
	}
	if err := os.MkdirAll(got.Dir, 0o755); err != nil {
		return got, m, cannotWrite(err)
	}
	folder, err := os.OpenRoot(got.Dir)
	if err != nil {
		return got, m, cannotWrite(err)
	}
	defer folder.Close()
	progress, hide := c.downloadProgress(files)
	d := download.Downloader{Source: store, Bucket: track.Bucket(), Folder: folder, Progress: progress}
	if o.zip {
		got.Files, err = d.Zip(ctx, got.Zip, files, m.ArchivedAt)
	} else {
		got.Files, err = d.All(ctx, files)
	}
	hide()
	if err != nil {
		return got, m, notGot(ctx, err, len(got.Files), len(files))
	}
	if o.page {
		got.Page = defaultListenFile
		if err := writePageOf(folder, got.Page, m, files[:stems]); err != nil {
			return got, m, cannotWrite(err)
		}
	}
	return got, m, nil
}

// isPage reports whether a file would be where the page is put, on systems that do not tell letters
// of either case apart, too.
func isPage(file download.File) bool { return strings.EqualFold(file.Name, defaultListenFile) }

func noMIDI() error {
	return &failure.Failure{
		Type: failure.TypeNotArchived, Code: failure.ExitFailed,
		Message: "there is no MIDI of it in the archive",
		Hint:    `"` + failure.Command + ` midi" makes it, which costs nothing.`,
	}
}

// pageBytes is what browsers still open.
const pageBytes = 256 << 20

// fitsOnePage refuses a page that would have too much in it.
func fitsOnePage(stems []stemflow.Stem) error {
	var bytes int64
	for _, stem := range stems {
		bytes += stem.Size
	}
	if bytes <= pageBytes {
		return nil
	}
	return failure.Usage("get",
		"--page: a page with %s in it is more than browsers open; name fewer --stems, or use listen", view.Bytes(bytes))
}

// writePageOf writes the page that plays downloaded files, with the files in it.
func writePageOf(folder *os.Root, name string, m stemflow.Manifest, files []download.File) error {
	page := listen.Page{Manifest: m}
	page.Manifest.Stems = nil
	for _, file := range files {
		content, err := folder.ReadFile(filepath.FromSlash(file.Name))
		if err != nil {
			return err
		}
		page.Manifest.Stems = append(page.Manifest.Stems, file.Stem)
		page.Links = append(page.Links, listen.Embed(content))
	}
	var text bytes.Buffer
	if err := listen.Write(&text, page); err != nil {
		return err
	}
	part := name + ".part" // a disk that is full leaves no half page
	err := folder.WriteFile(part, text.Bytes(), 0o644)
	if err == nil {
		err = folder.Rename(part, name)
	}
	if err != nil {
		_ = folder.Remove(part)
	}
	return err
}

// filePlace is the folder and the name of a file: --out names either of them. A name says what it
// is by its extension.
func filePlace(out, name string) (dir, file string) {
	if strings.EqualFold(filepath.Ext(out), filepath.Ext(name)) {
		return filepath.Dir(out), filepath.Base(out)
	}
	return cmp.Or(out, "."), name
}

// downloadProgress shows the progress of a download, unless that is switched off.
func (c *cli) downloadProgress(files []download.File) (progress download.Progress, hide func()) {
	cfg, err := c.config()
	if err != nil || !c.showsProgress() {
		return download.Silent{}, func() {}
	}
	var bytes int64
	for _, f := range files {
		bytes += f.Stem.Size
	}
	shown := view.NewDownload(c.screen(cfg), len(files), bytes)
	return shown, shown.Close
}

func cannotWrite(err error) error {
	return &failure.Failure{
		Type: failure.TypeFile, Message: "the files cannot be written: " + err.Error(), Code: failure.ExitFailed,
		Hint: "--out names another folder; what is there already is kept.",
	}
}

// notGot is the failure of a download of which some files may be there.
func notGot(ctx context.Context, err error, have, all int) error {
	there := view.Plural(have, "file") + " of " + view.Plural(all, "stem")
	if ctx.Err() != nil {
		return &failure.Failure{
			Type: failure.TypeInterrupted, Code: failure.ExitInterrupted,
			Message: "interrupted, " + there + " are in place",
			Hint:    "The same command goes on where this one stopped.",
		}
	}
	if _, damaged := errors.AsType[*download.DamageError](err); damaged {
		return &failure.Failure{
			Type: failure.TypeDamaged, Code: failure.ExitFailed, Message: err.Error() + "\n" + there + " are in place",
			Hint: `"` + failure.Command + ` verify --read-data --repair" has the workers archive it again, unpaid, ` +
				"while the provider keeps it.",
		}
	}
	if _, local := errors.AsType[*download.FileError](err); local {
		return cannotWrite(err)
	}
	f := failure.Of(failure.Archive("the download has failed: ", err))
	f.Hint = "The same command goes on where this one stopped."
	return f
}

// printGotJSON reports whether JSON is wanted, and then prints it.
func (c *cli) printGotJSON(got gotFiles) bool {
	switch {
	case c.global.format == formatJSONL:
		for _, file := range got.Files {
			c.printJSON(file)
		}
	case c.wantsJSON():
		if got.Files == nil {
			got.Files = []download.Result{}
		}
		c.printJSON(got)
	}
	return c.wantsJSON()
}

func (c *cli) printGot(got gotFiles, m stemflow.Manifest) {
	if c.printGotJSON(got) {
		return
	}
	var rows [][]string
	var bytes int64
	for _, file := range got.Files {
		rows = append(rows, []string{file.File, view.Bytes(file.Size), string(file.Status)})
		bytes += file.Size
	}
	headings := []view.Heading{{Text: "file"}, {Text: "size", IsFigure: true}, {Text: ""}}
	view.Table(c.forPeople(), headings, rows, c.room(view.Whole))
	c.printf("\n%s, %s in %s\n", view.Plural(len(got.Files), "file"), view.Bytes(bytes),
		view.Printable(filepath.Join(got.Dir, got.Zip)))
	if got.Page != "" {
		c.printf("Open %s in a browser: it plays them together\n", view.Printable(filepath.Join(got.Dir, got.Page)))
	}
	c.printLacking(m)
}

// printLacking prints which stems a partial archive lacks.
func (c *cli) printLacking(m stemflow.Manifest) {
	for _, stem := range m.Missing {
		c.printf("  missing       %s: %s\n", stem.Name, view.Printable(stem.Reason))
	}
	for _, stem := range m.Failed {
		c.printf("  not archived  %s: %s\n", stem.Name, view.Printable(stem.Message))
	}
}
