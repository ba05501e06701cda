package main

import (
	"context"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// statement says how files were made, in the form of in-toto's Statement v1 with SLSA's provenance
// v1.
type statement struct {
	Type          string     `json:"_type"`
	Subject       []resource `json:"subject"`
	PredicateType string     `json:"predicateType"`
	Predicate     predicate  `json:"predicate"`
}

// resource is a file that was made, or one that it was made from.
type resource struct {
	Name   string            `json:"name,omitempty"`
	URI    string            `json:"uri,omitempty"`
	Digest map[string]string `json:"digest"`
}

type predicate struct {
	BuildDefinition buildDefinition `json:"buildDefinition"`
	RunDetails      runDetails      `json:"runDetails"`
}

type buildDefinition struct {
	BuildType            string            `json:"buildType"`
	ExternalParameters   map[string]string `json:"externalParameters"`
	InternalParameters   map[string]string `json:"internalParameters"`
	ResolvedDependencies []resource        `json:"resolvedDependencies"`
}

type runDetails struct {
	Builder struct {
		ID string `json:"id"`
	} `json:"builder"`
}

// buildType is explained in docs/releases.md.
const buildType = "urn:stemflow:release:v1"

// provenance describes the files in a folder: sums has "<sha256>  <name>" of each. Materials are
// the commit, and the modules that the programs say they hold.
func provenance(folder, version, commit, builderID, repository string, sums []string) (statement, error) {
	s := statement{Type: "https://in-toto.io/Statement/v1", PredicateType: "https://slsa.dev/provenance/v1"}
	modules, compiler := map[string]resource{}, ""
	for _, line := range sums {
		sum, name, _ := strings.Cut(line, "  ")
		s.Subject = append(s.Subject, resource{Name: name, Digest: map[string]string{"sha256": sum}})
		if strings.HasSuffix(name, bomSuffix) || strings.HasPrefix(name, manualFolder) {
			continue // it is no program
		}
		info, err := buildinfo.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return statement{}, fmt.Errorf("read what %s was built from: %w", name, err)
		}
		compiler = info.GoVersion
		for _, m := range info.Deps {
			if m.Replace != nil {
				m = m.Replace
			}
			digest, err := moduleDigest(m.Sum)
			if err != nil {
				return statement{}, fmt.Errorf("%s: module %s: %w", name, m.Path, err)
			}
			uri := packageURL(m.Path, m.Version)
			modules[uri] = resource{URI: uri, Digest: digest}
		}
	}
	s.Predicate.BuildDefinition = buildDefinition{
		BuildType: buildType,
		ExternalParameters: map[string]string{
			"version": version, "command": "go run ./dev/release -version " + version,
		},
		InternalParameters: map[string]string{"goVersion": compiler, "CGO_ENABLED": "0"},
		ResolvedDependencies: []resource{
			{URI: repository, Digest: map[string]string{"gitCommit": commit}},
		},
	}
	for _, uri := range slices.Sorted(maps.Keys(modules)) {
		s.Predicate.BuildDefinition.ResolvedDependencies = append(
			s.Predicate.BuildDefinition.ResolvedDependencies, modules[uri])
	}
	s.Predicate.RunDetails.Builder.ID = builderID
	return s, nil
}

// moduleDigest is go.sum's "h1:..." in in-toto's words.
func moduleDigest(sum string) (map[string]string, error) {
	encoded, ok := strings.CutPrefix(sum, "h1:")
	if !ok {
		return nil, fmt.Errorf("%q is no sum of go.sum: releases replace no module by a folder", sum)
	}
	hash, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, fmt.Errorf("%q is no sum of go.sum: %w", sum, err)
	}
	return map[string]string{"dirHash": hex.EncodeToString(hash)}, nil
}

// commitOf is the commit that is checked out, provided that nothing was changed since. A release is
// built from what others can get.
func commitOf(ctx context.Context, source string) (string, error) {
	git := func(args ...string) (string, error) {
		out, err := exec.CommandContext(ctx, "git", append([]string{"-C", source}, args...)...).Output()
		if err != nil {
			return "", fmt.Errorf("git %s: %w: a release is built in a git checkout", args[0], err)
		}
		return strings.TrimSpace(string(out)), nil
	}
	changes, err := git("status", "--porcelain")
	if err != nil {
		return "", err
	}
	if changes != "" {
		return "", errors.New("the checkout has changes, commit or remove them first:\n" + changes)
	}
	return git("rev-parse", "HEAD")
}
