package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/internal/config"
)

var showCommand = command{
	name:    "show",
	summary: "show what is archived of a track",
	about: `
  starter show --task-id 5c79...be8e --audio-id e231...c7dc --type split_stem
  starter show --manifest-key music/5c79...be8e/e231...c7dc/split_stem/manifest.json

Reads the manifest from the object store, and needs no Temporal. --json prints the manifest as it is stored.`,
	flags: func(p *program, set *flag.FlagSet) func(context.Context, []string) error {
		o := &showOptions{}
		trackFlags(set, &o.in)
		archiveFlags(set, &o.in, "STEMFLOW_BUCKET and STEMFLOW_PREFIX")
		set.StringVar(&o.manifestKey, "manifest-key", "", "`KEY` of a manifest, in place of a track")
		set.BoolVar(&o.json, "json", false, "print JSON only")
		return func(ctx context.Context, _ []string) error { return p.show(ctx, *o) }
	},
}

// showOptions are the flags of show.
type showOptions struct {
	in          stemflow.SeparateStemsInput
	manifestKey string
	json        bool
}

func (p *program) show(ctx context.Context, o showOptions) error {
	if o.manifestKey == "" {
		if err := checkInput(o.in); err != nil {
			return err
		}
	} else if o.in.TaskID+o.in.AudioID+o.in.StemName+o.in.Prefix != "" || o.in.Type != "" {
		return usageError("show", "--manifest-key goes without --prefix and the flags of a track")
	}
	cfg, cfgErr := p.config()
	minIO, minIOErr := p.minIO()
	if err := errors.Join(cfgErr, minIOErr); err != nil {
		return configurationError(err)
	}
	store, err := archive.New(archive.Options{
		Endpoint: minIO.Endpoint, AccessKey: minIO.AccessKey, SecretKey: minIO.SecretKey.Reveal(),
		Region: minIO.Region, Secure: minIO.Secure, RootCAs: minIO.RootCAs,
	})
	if err != nil {
		return configurationError(err)
	}

	text, err := readManifest(ctx, store, o, cfg)
	if err != nil {
		return err
	}
	if o.json {
		var indented bytes.Buffer
		if err := json.Indent(&indented, text, "", "  "); err != nil {
			return notAManifest(err)
		}
		fmt.Fprintln(p.stdout, indented.String())
		return nil
	}
	var manifest stemflow.Manifest
	if err := json.Unmarshal(text, &manifest); err != nil {
		return notAManifest(err)
	}
	p.printManifest(manifest)
	return nil
}

func (p *program) printManifest(m stemflow.Manifest) {
	in := stemflow.SeparateStemsInput{TaskID: m.Source.TaskID, AudioID: m.Source.AudioID, Type: m.Type, StemName: m.Source.StemName}
	fmt.Fprintf(p.stdout, "%s, archived %s\n", title(in), m.ArchivedAt.Local().Format("2006-01-02 15:04:05"))
	p.printArchive(&m.SeparateStemsResult)
}

// readManifest is a manifest's text. The error is a *failure.
func readManifest(ctx context.Context, store *archive.Store, o showOptions, cfg config.Starter) (json.RawMessage, error) {
	bucket, prefix := o.in.Bucket, o.in.Prefix
	if bucket == "" {
		bucket = cfg.Bucket
	}
	if prefix == "" {
		prefix = cfg.Prefix
	}
	key := o.manifestKey
	location := archive.Locate(bucket, prefix, track(o.in))
	if key == "" {
		key = archive.ManifestKey(location)
	}
	var text json.RawMessage
	_, err := store.ReadJSON(ctx, bucket, key, &text)
	switch {
	case err == nil:
		return text, nil
	case errors.Is(err, archive.ErrCorrupt):
		return nil, notAManifest(err)
	case !errors.Is(err, archive.ErrNotFound):
		return nil, &failure{Type: stemflow.ErrorArchiveUnavailable, Message: err.Error(), code: exitFailed}
	}
	f := &failure{Type: failureNotArchived, Message: fmt.Sprintf("there is no %s in bucket %s", key, bucket), code: exitFailed,
		hint: "Check bucket and prefix; \"starter start\" separates the track."}
	if o.manifestKey == "" {
		f.addSubmission(ctx, store, location)
	}
	return nil, f
}

// addSubmission tells that something is paid for, though no manifest is there yet.
func (f *failure) addSubmission(ctx context.Context, store *archive.Store, location stemflow.Location) {
	var paid stemflow.Submission
	_, err := store.ReadJSON(ctx, location.Bucket, archive.SubmissionKey(location), &paid)
	if err != nil || paid.SeparationTaskID == "" {
		return
	}
	f.Details = &stemflow.ErrorDetails{SeparationTaskID: paid.SeparationTaskID}
	f.hint = "The separation is paid for and not archived yet: \"starter watch\" shows it while it runs, " +
		"and starting the track again takes it up."
}

func notAManifest(err error) error {
	return &failure{Type: failureNotArchived, Message: "what is stored there is no manifest: " + err.Error(), code: exitFailed,
		hint: "Starting the track again writes it anew, and pays nothing if the ledger knows of a payment."}
}
