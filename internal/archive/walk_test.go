package archive_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow/internal/archive"
)

// A list whose context ends between two pages is not whole, and says so.
func TestListsEndWithAnErrorWhenTheContextEnds(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/xml")
		fmt.Fprint(w, `<ListBucketResult><IsTruncated>true</IsTruncated>`+
			`<NextContinuationToken>next</NextContinuationToken><Contents><Key>a/1</Key></Contents>`+
			`<CommonPrefixes><Prefix>a/b/</Prefix></CommonPrefixes></ListBucketResult>`)
	}))
	defer server.Close()
	store, err := archive.New(archive.Options{
		Endpoint: server.Listener.Addr().String(), AccessKey: "key", SecretKey: "secret of the store", Region: "here",
	})
	require.NoError(t, err)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	walked, walkErr := 0, error(nil)
	for _, err := range store.Walk(ctx, "stems", "a/", "") {
		if err != nil {
			walkErr = err
			continue
		}
		if walked++; walked == 3 {
			cancel()
		}
	}
	require.ErrorIs(t, walkErr, context.Canceled)

	_, err = store.List(ctx, "stems", "a/")
	require.ErrorIs(t, err, context.Canceled)
	var folderErr error
	for _, err := range store.Folders(ctx, "stems", "a/") {
		folderErr = err
	}
	require.ErrorIs(t, folderErr, context.Canceled)
}
