package config

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// sizeUnits are the units of a size. Longer names stand first: "B" ends all of them.
var sizeUnits = []struct {
	name  string
	bytes int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12},
	{"B", 1},
}

var errSize = errors.New(`is not a size: give bytes, or a whole number and a unit, like "1GiB" or "500MB"`)

// parseSize reads "1GiB", "500MB" or plain bytes. Letter case and a space before the unit do not
// matter.
func parseSize(text string) (int64, error) {
	number, unit := text, int64(1)
	for _, u := range sizeUnits {
		if n := len(text) - len(u.name); n > 0 && strings.EqualFold(text[n:], u.name) {
			number, unit = strings.TrimSpace(text[:n]), u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 1 || n > math.MaxInt64/unit {
		return 0, errSize
	}
	return n * unit, nil
}
