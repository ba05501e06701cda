package main

import (
	"context"
	"flag"
	"fmt"
	"time"

	"stemflow"
	"stemflow/internal/archive"
)

const defaultLinkLifetime = time.Hour

// linkLifetime is the flag that says how long links work; 0 if it is not given.
type linkLifetime stemflow.Duration

func (l *linkLifetime) declare(set *flag.FlagSet) {
	set.Var(
		(*durationFlag)(l),
		"link-lifetime",
		fmt.Sprintf("`DURATION` for which the links work, at most %v (default %v)",
			stemflow.Duration(archive.MaxLinkLifetime), stemflow.Duration(defaultLinkLifetime)),
	)
}

// orDefault is the lifetime, which S3 counts in seconds.
func (l linkLifetime) orDefault(command string) (time.Duration, error) {
	switch lifetime := time.Duration(l); {
	case lifetime == 0:
		return defaultLinkLifetime, nil
	case lifetime < time.Second || lifetime > archive.MaxLinkLifetime:
		return 0, usageError(command, fmt.Sprintf("--link-lifetime is from 1s to %v, not %v",
			stemflow.Duration(archive.MaxLinkLifetime), stemflow.Duration(lifetime)))
	default:
		return lifetime.Truncate(time.Second), nil
	}
}

// links are those of the manifest's stems, in their order, and the time until which they work. They
// lead into the bucket that the manifest is in, whatever it says, so that no manifest makes the
// starter give away what is elsewhere.
func (a *archived) links(ctx context.Context, lifetime time.Duration) (links []string, until time.Time, err error) {
	until = time.Now().Add(lifetime).Truncate(time.Second)
	for _, stem := range a.manifest.Stems {
		link, err := a.store.Presign(ctx, a.location.Bucket, stem.Key, lifetime)
		if err != nil {
			return nil, time.Time{}, archiveFailure(err)
		}
		links = append(links, link)
	}
	return links, until, nil
}
