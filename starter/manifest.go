package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"path"
	"strings"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/internal/config"
)

// manifestOptions are the flags that name a manifest in the archive.
type manifestOptions struct {
	in          stemflow.SeparateStemsInput
	manifestKey string
}

func (o *manifestOptions) declare(set *flag.FlagSet) {
	trackFlags(set, &o.in)
	archiveFlags(set, &o.in, "STEMFLOW_BUCKET and STEMFLOW_PREFIX")
	set.StringVar(&o.manifestKey, "manifest-key", "", "`KEY` of a manifest, in place of a track")
}

// archived is a manifest, as it was found and as it reads, the folder that it is in, and that of
// the track's ledger.
type archived struct {
	store    *archive.Store
	location activityapi.Location
	ledger   activityapi.Location
	text     json.RawMessage
	manifest stemflow.Manifest
}

// readManifest reads the manifest that the flags of a command name.
func (p *cli) readManifest(ctx context.Context, command string, o manifestOptions) (*archived, error) {
	if o.manifestKey == "" {
		if err := checkInput(o.in); err != nil {
			return nil, err
		}
	} else if o.in.TaskID+o.in.AudioID+o.in.StemName+o.in.Prefix != "" || o.in.Type != "" {
		return nil, usageError(command, "--manifest-key goes without --prefix and the flags of a track")
	}
	cfg, cfgErr := p.config()
	store, storeErr := p.store()
	if err := errors.Join(cfgErr, storeErr); err != nil {
		return nil, configurationError(err)
	}
	a := &archived{
		store:    store,
		location: o.location(cfg),
		ledger:   archive.Locate(cfg.LedgerBucket, cfg.LedgerPrefix, o.in.Track()),
	}
	if err := a.read(ctx, o); err != nil {
		return nil, err
	}
	return a, nil
}

// store is the object store that the environment names.
func (p *cli) store() (*archive.Store, error) {
	minIO, err := p.minIO()
	if err != nil {
		return nil, err
	}
	return archive.New(archive.OptionsOf(minIO))
}

// location is the folder of the manifest.
func (o manifestOptions) location(cfg config.Starter) activityapi.Location {
	bucket, prefix := o.in.Bucket, o.in.Prefix
	if bucket == "" {
		bucket = cfg.Bucket
	}
	if prefix == "" {
		prefix = cfg.Prefix
	}
	if o.manifestKey != "" {
		return activityapi.Location{Bucket: bucket, Dir: strings.TrimSuffix(o.manifestKey, path.Base(o.manifestKey))}
	}
	return archive.Locate(bucket, prefix, o.in.Track())
}

// read reads the manifest. The error is a *failure.
func (a *archived) read(ctx context.Context, o manifestOptions) error {
	bucket, key := a.location.Bucket, o.manifestKey
	if key == "" {
		key = archive.ManifestKey(a.location)
	}
	_, err := a.store.ReadJSON(ctx, bucket, key, &a.text)
	switch {
	case errors.Is(err, archive.ErrCorrupt):
		return notAManifest(err)
	case errors.Is(err, archive.ErrNotFound):
		f := &failure{
			Type:    failureNotArchived,
			Message: fmt.Sprintf("there is no %s in bucket %s", key, bucket),
			code:    exitFailed,
			hint:    "Check bucket and prefix; \"starter start\" separates the track.",
		}
		if o.manifestKey == "" {
			f.addSubmission(ctx, a.store, a.location, a.ledger)
		}
		return f
	case err != nil:
		return archiveFailure(err)
	}
	if err := json.Unmarshal(a.text, &a.manifest); err != nil {
		return notAManifest(err)
	}
	return nil
}

// addSubmission adds that something is paid for, though no manifest is there yet.
func (f *failure) addSubmission(ctx context.Context, store *archive.Store, places ...activityapi.Location) {
	var paid stemflow.Submission
	for _, at := range places {
		_, err := store.ReadJSON(ctx, at.Bucket, archive.SubmissionKey(at), &paid)
		if err == nil && paid.SeparationTaskID != "" {
			break
		}
	}
	if paid.SeparationTaskID == "" {
		return
	}
	f.Details = &stemflow.ErrorDetails{SeparationTaskID: paid.SeparationTaskID}
	f.hint = "The separation is paid for and not archived yet: \"starter watch\" shows it while it runs, " +
		"and starting the track again takes it up."
}

func notAManifest(err error) error {
	return &failure{
		Type:    failureNotArchived,
		Message: "what is stored there is no manifest: " + err.Error(),
		code:    exitFailed,
		hint:    "Starting the track again writes it anew, and pays nothing if the ledger knows of a payment.",
	}
}

func archiveFailure(err error) error {
	return &failure{Type: stemflow.ErrorArchiveUnavailable, Message: err.Error(), code: exitFailed}
}
