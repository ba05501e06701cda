package archive

import (
	"errors"
	"io"
	"net/http"
)

const (
	// algorithmHeader names the algorithm of a checksum that is sent. Ceph looks at no checksum
	// without it.
	algorithmHeader = "X-Amz-Checksum-Algorithm"
	// unsignedForm is that of content that is followed by its checksum, and not signed.
	unsignedForm = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	trailerEnd   = "\n\r\n\r\n"
	// signatureSize is that of a signature, in hexadecimal, behind its name.
	signatureSize = len("\r\nx-amz-trailer-signature:") + 64
)

// endTrailer makes the checksum behind the content of an upload end as the SDKs of AWS end it.
// minio-go puts a line feed before the end of the line, which Ceph takes for a part of the
// checksum. Neither signature nor Content-Length is signed with it.
func endTrailer(req *http.Request) {
	if req.Header.Get("X-Amz-Trailer") == "" {
		return
	}
	after := len(trailerEnd)
	if req.Header.Get("X-Amz-Content-Sha256") != unsignedForm {
		after += signatureSize
	}
	req.Body = &trailerBody{req.Body, req.ContentLength - int64(after)}
	req.ContentLength--
}

// trailerBody leaves a line feed out.
type trailerBody struct {
	io.ReadCloser
	// before is how much of the body comes before the line feed; it is negative behind it.
	before int64
}

// errTrailer says that another minio-go is in use than this was made for.
var errTrailer = errors.New("there is no line feed where the checksum behind the content ends")

func (b *trailerBody) Read(p []byte) (int, error) {
	if b.before > 0 {
		n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.before)])
		b.before -= int64(n)
		return n, err
	}
	if b.before == 0 {
		var feed [1]byte
		if _, err := io.ReadFull(b.ReadCloser, feed[:]); err != nil {
			return 0, err
		}
		if feed[0] != '\n' {
			return 0, errTrailer
		}
		b.before--
	}
	return b.ReadCloser.Read(p)
}
