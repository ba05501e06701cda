package archive

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/minio/minio-go/v7"
)

var (
	// ErrNotFound says that the store has no object with that key.
	ErrNotFound = errors.New("no such object")
	// ErrPrecondition says that the object that was to be created exists, or the one that was to be
	// replaced is not what it was.
	ErrPrecondition = errors.New("the object is not in the state that the write requires")
	// ErrNoBucket says that the bucket that an object is looked for in is not there.
	ErrNoBucket = errors.New("no such bucket")
	// ErrCorrupt says that the object is no document of the expected shape.
	ErrCorrupt = errors.New("not the expected JSON")
	// ErrUnconfirmed says that the store reported a write as done, but confirmed no checksum or
	// another one.
	ErrUnconfirmed = errors.New("the store did not confirm the checksum of what was sent")

	// errNotS3 is an answer that no object store would give, like the welcome page of a web server.
	errNotS3 = errors.New("what answers is not an S3 object store")
)

// Error is a failure to use the store: it could not be reached, or it refused.
type Error struct {
	// Op, Bucket and Key are what was tried.
	Op, Bucket, Key string
	// Code is the store's own, like "AccessDenied"; empty where none came.
	Code string
	// Final says that the store refuses for good: waiting changes nothing, a person has to.
	Final bool
	// Remedy says what to check.
	Remedy string
	Err    error

	endpoint string
}

