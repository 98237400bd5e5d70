// Package plan says which images have to be built, and why. An image has a content address: the
// hash of all that decides what it is. What the ledger has with that address needs no build.
package plan

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"

	"github.com/workerkit/workerkit/packer"
)

// format changes when the same parts begin to mean another image.
const format = 1

// digits is how many hex digits a part's digest has: enough that no two parts are taken for one
// another by accident.
const digits = 16

// Definition is what one image is in one target.
type Definition struct {
	// Hash is the content address, "sha256:" and 64 hex digits. It is the Definition of records
	// and of the ledger.
	Hash string
	// Parts are what the hash is made of: the digest of each part of the definition by its name.
	// A part that says nothing is absent.
	Parts map[string]string
}

// Definitions computes them, and remembers what many images share. It is not safe for concurrent
// use.
type Definitions struct {
	folder    fs.FS
	sources   map[string]string
	templates map[string]string
}

// NewDefinitions makes one for the images of a folder, in which the files are that they name.
func NewDefinitions(folder fs.FS) *Definitions {
	return &Definitions{folder: folder, sources: map[string]string{}, templates: map[string]string{}}
}

// Of computes the definition of an image in a target: of the values, wherever they stand, of the
// content of the files that it names, and of what this program makes of every image. Secrets
// count by reference.
func (d *Definitions) Of(image packer.Image, target packer.Target) (Definition, error) {
	fail := func(err error) (Definition, error) {
		return Definition{}, fmt.Errorf("hash %s for %s: %w", image.Name, target, err)
	}
	whole, err := d.withSums(image.For(target))
	if err != nil {
		return fail(err)
	}
	values, err := valuesByPart(whole)
	if err != nil {
		return fail(err)
	}
	parts := map[string]string{}
	for name, value := range values {
		text, err := json.Marshal(value) // maps in the order of their keys
		if err != nil {
			return fail(err)
		}
		parts[name] = short(text)
	}
	if parts["templates"], err = d.template(image, target); err != nil {
		return fail(err)
	}
	return Definition{Hash: Hash(parts), Parts: parts}, nil
}

// Hash is the content address of what has these parts.
func Hash(parts map[string]string) string {
	sum := sha256.New()
	fmt.Fprintf(sum, "format=%d\n", format)
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		fmt.Fprintf(sum, "%s=%s\n", name, parts[name])
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil))
}

func short(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])[:digits]
}

// partOf is the part to which a member of packer.Image belongs. A member that is not here is a
// part of its own, so that none can be forgotten.
func partOf(member string) string {
	switch member {
	case "os", "arch":
		return "os"
	case "bases", "targets":
		return "base"
	case "name", "description", "tags":
		return "tags"
	}
	return member
}

// valuesByPart takes an image apart: part -> member -> value. What is empty is absent.
func valuesByPart(image packer.Image) (map[string]map[string]any, error) {
	image.From = nil
	text, err := json.Marshal(image)
	if err != nil {
		return nil, err
	}
	var members map[string]any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&members); err != nil {
		return nil, err
	}
	parts := map[string]map[string]any{}
	for member, value := range members {
		part := partOf(member)
		if parts[part] == nil {
			parts[part] = map[string]any{}
		}
		parts[part][member] = value
	}
	return parts, nil
}

// withSums has the digests of files where the image has their names: a file that is moved makes no
// other image.
func (d *Definitions) withSums(image packer.Image) (packer.Image, error) {
	image.Files, image.Scripts = slices.Clone(image.Files), slices.Clone(image.Scripts)
	for i := range image.Files {
		if err := d.sum(&image.Files[i].Source); err != nil {
			return image, err
		}
	}
	for i := range image.Scripts {
		if err := d.sum(&image.Scripts[i].Source); err != nil {
			return image, err
		}
	}
	return image, nil
}

// sum replaces the name of a file by its digest.
func (d *Definitions) sum(source *string) error {
	name := *source
	if name == "" {
		return nil
	}
	if d.sources[name] == "" {
		file, err := d.folder.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		sum := sha256.New()
		if _, err := io.Copy(sum, file); err != nil {
			return err
		}
		d.sources[name] = "sha256:" + hex.EncodeToString(sum.Sum(nil))
	}
	*source = d.sources[name]
	return nil
}
