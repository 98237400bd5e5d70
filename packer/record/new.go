package record

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/workerkit/workerkit/internal/version"
	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/build"
	"github.com/workerkit/workerkit/packer/inventory"
)

// Source is what New makes a record of: what was to be built, and what came out.
type Source struct {
	Image      packer.Image
	Version    string
	Run        string
	Definition string
	Parts      map[string]string
	Revision   string
	Packer     string // its version
	Result     build.Result
	Lines      []build.Line // of all targets, as they came
}

// New makes the record of a build, and reads the inventory that it has taken. Only a build for
// Windows may have none.
func New(s Source) (Record, inventory.Inventory, error) {
	fail := func(err error) (Record, inventory.Inventory, error) {
		return Record{}, inventory.Inventory{}, fmt.Errorf("record %s for %s: %w", s.Image.Name, s.Result.Target, err)
	}
	inv, err := readInventory(s.Result.Inventory)
	if errors.Is(err, os.ErrNotExist) && s.Image.Windows() {
		err = nil
	}
	if err != nil {
		return fail(err)
	}
	artifacts, err := artifactsOf(s.Result)
	if err != nil {
		return fail(err)
	}
	image, target := s.Image.For(s.Result.Target), s.Result.Target
	return Record{
		Image: image.Name, Version: s.Version, Target: target, Run: s.Run,
		Definition: s.Definition, Parts: s.Parts, Resolved: image, Base: BaseOf(target, image, s.Lines), Revision: s.Revision,
		Tool: version.String(), Packer: s.Packer, Artifacts: artifacts,
		Began: s.Result.Began.UTC(), Took: s.Result.Took.Seconds(), Steps: Steps(target, s.Result.Began, s.Result.Took, s.Lines),
	}, inv, nil
}

func readInventory(path string) (inventory.Inventory, error) {
	file, err := os.Open(path) //nolint:gosec // written by the build
	if err != nil {
		return inventory.Inventory{}, fmt.Errorf("the build has taken no inventory: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read from
	return inventory.Parse(file)
}

func artifactsOf(r build.Result) ([]Artifact, error) {
	var all []Artifact
	for _, a := range r.Artifacts {
		all = append(all, Artifact{Region: a.Region, ID: a.ID})
	}
	for _, f := range r.Files {
		path := f.Path
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(r.Log), path)
		}
		sum, err := sumOf(path)
		if err != nil {
			return nil, err
		}
		all = append(all, Artifact{File: filepath.Base(path), Bytes: f.Size, SHA256: sum})
	}
	return all, nil
}

// sumOf takes the digest that packer has computed, of files of many gigabytes, or computes it.
func sumOf(path string) (string, error) {
	known, err := os.ReadFile(filepath.Join(filepath.Dir(path), "sha256sums")) //nolint:gosec // written by the build
	if err == nil {
		for line := range strings.Lines(string(known)) {
			if words := strings.Fields(line); len(words) == 2 && words[1] == filepath.Base(path) {
				return words[0], nil
			}
		}
	}
	file, err := os.Open(path) //nolint:gosec // as above
	if err != nil {
		return "", err
	}
	defer file.Close() //nolint:errcheck // only read from
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
