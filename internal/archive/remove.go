package archive

import (
	"context"
	"errors"

	"github.com/minio/minio-go/v7"
)

const allowRemoval = "use credentials that may s3:DeleteObject there: those that deploy/minio/policy.json describes " +
	"may not"

// Remove removes an object; one that is not there is no error. A bucket with versions keeps what
// was removed as an older version.
func (s *Store) Remove(ctx context.Context, bucket, key string) error {
	err := s.api.RemoveObject(ctx, bucket, key, minio.RemoveObjectOptions{})
	if err == nil {
		return nil
	}
	err = s.failure("remove", bucket, key, err)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if refused, ok := errors.AsType[*Error](err); ok && refused.Remedy == checkPolicy {
		refused.Remedy = allowRemoval
	}
	return err
}
