// Package bytesize reads sizes as people write them. It depends on the standard library and bounded
// only, since the contract imports it.
package bytesize

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"stemflow/internal/bounded"
)

// Unit is a unit of sizes.
type Unit struct {
	Name  string
	Bytes int64
}

// units are powers of 1024, as restic's are, and those with a B of 1000 unless they say otherwise.
// Longer names stand first: "B" ends all of them.
var units = []Unit{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12},
	{"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {"T", 1 << 40}, {"B", 1},
}

// Units lists all units.
func Units() []Unit { return slices.Clone(units) }

// Parse reads a number of bytes above 0, like "500MB", "10G", "1GiB" or "1048576". Letter case and
// space around the number do not matter.
func Parse(text string) (int64, error) {
	number, unit := strings.TrimSpace(text), int64(1)
	for _, u := range units {
		if n := len(number) - len(u.Name); n > 0 && strings.EqualFold(number[n:], u.Name) {
			number, unit = strings.TrimSpace(number[:n]), u.Bytes
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 1 || n > math.MaxInt64/unit {
		return 0, fmt.Errorf(
			`%s is not a size: give bytes, or a whole number and a unit, like "500MB", "10G" or "1GiB"`,
			bounded.Quote(text))
	}
	return n * unit, nil
}
