package verify

import "time"

// Tuned is options with what tests choose beside them. The zero values are those of [New].
type Tuned struct {
	Options
	PageFolders, MaxPlaces int
	SecondLook             time.Duration
	Now                    func() time.Time
}

// NewTuned is New for tests.
func NewTuned(t Tuned) *Checker {
	c := New(t.Options)
	if t.PageFolders > 0 {
		c.pageFolders = t.PageFolders
	}
	if t.MaxPlaces > 0 {
		c.maxPlaces = t.MaxPlaces
	}
	if t.SecondLook > 0 {
		c.secondLook = t.SecondLook
	}
	if t.Now != nil {
		c.now = t.Now
	}
	return c
}
