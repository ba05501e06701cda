package archive

import (
	"context"
	"fmt"
	"mime"
	"net/url"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// MaxLinkLifetime is the longest that S3 lets a link work.
const MaxLinkLifetime = 7 * 24 * time.Hour

// Presign returns a link with which anybody can get the object, for a lifetime of one second up to
// MaxLinkLifetime, and no longer than the store knows the credentials. Whether there is such an
// object shows only when the link is used.
//
// A link is a secret: it is its caller's, and in no log, history or manifest. It shows the access
// key that has signed it, which is LinkAccessKey where there is one.
func (s *Store) Presign(ctx context.Context, bucket, key string, lifetime time.Duration) (string, error) {
	return s.presign(ctx, bucket, key, lifetime, nil)
}

// PresignDownload is Presign for a link that browsers save under a name, which has no path, instead
// of showing what it leads to.
func (s *Store) PresignDownload(
	ctx context.Context, bucket, key, fileName string, lifetime time.Duration,
) (string, error) {
	disposition := mime.FormatMediaType("attachment", map[string]string{"filename": fileName})
	return s.presign(ctx, bucket, key, lifetime, url.Values{"response-content-disposition": {disposition}})
}

func (s *Store) presign(
	ctx context.Context, bucket, key string, lifetime time.Duration, answer url.Values,
) (string, error) {
	// The signature covers host and region. The store is asked for the region where we reach it,
	// which may not be where its links lead.
	region, err := s.api.GetBucketLocation(ctx, bucket)
	if err != nil {
		return "", s.failure("sign a link to", bucket, key, err)
	}
	endpoint, secure := s.opts.Endpoint, s.opts.Secure
	if s.opts.PublicEndpoint != "" {
		endpoint, secure = s.opts.PublicEndpoint, s.opts.PublicSecure
	}
	accessKey, secretKey := s.opts.AccessKey, s.opts.SecretKey
	if s.opts.LinkAccessKey != "" {
		accessKey, secretKey = s.opts.LinkAccessKey, s.opts.LinkSecretKey
	}
	public, err := minio.New(endpoint, &minio.Options{
		Creds: credentials.NewStaticV4(accessKey, secretKey, ""), Secure: secure, Region: region,
	})
	if err != nil {
		return "", fmt.Errorf("object store endpoint %q (MINIO_PUBLIC_ENDPOINT): %w", endpoint, err)
	}
	link, err := public.PresignedGetObject(ctx, bucket, key, lifetime, answer)
	if err != nil {
		return "", s.failure("sign a link to", bucket, key, err)
	}
	return link.String(), nil
}
