package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/internal/bounded"
	"stemflow/internal/naming"
)

// manifestVersion is the version of manifests that this release writes.
const manifestVersion = 1

// judgeManifest finds what is wrong with the content of a manifest that stands in a folder. The
// problem is a kind of finding and its message; kind is empty if there is none.
func judgeManifest(f folder, data []byte) (m stemflow.Manifest, kind stemflow.FindingKind, message string) {
	var head struct {
		Version *int `json:"version"`
	}
	if err := json.Unmarshal(data, &head); err != nil || head.Version == nil {
		return m, stemflow.FindingManifestInvalid, "it is no JSON object with a version"
	}
	if *head.Version > manifestVersion {
		return m, stemflow.FindingManifestVersion,
			fmt.Sprintf("its version is %d, and this release knows up to %d", *head.Version, manifestVersion)
	}
	if *head.Version < manifestVersion {
		return m, stemflow.FindingManifestInvalid, fmt.Sprintf("its version is %d", *head.Version)
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return m, stemflow.FindingManifestInvalid, "it does not have the shape of a manifest"
	}
	if m.Source.TaskID == "" || m.Source.AudioID == "" || m.Type == "" {
		return m, stemflow.FindingManifestInvalid, "it names no track"
	}
	if problem := misplaced(f, m); problem != "" {
		return m, stemflow.FindingManifestMisplaced, problem
	}
	if problem := invalid(m); problem != "" {
		return m, stemflow.FindingManifestInvalid, problem
	}
	return m, "", ""
}

// misplaced says in which way a manifest is of another place than it stands in.
func misplaced(f folder, m stemflow.Manifest) string {
	of := stemflow.Track{
		TaskID: m.Source.TaskID, AudioID: m.Source.AudioID, Type: m.Type, StemName: m.Source.StemName,
	}
	if !f.sameAs(of) {
		return fmt.Sprintf("it is of another track: %s, %s, %s",
			bounded.Quote(of.TaskID), bounded.Quote(of.AudioID), bounded.Quote(string(of.Type)))
	}
	if !naming.IsID(m.SeparationTaskID) {
		return "" // it is invalid
	}
	loc := f.location()
	if err := archive.CheckStems(loc, m); err != nil {
		return err.Error()
	}
	for _, stem := range m.Stems {
		if !strings.HasPrefix(stem.Key, archive.SeparationPrefix(loc, m.SeparationTaskID)) {
			return fmt.Sprintf("it lists %s, which is not in its separation's folder", bounded.Quote(stem.Key))
		}
	}
	for _, entry := range m.MIDI {
		for _, object := range entry.Objects() {
			if !strings.HasPrefix(object.Key, archive.SeparationPrefix(loc, m.SeparationTaskID)) {
				return fmt.Sprintf("it lists %s, which is not in its separation's folder", bounded.Quote(object.Key))
			}
		}
	}
	return ""
}

// invalid says what a manifest lacks that every manifest has.
func invalid(m stemflow.Manifest) string {
	if !naming.IsID(m.SeparationTaskID) {
		return "it names no separation"
	}
	if len(m.Stems) == 0 {
		return "it lists no stem"
	}
	seen := map[string]bool{}
	for _, stem := range m.Stems {
		switch {
		case seen[stem.Key]:
			return fmt.Sprintf("it lists %s twice", bounded.Quote(stem.Key))
		case stem.Name == "" || stem.Size <= 0 || !sha256Pattern.MatchString(stem.SHA256):
			return fmt.Sprintf("it lacks the name, the size or the SHA-256 of %s", bounded.Quote(stem.Key))
		}
		seen[stem.Key] = true
	}
	for _, entry := range m.MIDI {
		for _, object := range entry.Objects() {
			if object.Size <= 0 || !sha256Pattern.MatchString(object.SHA256) {
				return fmt.Sprintf("it lacks the size or the SHA-256 of %s", bounded.Quote(object.Key))
			}
		}
	}
	return ""
}

// readDocument reads a document whole. Where it is there and cannot be had, problem says so.
func (c *Checker) readDocument(
	ctx context.Context, bucket, key string,
) (data json.RawMessage, problem string, err error) {
	err = c.persist(ctx, bucket, key, func() error {
		data = nil
		_, err := c.Store.ReadJSON(ctx, bucket, key, &data)
		return err
	})
	switch {
	case errors.Is(err, archive.ErrCorrupt):
		return nil, "it is no JSON", nil
	case errors.Is(err, errUnreadable):
		return nil, "the store cannot give it back", nil
	case errors.Is(err, archive.ErrNotFound), errors.Is(err, archive.ErrNoBucket):
		return nil, "", archive.ErrNotFound
	}
	return data, "", err
}
