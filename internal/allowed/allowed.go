// Package allowed says which folders of the object store callers may name in their inputs. The
// credentials of a worker may reach more than its callers should.
package allowed

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"stemflow/internal/naming"
)

var percentEncoded = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)

// Place is a folder and all that is below it.
type Place struct {
	Bucket string `json:"bucket"`
	// Prefix has no slash at its ends; empty is the whole bucket.
	Prefix string `json:"prefix,omitempty"`
}

// PlaceOf is the folder that a bucket and a prefix name.
func PlaceOf(bucket, prefix string) Place { return Place{bucket, strings.Trim(prefix, "/")} }

// Parse reads "bucket" or "bucket/prefix".
func Parse(text string) (Place, error) {
	bucket, prefix, _ := strings.Cut(strings.TrimSpace(text), "/")
	if err := naming.CheckBucket(bucket); err != nil {
		return Place{}, fmt.Errorf("%w; give buckets, or folders of them like \"stems/music\", separated by commas",
			err)
	}
	if err := naming.CheckPrefix(prefix); err != nil {
		return Place{}, err
	}
	return PlaceOf(bucket, prefix), nil
}

// String is what [Parse] reads.
func (p Place) String() string {
	if p.Prefix == "" {
		return p.Bucket
	}
	return p.Bucket + "/" + p.Prefix
}

// holds reports whether a key, or a prefix without the slash at its end, is in the folder or is it.
func (p Place) holds(bucket, key string) bool {
	return p.Bucket == bucket && (p.Prefix == "" || key == p.Prefix || strings.HasPrefix(key, p.Prefix+"/"))
}

// Places are what is allowed. None allow nothing.
type Places []Place

// Strings are the places as [Parse] reads them.
func (p Places) Strings() []string {
	var texts []string
	for _, place := range p {
		texts = append(texts, place.String())
	}
	return texts
}

// Bucket reports whether there is a place in the bucket.
func (p Places) Bucket(bucket string) bool {
	return slices.ContainsFunc(p, func(place Place) bool { return place.Bucket == bucket })
}

// Folder reports whether the folder with a prefix, and with it all that is below it, is in a place.
// Slashes at the prefix's ends do not matter.
func (p Places) Folder(bucket, prefix string) bool {
	prefix = strings.Trim(prefix, "/")
	return plain(prefix) && slices.ContainsFunc(p, func(place Place) bool { return place.holds(bucket, prefix) })
}

// Object reports whether an object is in a place.
func (p Places) Object(bucket, key string) bool {
	return key != "" && plain(key) && slices.ContainsFunc(p, func(place Place) bool {
		return place.holds(bucket, key) && key != place.Prefix
	})
}

// plain reports whether nothing on the way to an object could take its key for a path that leads
// elsewhere: a gateway or a file system behind the store may resolve "..", and a proxy may decode
// what looks encoded.
func plain(key string) bool {
	if len(key) > naming.MaxKey {
		return false
	}
	for {
		if !utf8.ValidString(key) || strings.ContainsFunc(key, func(r rune) bool {
			return r < ' ' || r == 0x7f || r == '\\'
		}) {
			return false
		}
		for part := range strings.SplitSeq(key, "/") {
			if part == "." || part == ".." {
				return false
			}
		}
		decoded := percentEncoded.ReplaceAllStringFunc(key, func(escape string) string {
			b, _ := hex.DecodeString(escape[1:]) // the pattern has seen to it
			return string(b)
		})
		if decoded == key {
			return true
		}
		key = decoded
	}
}
