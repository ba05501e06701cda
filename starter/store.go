package main

import (
	"errors"
	"fmt"

	"stemflow/internal/archive"
	"stemflow/internal/config"
	"stemflow/starter/internal/archived"
	"stemflow/starter/internal/failure"
)

// openStore is the object store that the environment names, and what else the environment says.
func (c *cli) openStore() (*archive.Store, config.Starter, error) {
	cfg, cfgErr := c.config()
	minIO, minIOErr := c.minIO()
	if err := errors.Join(cfgErr, minIOErr); err != nil {
		return nil, cfg, failure.Configuration(err)
	}
	store, err := archived.Open(minIO)
	if err != nil {
		return nil, cfg, failure.Configuration(err)
	}
	return store, cfg, nil
}

// warnOfLinks warns, before links are made, of a key that links should not show.
func (c *cli) warnOfLinks() {
	minIO, err := c.minIO()
	if err != nil {
		return // which openStore reports
	}
	if warning := minIO.LinkWarning(); warning != "" {
		fmt.Fprintln(c.stderr, "warning: "+warning)
	}
}
