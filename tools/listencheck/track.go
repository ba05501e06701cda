package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// What the local stack is run with.
const (
	accessKey = "stemflow"
	secretKey = "stemflow-local"
	bucket    = "stems"
)

// How long the songs play, and how many bytes a second of kiesim's stems has: 64 kbit/s.
const (
	songSeconds     = 4 * 60
	longSongSeconds = 12 * 60
	bytesPerSecond  = 8000
)

// track is a separated track, and the starter that shows it.
type track struct {
	ctx      context.Context
	dir      string // for pages
	starter  string
	env      []string // what the starter has beside what it has anyway
	minIO    string
	song     string
	manifest map[string]any
}

// separate has the local stack separate a new track.
func separate(ctx context.Context, dir, temporal, minIO, kiesim string, seconds int) (*track, error) {
	t := &track{
		ctx:     ctx,
		dir:     dir,
		starter: filepath.Join(dir, "starter"),
		minIO:   minIO,
		song:    "song-" + strings.ToLower(rand.Text())[:8],
	}
	t.env = []string{
		"TEMPORAL_ADDRESS=" + temporal,
		"MINIO_ENDPOINT=" + minIO,
		"MINIO_ACCESS_KEY=" + accessKey,
		"MINIO_SECRET_KEY=" + secretKey,
		"MINIO_LINK_ACCESS_KEY=" + accessKey + "-links",
		"MINIO_LINK_SECRET_KEY=" + secretKey + "-links",
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", t.starter, "./starter")
	build.Dir, build.Stderr = "..", os.Stderr
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("build the starter: %w", err)
	}
	knobs := fmt.Sprintf(`{"audioId": %q, "files": {"*": {"size": %d}}}`, t.audioID(), seconds*bytesPerSecond)
	resp, err := http.Post(kiesim+"/sim/knobs", "application/json", strings.NewReader(knobs))
	if err != nil {
		return nil, fmt.Errorf("%w: start the local stack first, with go run ./localstack", err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("kiesim answers %s", resp.Status)
	}
	if _, err := t.run(nil, "start", append(t.flags(), "--wait", "--json")...); err != nil {
		return nil, err
	}
	text, err := t.run(nil, "show", append(t.flags(), "--json")...)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &t.manifest); err != nil {
		return nil, err
	}
	if n := len(t.stems()); n != 12 {
		return nil, fmt.Errorf("it has %d stems", n)
	}
	return t, nil
}

// audioID has a track of its own, whose stems alone are that long.
func (t *track) audioID() string { return "track-" + strings.TrimPrefix(t.song, "song-") }

func (t *track) flags() []string {
	return []string{"--task-id", t.song, "--audio-id", t.audioID(), "--type", "split_stem"}
}

func (t *track) stems() []any { return t.manifest["stems"].([]any) }

// run runs the starter with more variables than it has anyway, and returns what it prints.
func (t *track) run(env []string, command string, flags ...string) ([]byte, error) {
	cmd := exec.CommandContext(t.ctx, t.starter, append([]string{command}, flags...)...)
	cmd.Dir = t.dir
	cmd.Env = slices.Concat(cmd.Environ(), t.env, env)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("starter %s: %w: %s%s", command, err, out, errs.Bytes())
	}
	return out, nil
}

// page has the starter write the page to a file, and returns its address.
func (t *track) page(name string, env []string, flags ...string) (string, error) {
	_, err := t.run(env, "listen", append(flags, "--out", name)...)
	return "file://" + filepath.ToSlash(filepath.Join(t.dir, name)), err
}

// publish has the starter put the page into the bucket, and returns the link to it.
func (t *track) publish() (string, error) {
	out, err := t.run(nil, "listen", append(t.flags(), "--publish", "--json")...)
	if err != nil {
		return "", err
	}
	var made struct{ URL string }
	if err := json.Unmarshal(out, &made); err != nil {
		return "", err
	}
	if made.URL == "" {
		return "", errors.New("there is no link to it")
	}
	return made.URL, nil
}

// renamed copies this track to another prefix of the bucket, with other names for its stems, and
// returns the key of its manifest.
func (t *track) renamed(ctx context.Context, name func(string) string) (string, error) {
	client, err := minio.New(t.minIO, &minio.Options{Creds: credentials.NewStaticV4(accessKey, secretKey, "")})
	if err != nil {
		return "", err
	}
	const prefix = "hostile/"
	manifest := map[string]any{}
	for field, value := range t.manifest {
		manifest[field] = value
	}
	stems := []any{}
	for _, stem := range t.stems() {
		renamed := map[string]any{}
		for field, value := range stem.(map[string]any) {
			renamed[field] = value
		}
		from := renamed["key"].(string)
		renamed["name"], renamed["key"] = name(renamed["name"].(string)), prefix+from
		if _, err := client.CopyObject(ctx, minio.CopyDestOptions{Bucket: bucket, Object: prefix + from},
			minio.CopySrcOptions{Bucket: bucket, Object: from}); err != nil {
			return "", err
		}
		stems = append(stems, renamed)
	}
	manifest["stems"] = stems
	text, err := json.Marshal(manifest)
	if err != nil {
		return "", err
	}
	key := prefix + t.song + "/" + t.audioID() + "/split_stem/manifest.json"
	_, err = client.PutObject(ctx, bucket, key, bytes.NewReader(text), int64(len(text)), minio.PutObjectOptions{})
	return key, err
}
