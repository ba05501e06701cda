//go:build !race

package ledger

// raceDetector reports whether this program was built with it.
const raceDetector = false
