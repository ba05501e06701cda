// Package sample says which part of an archive's data a check reads back. It depends on the
// standard library, bounded and bytesize only, since the contract imports it.
package sample

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"regexp"
	"strconv"
	"strings"

	"stemflow/internal/bounded"
	"stemflow/internal/bytesize"
)

// Sample is a part of all objects. The zero value is none of them.
type Sample struct {
	// Share is how much of them is read, from 0 to 1: other ones for each seed.
	Share float64
	// Part and Parts, where given, are the n-th of t parts: the same objects each time, and in t
	// checks all of them.
	Part, Parts int
	// Bytes, where given, is how much is read in all. It becomes a Share once the total is known.
	Bytes int64
}

// All reads everything.
const All = "all"

// SharePattern is a number above 0 and up to 100, as people write it. The JSON Schema of the
// contract is made from it, too.
const SharePattern = `^\+?0{0,9}(?:100(?:\.0{0,9})?|[1-9][0-9]?(?:\.[0-9]{0,9})?|\.0{0,8}[1-9][0-9]{0,8})$`

var sharePattern = regexp.MustCompile(SharePattern)

var errSample = errors.New(`give "all", a share like "5%", the n-th of t parts like "1/7", or a size like "10G"`)

// Parse reads "all", "5%", "n/t" or a size; empty is nothing.
func Parse(text string) (Sample, error) {
	text = strings.TrimSpace(text)
	switch text {
	case "":
		return Sample{}, nil
	case All:
		return Sample{Share: 1}, nil
	}
	if percent, ok := strings.CutSuffix(text, "%"); ok {
		percent = strings.TrimSpace(percent)
		share, err := strconv.ParseFloat(percent, 64)
		if err != nil || !sharePattern.MatchString(percent) {
			return Sample{}, fmt.Errorf("%s is not a share above 0%% and up to 100%%: %w",
				bounded.Quote(text), errSample)
		}
		return Sample{Share: share / 100}, nil
	}
	if n, t, ok := strings.Cut(text, "/"); ok {
		part, partErr := strconv.Atoi(n)
		parts, partsErr := strconv.Atoi(t)
		if partErr != nil || partsErr != nil || part < 1 || parts < part || parts > math.MaxInt32 {
			return Sample{}, fmt.Errorf("%s is not the n-th of t parts: %w", bounded.Quote(text), errSample)
		}
		return Sample{Part: part, Parts: parts}, nil
	}
	size, err := bytesize.Parse(text)
	if err != nil {
		return Sample{}, fmt.Errorf("%s is not a part of the data: %w", bounded.Quote(text), errSample)
	}
	return Sample{Bytes: size}, nil
}

// None reports whether nothing is read.
func (s Sample) None() bool { return s == Sample{} }

// NeedsTotal reports whether the sample has to know how much there is in all.
func (s Sample) NeedsTotal() bool { return s.Bytes > 0 }

// Of is the sample once it is known how much there is in all.
func (s Sample) Of(total int64) Sample {
	if !s.NeedsTotal() || total <= 0 {
		return s
	}
	return Sample{Share: min(float64(s.Bytes)/float64(total), 1)}
}

// Takes reports whether the object with this key is read.
func (s Sample) Takes(seed, key string) bool {
	switch {
	case s.Parts > 0:
		return int(hash(key)%uint64(s.Parts)) == s.Part-1
	case s.Share >= 1:
		return true
	default:
		return float64(hash(seed+"\x00"+key)>>11)/(1<<53) < s.Share
	}
}

// hash spreads keys that differ in little: FNV alone leaves the upper bits of such keys alike.
func hash(text string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text)) // never fails
	x := h.Sum64()
	x = (x ^ x>>33) * 0xff51afd7ed558ccd
	x = (x ^ x>>33) * 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
