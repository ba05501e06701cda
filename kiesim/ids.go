package kiesim

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
)

// newTaskID has the provider's form of a task id: 32 lower-case hex digits.
func newTaskID() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// newFileID has the provider's form of an audio id: a random UUID.
func newFileID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
