package packer

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
)

// hashFormat changes when the same definition begins to mean another image.
const hashFormat = 1

// Hash is the identity of what a definition says: of its values, wherever in the definitions
// they stand, and of the content of the files that it names, which are read from the folder of
// the definitions. Secrets count by reference. It has the form "sha256:" and 64 hex digits.
func Hash(image Image, folder fs.FS) (string, error) {
	image.From = nil
	content := struct {
		Format  int               `json:"format"`
		Image   Image             `json:"image"`
		Sources map[string]string `json:"sources"`
	}{hashFormat, image, map[string]string{}}
	for _, s := range image.Sources() {
		sum, err := sumOf(folder, s.Path)
		if err != nil {
			return "", fmt.Errorf("hash %s: %w", image.Name, err)
		}
		content.Sources[s.Path] = sum
	}
	text, err := json.Marshal(content) // maps in the order of their keys
	if err != nil {
		return "", fmt.Errorf("hash %s: %w", image.Name, err)
	}
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}

func sumOf(folder fs.FS, name string) (string, error) {
	file, err := folder.Open(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// Source is a file of the folder of the definitions that an image needs.
type Source struct {
	Path string // in that folder, with slashes
	Key  string // of Image.From: the attribute that names it
}

// Sources lists the files that the image's files and scripts come from.
func (i Image) Sources() []Source {
	var all []Source
	for _, f := range i.Files {
		if f.Source != "" {
			all = append(all, Source{f.Source, Key("file", f.Path, "source")})
		}
	}
	for _, s := range i.Scripts {
		if s.Source != "" {
			all = append(all, Source{s.Source, Key("script", s.Name, "source")})
		}
	}
	return all
}

// Key is the path of a value in Image.From: "base.aws.region", "file[\"/etc/motd\"].mode".
func Key(parts ...string) string {
	var key string
	for _, part := range parts {
		switch {
		case !plain(part):
			key += fmt.Sprintf("[%q]", part)
		case key == "":
			key = part
		default:
			key += "." + part
		}
	}
	return key
}

// plain tells whether a part of a key needs no quotes.
func plain(part string) bool {
	for _, c := range part {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return part != ""
}
