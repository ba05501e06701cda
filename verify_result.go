package stemflow

import "time"

// ArchiveCounts is how much of an archive was checked.
type ArchiveCounts struct {
	// Tracks is how many have a manifest, Stems how many stems those list, and Bytes their size.
	Tracks int   `json:"tracks"`
	Stems  int   `json:"stems"`
	Bytes  int64 `json:"bytes"`
	// Partial is how many of the tracks lack stems, as their manifests say: they had failed, or
	// were not served.
	Partial int `json:"partial,omitempty"`
	// Unproved is how many of the stems the store has no checksum of that the manifest has, too,
	// and that were not read: their size alone was compared.
	Unproved int `json:"unproved,omitempty"`
	// ReadStems and ReadBytes are what was read back and hashed.
	ReadStems int   `json:"readStems,omitempty"`
	ReadBytes int64 `json:"readBytes,omitempty"`
	// Ledgers is how many ledgers were read; UnderWay how many tracks are being paid for or
	// archived.
	Ledgers  int `json:"ledgers"`
	UnderWay int `json:"underWay,omitempty"`
	// Deleted is how many tracks a person has removed. They are no damage, and no repair brings
	// them back.
	Deleted int `json:"deleted,omitempty"`
	// Superseded is how many objects are of separations that another one of the same track has
	// taken the place of. They are no damage.
	Superseded int `json:"superseded,omitempty"`
	// Unplaced is how many paid separations have no manifest in any place that was looked at, in an
	// archive of more places than a check remembers: they may be archived in another one.
	Unplaced int `json:"unplaced,omitempty"`
	// Objects is how many objects the store listed, whatever they are.
	Objects int `json:"objects"`
	// UploadsUnchecked says that the store does not let these credentials list unfinished uploads.
	UploadsUnchecked bool `json:"uploadsUnchecked,omitempty"`
}

// FindingCount is how many findings of a kind there are.
type FindingCount struct {
	Kind  FindingKind `json:"kind"`
	Count int         `json:"count"`
}

// VerifyArchiveResult is the result of [WorkflowVerifyArchive], the answer to [QueryProgress] while
// it goes on, and the first detail of the error with which it ends otherwise.
type VerifyArchiveResult struct {
	// Bucket and Prefix are what was checked.
	Bucket string `json:"bucket"`
	Prefix string `json:"prefix,omitempty"`
	ArchiveCounts
	// Damage is how many findings are damage, Notices how many are not. What was repaired is among
	// neither.
	Damage  int `json:"damage"`
	Notices int `json:"notices,omitempty"`
	// Repaired, Lost and NotRepaired are what repairs came to. Those that are lost or not repaired
	// are among Damage.
	Repaired    int `json:"repaired,omitempty"`
	Lost        int `json:"lost,omitempty"`
	NotRepaired int `json:"notRepaired,omitempty"`
	// Kinds counts all findings, repaired or not, by their kind.
	Kinds []FindingCount `json:"kinds,omitempty"`
	// Findings are the first MaxListedFindings, and More counts the others.
	Findings  []ArchiveFinding `json:"findings"`
	More      int              `json:"more,omitempty"`
	StartedAt time.Time        `json:"startedAt,omitzero"`
	EndedAt   time.Time        `json:"endedAt,omitzero"`
}

// AddFinding counts a finding, and lists it if there is room.
func (r *VerifyArchiveResult) AddFinding(f ArchiveFinding) {
	switch {
	case f.Repair == RepairDone:
		r.Repaired++
	case f.Notice:
		r.Notices++
	default:
		r.Damage++
	}
	switch f.Repair {
	case RepairLost:
		r.Lost++
	case RepairFailed:
		r.NotRepaired++
	}
	r.count(f.Kind)
	if len(r.Findings) == MaxListedFindings {
		r.More++
		return
	}
	r.Findings = append(r.Findings, f)
}

func (r *VerifyArchiveResult) count(kind FindingKind) {
	for i := range r.Kinds {
		if r.Kinds[i].Kind == kind {
			r.Kinds[i].Count++
			return
		}
	}
	r.Kinds = append(r.Kinds, FindingCount{kind, 1})
}

// Add adds what another part of the archive counts.
func (c *ArchiveCounts) Add(other ArchiveCounts) {
	c.Tracks += other.Tracks
	c.Stems += other.Stems
	c.Bytes += other.Bytes
	c.Partial += other.Partial
	c.Unproved += other.Unproved
	c.ReadStems += other.ReadStems
	c.ReadBytes += other.ReadBytes
	c.Ledgers += other.Ledgers
	c.UnderWay += other.UnderWay
	c.Deleted += other.Deleted
	c.Superseded += other.Superseded
	c.Unplaced += other.Unplaced
	c.Objects += other.Objects
	c.UploadsUnchecked = c.UploadsUnchecked || other.UploadsUnchecked
}
