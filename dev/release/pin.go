package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// pinnedFiles name the images that others build, each with the digest that builds of a version
// take.
var pinnedFiles = []string{"Dockerfile", "docker-compose.yml"}

// pinned is an image with its digest: golang:1.26-bookworm${VERSION:+@sha256:...}.
var pinned = regexp.MustCompile(`(\w[\w./-]*:[\w.-]+)(\$\{VERSION:\+@)(sha256:[0-9a-f]{64})\}`)

// pin writes the digests that the registries name today. Its lookup returns the digest of an image.
func pin(source string, lookup func(image string) (string, error)) (changed []string, err error) {
	found := map[string]string{}
	for _, name := range pinnedFiles {
		file := filepath.Join(source, name)
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var failed error
		updated := pinned.ReplaceAllStringFunc(string(text), func(match string) string {
			part := pinned.FindStringSubmatch(match)
			image, digest := part[1], part[3]
			if _, known := found[image]; !known && failed == nil {
				found[image], failed = lookup(image)
			}
			if failed != nil || found[image] == digest {
				return match
			}
			changed = append(changed, fmt.Sprintf("%s: %s is %s, was %s", name, image, found[image], digest))
			return image + part[2] + found[image] + "}"
		})
		if failed != nil {
			return nil, failed
		}
		if err := os.WriteFile(file, []byte(updated), 0o644); err != nil {
			return nil, err
		}
	}
	return changed, nil
}

var digestForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// registryDigest asks the image's registry. The digest is that of the index for all platforms.
func registryDigest(ctx context.Context) func(string) (string, error) {
	return func(image string) (string, error) {
		cmd := exec.CommandContext(
			ctx, "docker", "buildx", "imagetools", "inspect", image, "--format", "{{.Manifest.Digest}}")
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return "", fmt.Errorf("look up %s, which needs Docker with buildx and the image's registry: %w", image, err)
		}
		digest := strings.TrimSpace(string(out))
		if !digestForm.MatchString(digest) {
			return "", fmt.Errorf("look up %s: docker buildx imagetools printed %q, which is no digest", image, digest)
		}
		return digest, nil
	}
}

var (
	dockerfileImage = regexp.MustCompile(`(?mi)^FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?\s*$`)
	composeImage    = regexp.MustCompile(`(?m)^\s*image:\s*(\S+)\s*$`)
	ownImage        = regexp.MustCompile(`^stemflow-[a-z-]+:\$\{VERSION:-dev\}$`)
)

// unpinned lists the images of others that a build of a version would take by tag alone.
func unpinned(dockerfile, compose string) (images []string) {
	stages := map[string]bool{"scratch": true}
	for _, from := range dockerfileImage.FindAllStringSubmatch(dockerfile, -1) {
		if !stages[from[1]] && pinned.FindString(from[1]) != from[1] {
			images = append(images, from[1])
		}
		stages[from[2]] = true
	}
	for _, image := range composeImage.FindAllStringSubmatch(compose, -1) {
		// An operator's own choice of an image may stand around the default.
		name := ownChoice.ReplaceAllString(image[1], "$1")
		if !ownImage.MatchString(name) && pinned.FindString(name) != name {
			images = append(images, image[1])
		}
	}
	return images
}

// ownChoice is ${NAME:-default}.
var ownChoice = regexp.MustCompile(`^\$\{[A-Z_]+:-(.*)\}$`)

func checkPins(source string) error {
	var texts []string
	for _, name := range pinnedFiles {
		text, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			return err
		}
		texts = append(texts, string(text))
	}
	if images := unpinned(texts[0], texts[1]); len(images) > 0 {
		return fmt.Errorf("no digest is written for %s: write NAME:TAG${VERSION:+@sha256:...}, with the digest that "+
			"docker buildx imagetools inspect NAME:TAG prints", strings.Join(images, ", "))
	}
	return nil
}
