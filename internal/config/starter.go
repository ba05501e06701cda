package config

import "stemflow/internal/allowed"

// Starter is what the starter needs to start and watch a separation. To show an archive it needs
// [LoadMinIO] too.
type Starter struct {
	TaskQueue string
	// Bucket and Prefix are where the workers archive by default.
	Bucket, Prefix string
	// Allowed is where inputs may lead: what else the workers may archive to.
	Allowed allowed.Places
	// LedgerBucket and LedgerPrefix are where the workers keep the ledgers.
	LedgerBucket, LedgerPrefix string
	// NoColor asks for plain text on a terminal, by the convention of https://no-color.org.
	NoColor bool
	// DumbTerminal says that the terminal cannot draw: it shows lines one after the other.
	DumbTerminal bool
}

// LoadStarter reads what the starter needs. The error is an [*Error].
func LoadStarter(lookup Lookup) (Starter, error) {
	v := &variables{lookup: lookup}
	s := Starter{
		TaskQueue: v.taskQueue(),
		Bucket:    v.bucket(),
		Prefix:    v.prefix(),
		NoColor:   v.text("NO_COLOR", "") != "",

		DumbTerminal: v.text("TERM", "") == "dumb",
	}
	s.Allowed = v.allowedPlaces(s.Bucket, s.Prefix)
	s.LedgerBucket, s.LedgerPrefix = v.ledgerBucket(s.Bucket), v.ledgerPrefix()
	return s, v.err()
}
