package verify_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/activities"
	"stemflow/internal/activityapi"
	"stemflow/internal/allowed"
	"stemflow/internal/archive"
	"stemflow/internal/devservers"
	"stemflow/internal/devservers/serverstest"
	"stemflow/internal/sample"
	"stemflow/internal/verify"
)

// Bits that rot on a drive are found by reading alone, and do not end the check, also where the
// worker may go to a folder of the bucket only. A store that is away does.
func TestBitsThatRotOnTheDrive(t *testing.T) {
	serverstest.SkipIfShort(t)
	dir := t.TempDir()
	server, err := devservers.MinIO(t.Context(), devservers.MinIOOptions{
		Dir: dir, AccessKey: "stemflow", SecretKey: "stemflow-tests",
	})
	require.NoError(t, err)
	defer server.Stop()
	store, err := archive.New(archive.Options{
		Endpoint: server.Addr, AccessKey: "stemflow", SecretKey: "stemflow-tests",
	})
	require.NoError(t, err)
	require.NoError(t, store.EnsureBucket(t.Context(), "stems"))
	at := allowed.PlaceOf("stems", "music")
	f := &fixture{t: t, Store: store, bucket: "stems", at: at, ledger: at, options: verify.Tuned{
		Options: verify.Options{
			Store: activities.GuardVerifyStore(store, allowed.Places{at}, at), At: at, Ledger: at, WithLedgers: true,
		},
		SecondLook: time.Millisecond,
	}}
	f.plant(stemflow.SplitStem, at)
	hurt := f.plant(stemflow.SplitStem, at)
	large := bytes.Repeat([]byte("a stem that MinIO keeps in a file of its own "), 20_000)
	stem := &hurt.manifest.Stems[1]
	written, err := store.PutStem(t.Context(), "stems", stem.Key, "audio/mpeg", bytes.NewReader(large), int64(len(large)))
	require.NoError(t, err)
	stem.Size, stem.SHA256, stem.StoreChecksum = written.Size, written.SHA256, written.Checksum
	hurt.writeManifest()
	readAll := func(o *verify.Tuned) { o.Read = sample.Sample{Share: 1} }
	require.Empty(t, f.check(readAll).found())

	require.Equal(t, 1, rot(t, filepath.Join(dir, "data", "stems", stem.Key)))
	require.Empty(t, f.check().found(), "the store does not know")
	require.Equal(t, []found{{stemflow.FindingStemUnreadable, stem.Key}}, f.check(readAll).found())

	server.Stop()
	_, err = verify.NewTuned(f.options).Next(t.Context(), activityapi.VerifyState{Phase: "tracks"})
	require.Error(t, err)
}

// rot changes a byte in the files of an object's content, and returns how many there are.
func rot(t *testing.T, dir string) (files int) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasPrefix(filepath.Base(path), "part.") {
			return err
		}
		files++
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		content[len(content)/2] ^= 1
		return os.WriteFile(path, content, 0o600)
	}))
	return files
}