func (e *Error) Error() string {
	what := e.Bucket
	if e.Key != "" {
		what += "/" + e.Key
	}
	why := e.Err.Error()
	if e.Code != "" && !strings.Contains(why, e.Code) {
		why = e.Code + ": " + strings.TrimSuffix(why, ".")
	}
	text := fmt.Sprintf("object store %s: %s %s: %s", e.endpoint, e.Op, what, why)
	if e.Remedy != "" {
		text += ": " + e.Remedy
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// Is makes errors.Is know ErrNoBucket.
func (e *Error) Is(target error) bool { return target == ErrNoBucket && e.Code == minio.NoSuchBucket }

const (
	checkEndpoint    = "check MINIO_ENDPOINT, and that the store runs"
	checkAPIEndpoint = "check that MINIO_ENDPOINT is its S3 API (MinIO's console has a port of its own)"
	checkCredentials = "check MINIO_ACCESS_KEY and MINIO_SECRET_KEY"
	checkPolicy      = "allow these credentials s3:GetObject, s3:PutObject and s3:AbortMultipartUpload on its " +
		"objects, " +
		"s3:ListBucket and s3:GetBucketLocation on the bucket, and s3:CreateBucket unless it exists"
	checkRegion = "check MINIO_REGION and MINIO_ENDPOINT"
	checkName   = "check the names of bucket and prefix"
	healObject  = "look at the store's drives and its log, and let it heal, or restore an earlier version of the object"

	useConditionalWrites = "use a store that keeps to conditional writes (If-None-Match and If-Match), " +
		"and let no proxy in front of it drop these headers"
	useChecksums = "use a store that verifies S3's additional checksums (SHA256 and CRC64NVME), " +
		"and let no proxy in front of it drop the x-amz-checksum headers"
	useFaithful = "use a store that gives back what was written, as soon as it has said so, " +
		"and let no proxy in front of it change or cache that"
)

// refusals are the store's codes that say no for good, and what to do about each.
var refusals = map[string]string{
	minio.AccessDenied:                   checkPolicy,
	minio.AllAccessDisabled:              checkPolicy,
	minio.InvalidAccessKeyID:             checkCredentials,
	minio.SignatureDoesNotMatch:          checkCredentials,
	"XAdminUserNotFound":                 checkCredentials, // the Versity S3 Gateway's word for the first
	minio.AuthorizationHeaderMalformed:   checkRegion,
	minio.InvalidRegion:                  checkRegion,
	"IllegalLocationConstraintException": checkRegion,
	"PermanentRedirect":                  checkRegion,
	minio.InvalidBucketName:              checkName,
	minio.XMinioInvalidObjectName:        checkName,
	"XMinioInvalidResourceName":          checkName, // MinIO's word for it in a list
	"KeyTooLongError":                    checkName,
	minio.NoSuchBucket:                   "make the bucket, or name another with STEMFLOW_BUCKET",
	minio.BucketAlreadyExists:            "the name is taken by another account: name another with STEMFLOW_BUCKET",
	minio.EntityTooLarge:                 "raise the store's limit on the size of an object",
	minio.MethodNotAllowed:               checkAPIEndpoint,
	minio.NotImplemented:                 "use a store that knows conditional writes and additional checksums",
}

// failure types what went wrong with a request.
func (s *Store) failure(op, bucket, key string, err error) error {
	e := &Error{Op: op, Bucket: bucket, Key: key, Err: err, endpoint: s.opts.Endpoint, Remedy: checkEndpoint}
	if u, ok := errors.AsType[*url.Error](err); ok {
		e.Err = u.Err // without the URL, which says nothing more
	}
	var response minio.ErrorResponse
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	switch {
	case errors.Is(err, context.Canceled):
		e.Remedy = ""
	case errors.As(err, &response) && isS3(response):
		switch response.Code {
		case minio.NoSuchKey:
			return fmt.Errorf("%s %s/%s: %w", op, bucket, key, ErrNotFound)
		case minio.PreconditionFailed:
			return fmt.Errorf("%s %s/%s: %w", op, bucket, key, ErrPrecondition)
		case minio.InvalidArgument:
			e.Remedy = ""
			if strings.Contains(response.Message, "must be made to API port") { // MinIO's console
				e.Remedy = checkAPIEndpoint
			}
		case minio.RequestTimeTooSkewed:
			e.Remedy = "set the clock of this machine or of the store"
		default:
			e.Remedy, e.Final = refusals[response.Code], refusals[response.Code] != ""
		}
		e.Code = response.Code
	case errors.As(err, &response) && strings.Contains(response.Message, "HTTP request to an HTTPS server"):
		e.Remedy, e.Final = "set MINIO_SECURE=true", true
	case errors.As(err, &response):
		// A load balancer may answer so while the store behind it is away.
		e.Err, e.Remedy = fmt.Errorf("%w (HTTP status %d)", errNotS3, response.StatusCode), checkAPIEndpoint
	case errors.Is(err, errNotS3):
		e.Remedy = checkAPIEndpoint
	case errors.Is(err, errDamaged):
		e.Remedy = healObject
	case errors.As(err, &certificate):
		e.Remedy, e.Final = "name the certificate authority with MINIO_CA_FILE, and the host as the certificate "+
			"does", true
	case errors.As(err, &record), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		e.Remedy, e.Final = "set MINIO_SECURE=false", true
	}
	e.Code, e.Err = s.secrets.Secrets(e.Code), s.secrets.Error(e.Err)
	return e
}

// notKnown reports whether the store refused a request because it does not know what the request
// asks for.
func notKnown(err error) bool {
	response, ok := errors.AsType[minio.ErrorResponse](err)
	if !ok || !isS3(response) {
		return false
	}
	switch response.Code {
	case minio.NotImplemented, minio.InvalidArgument, "InvalidRequest":
		return true
	default:
		return response.StatusCode == http.StatusNotImplemented
	}
}

// doesNotKnow names what the store does not know.
func doesNotKnow(feature string, err error) error {
	response, _ := errors.AsType[minio.ErrorResponse](err)
	return fmt.Errorf("the store does not know %s (%s: %s)", feature, response.Code,
		strings.TrimSuffix(response.Message, "."))
}

func (s *Store) refusal(op, bucket, key string, err error, remedy string) error {
	return &Error{
		Op: op, Bucket: bucket, Key: key, Err: s.secrets.Error(err), endpoint: s.opts.Endpoint,
		Final: true, Remedy: remedy,
	}
}

// isS3 tells a store's own answer, a document or a request id, from that of some other server, to
// whose status minio-go gives a meaning too: to take a proxy's "not found" for the store's would be
// to pay for what is archived.
func isS3(response minio.ErrorResponse) bool {
	return response.XMLName.Local == "Error" || response.RequestID != ""
}
