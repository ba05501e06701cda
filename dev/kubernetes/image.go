//go:build linux

package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// image is a container image of static programs, as the Dockerfile makes them.
type image struct {
	// programs are files on this machine. The first one is what the image runs.
	programs []string
	tags     []string
}

const (
	programDir = "usr/local/bin"
	// nobody is the user of the Dockerfile's images.
	nobody = "65532:65532"
)

// archive is the image in the form of docker save.
func (i image) archive() ([]byte, error) {
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	for _, dir := range []string{"tmp/", "usr/", "usr/local/", programDir + "/"} {
		mode := int64(0o755)
		if dir == "tmp/" {
			mode = 0o1777
		}
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir, Mode: mode}); err != nil {
			return nil, err
		}
	}
	for _, program := range i.programs {
		text, err := os.ReadFile(program)
		if err != nil {
			return nil, err
		}
		if err := writeFile(w, programDir+"/"+filepath.Base(program), 0o755, text); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(layer.Bytes())
	config, err := json.Marshal(map[string]any{
		"architecture": architecture, "os": "linux",
		"config": map[string]any{
			"User": nobody, "Entrypoint": []string{"/" + programDir + "/" + filepath.Base(i.programs[0])},
			"Env": []string{"PATH=/" + programDir},
		},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + hex.EncodeToString(sum[:])}},
	})
	if err != nil {
		return nil, err
	}
	manifest, err := json.Marshal([]map[string]any{
		{"Config": "config.json", "RepoTags": i.tags, "Layers": []string{"layer.tar"}},
	})
	if err != nil {
		return nil, err
	}
	var archive bytes.Buffer
	w = tar.NewWriter(&archive)
	for name, text := range map[string][]byte{
		"config.json": config, "layer.tar": layer.Bytes(), "manifest.json": manifest,
	} {
		if err := writeFile(w, name, 0o644, text); err != nil {
			return nil, fmt.Errorf("write an image: %w", err)
		}
	}
	return archive.Bytes(), w.Close()
}

func writeFile(w *tar.Writer, name string, mode int64, text []byte) error {
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(text))}
	if err := w.WriteHeader(header); err != nil {
		return err
	}
	_, err := w.Write(text)
	return err
}
