package archive

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"

	"github.com/minio/minio-go/v7"
)

// body guards a reader on its way through minio-go, which takes io.ErrUnexpectedEOF for the end of
// an object of unknown size, forgets errors that speak of an EOF, and may go on reading in the
// background after it has returned. The guard counts what passes, hashes it where minio-go's own
// hash will not do, and keeps the error with which the reader failed.
type body struct {
	mu     sync.Mutex
	reader io.Reader
	size   int64 // as announced; -1 where unknown
	read   int64
	// sha256 and crc, the store's own checksum then, are nil where minio-go's SHA-256 does.
	sha256, crc hash.Hash
	// announced is the checksum of a body that was read before it is sent, as S3 spells it.
	announced string
	ended     bool
	err       error
}

func newBody(reader io.Reader, size int64) *body {
	return &body{reader: reader, size: size}
}

// sum makes the body compute what the store does not: the SHA-256, and with it the checksum that
// the store verifies.
func (b *body) sum(verified minio.ChecksumType) { b.sha256, b.crc = sha256.New(), verified.Hasher() }

var (
	// errBody stands for the reader's own error, which minio-go would treat by what it looks like.
	errBody  = errors.New("the body cannot be read any further")
	errEmpty = errors.New("the body is empty: there is nothing to store")
)

// Read hands on the last bytes of an announced size only when it is sure that nothing follows them.
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.err != nil:
		return 0, errBody
	case b.ended:
		return 0, io.EOF
	}
	n, err := b.reader.Read(p)
	b.read += int64(n)
	if err == nil && b.read == b.size {
		n, err = b.expectEnd(n)
	}
	if err == nil || err == io.EOF {
		err = b.checkSize(err)
	}
	if err != nil && err != io.EOF {
		b.err = err
		return 0, errBody
	}
	b.ended = err == io.EOF
	if b.sha256 != nil {
		b.sha256.Write(p[:n])
		b.crc.Write(p[:n])
	}
	return n, err
}

func (b *body) expectEnd(n int) (int, error) {
	more, err := io.ReadFull(b.reader, make([]byte, 1))
	b.read += int64(more)
	return n, err
}

// checkSize turns an end at another size than announced, or at nothing, into an error.
func (b *body) checkSize(end error) error {
	switch {
	case end == io.EOF && b.read == 0:
		return errEmpty
	case b.size >= 0 && b.read > b.size:
		return fmt.Errorf("the body is longer than the %d bytes announced", b.size)
	case end == io.EOF && b.read < b.size:
		return fmt.Errorf("the body ended after %d of the %d bytes announced", b.read, b.size)
	default:
		return end
	}
}

// finish waits until nobody reads, sees to it that nobody will, and returns the error with which
// the reader failed.
func (b *body) finish() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return b.err
	}
	b.err = errBody
	return nil
}
