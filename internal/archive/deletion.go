package archive

import "time"

// Deletion is what a removal leaves behind of each separation. Its name says all that is asked of
// it; the content is for people. It counts as long as nothing newer of the separation is there.
type Deletion struct {
	// Version is 1.
	Version          int       `json:"version"`
	SeparationTaskID string    `json:"separationTaskId"`
	DeletedAt        time.Time `json:"deletedAt"`
}
