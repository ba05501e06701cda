package main

import (
	"cmp"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
)

// bom is a bill of materials, as CycloneDX 1.5 has it. It has no time, so that the same program has
// the same one.
type bom struct {
	Schema       string       `json:"$schema"`
	Format       string       `json:"bomFormat"`
	SpecVersion  string       `json:"specVersion"`
	SerialNumber string       `json:"serialNumber"`
	Version      int          `json:"version"`
	Metadata     bomMetadata  `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type bomMetadata struct {
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version"`
	PackageURL string     `json:"purl,omitempty"`
	Hashes     []bomHash  `json:"hashes,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type bomHash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn"`
}

// writeBOM writes the bill of materials of a program into a file beside it.
// What it lists the linker has put into the program.
func writeBOM(file, name, version, sum string) error {
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read what %s was built from: %w", file, err)
	}
	return writeJSON(file+bomSuffix, newBOM(info, name, version, sum))
}

const bomSuffix = ".cdx.json"

func newBOM(info *debug.BuildInfo, name, version, sum string) bom {
	program := component{
		Type: "application", Ref: name, Name: name, Version: version,
		Hashes: []bomHash{{Algorithm: "SHA-256", Content: sum}},
	}
	for _, key := range []string{"GOOS", "GOARCH", "CGO_ENABLED", "-trimpath"} {
		if i := slices.IndexFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == key }); i >= 0 {
			program.Properties = append(program.Properties, property{"go:" + key, info.Settings[i].Value})
		}
	}
	components := []component{library("std", strings.TrimPrefix(info.GoVersion, "go"), "")}
	for _, m := range info.Deps {
		if m.Replace != nil && m.Replace.Version != "" {
			m = m.Replace // it is what was compiled
		}
		components = append(components, library(m.Path, m.Version, m.Sum))
	}
	slices.SortFunc(components, func(a, b component) int { return cmp.Compare(a.Ref, b.Ref) })
	uses := dependency{Ref: name, DependsOn: []string{}}
	for _, c := range components {
		uses.DependsOn = append(uses.DependsOn, c.Ref)
	}
	return bom{
		Schema: "http://cyclonedx.org/schema/bom-1.5.schema.json", Format: "CycloneDX", SpecVersion: "1.5",
		SerialNumber: serialNumber(sum), Version: 1,
		Metadata: bomMetadata{program}, Components: components, Dependencies: []dependency{uses},
	}
}

func library(path, version, sum string) component {
	c := component{Type: "library", Name: path, Version: version, PackageURL: packageURL(path, version)}
	c.Ref = c.PackageURL
	if sum != "" {
		// The hash of a module's files, as go.sum has it, is no hash of one file.
		c.Properties = []property{{"go:sum", sum}}
	}
	return c
}

// packageURL escapes the one character of module versions that the form reserves:
// v1.0.0+incompatible.
func packageURL(path, version string) string {
	return "pkg:golang/" + path + "@" + strings.ReplaceAll(version, "+", "%2B")
}

// serialNumber is a UUID of version 8: it follows from the program.
func serialNumber(sum string) string {
	id := sha256.Sum256([]byte("stemflow bill of materials " + sum))
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80
	x := hex.EncodeToString(id[:16])
	return "urn:uuid:" + strings.Join([]string{x[:8], x[8:12], x[12:16], x[16:20], x[20:]}, "-")
}

func writeJSON(file string, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}
