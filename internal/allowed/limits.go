package allowed

import (
	"cmp"
	"fmt"

	"stemflow"
	"stemflow/internal/bounded"
)

// Limits are what inputs may ask of a host.
type Limits struct {
	// Bucket and Prefix serve inputs that name none.
	Bucket, Prefix string
	// Places are where inputs may lead; none: to Bucket and Prefix alone.
	Places Places
}

// Destination is the bucket and the prefix that an input archives to.
func (l Limits) Destination(bucket, prefix string) (string, string) {
	return cmp.Or(bucket, l.Bucket), cmp.Or(prefix, l.Prefix)
}

const remedy = "leave it out, or let the operator add it to the workers' STEMFLOW_ALLOWED_BUCKETS"

// CheckFolder reports which field of an input leads to where it may not, or nil. What it names is a
// bucket and a prefix that an input gave, empty for the host's own.
func (l Limits) CheckFolder(bucket, prefix string) *stemflow.InputProblem {
	at, folder := l.Destination(bucket, prefix)
	switch places := l.All(); {
	case places.Folder(at, folder):
		return nil
	case bucket != "" && !places.Bucket(at):
		return problem("bucket", bucket, "is not a bucket that inputs may name: "+remedy)
	case prefix == "":
		return problem("prefix", "", "is required with this bucket, of which inputs may name folders only: give "+
			"one of those in the workers' STEMFLOW_ALLOWED_BUCKETS")
	default:
		return problem("prefix", prefix, "is not a folder that inputs may name: "+remedy)
	}
}

// CheckTrack reports whether a track may be archived to where its input says, as an
// [*stemflow.InputError], or nil.
func (l Limits) CheckTrack(in stemflow.SeparateStemsInput) error {
	wrong := &stemflow.InputError{}
	for _, p := range []*stemflow.InputProblem{l.CheckFolder(in.Bucket, in.Prefix), l.CheckSong(in)} {
		if p != nil {
			wrong.Add(*p)
		}
	}
	if len(wrong.Problems) > 0 {
		return wrong
	}
	return nil
}

// CheckSong reports an audioUrl that names an object which inputs may not name, or nil.
func (l Limits) CheckSong(in stemflow.SeparateStemsInput) *stemflow.InputProblem {
	object, ok := in.AudioObject()
	if !ok || l.All().Object(object.Bucket, object.Key) {
		return nil
	}
	return &stemflow.InputProblem{Field: "audioUrl", Message: "is an object that inputs may not name: put the song " +
		"where they may, or let the operator add its folder to the workers' STEMFLOW_ALLOWED_BUCKETS"}
}

// CheckCatalog reports whether a catalogue may read its list and archive its tracks where its input
// says, as an [*stemflow.InputError], or nil. The tracks of a list in the store are checked as they
// are read.
func (l Limits) CheckCatalog(in stemflow.SeparateCatalogInput) error {
	wrong := &stemflow.InputError{}
	if p := l.CheckFolder(in.Bucket, in.Prefix); p != nil {
		wrong.Add(*p)
	}
	if in.Source != nil {
		bucket := cmp.Or(in.Source.Bucket, in.Bucket, l.Bucket)
		switch places := l.All(); {
		case places.Object(bucket, in.Source.Key):
		case !places.Bucket(bucket) && in.Source.Bucket != "":
			wrong.Add(*problem("source.bucket", in.Source.Bucket, "is not a bucket that may be read: "+remedy))
		default:
			wrong.Add(*problem("source.key", in.Source.Key, "is not in a folder that may be read: put the list into "+
				"one, or let the operator add its folder to the workers' STEMFLOW_ALLOWED_BUCKETS"))
		}
	}
	for i, track := range in.Tracks {
		for _, p := range []*stemflow.InputProblem{l.CheckFolder(track.Bucket, track.Prefix), l.CheckSong(track)} {
			if p != nil {
				p.Item = fmt.Sprintf("tracks[%d]", i)
				wrong.Add(*p)
			}
		}
	}
	if len(wrong.Problems) > 0 {
		return wrong
	}
	return nil
}

func problem(field, value, rule string) *stemflow.InputProblem {
	p := stemflow.InputProblem{Field: field, Message: rule, Rule: rule}
	if value != "" {
		p.Message = bounded.Quote(value) + " " + rule
	}
	return &p
}

// All are the places where inputs may lead.
func (l Limits) All() Places {
	if len(l.Places) == 0 {
		return Places{PlaceOf(l.Bucket, l.Prefix)}
	}
	return l.Places
}
