// Package signing makes and checks the checksums of a release and the signature over them, and
// runs the programs that sign for an operating system.
package signing

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The files that say what is in a release.
const (
	SumsFile      = "SHA256SUMS"
	SignatureFile = SumsFile + ".sig" // of SumsFile: ed25519, in base64
)

// Sums returns the checksums of all files in a folder, as sha256sum writes and checks them,
// without SumsFile and SignatureFile.
func Sums(dir string) (string, error) {
	names, err := contents(dir)
	if err != nil {
		return "", fmt.Errorf("checksums: %w", err)
	}
	var b strings.Builder
	for _, name := range names {
		sum, err := digest(filepath.Join(dir, name))
		if err != nil {
			return "", fmt.Errorf("checksums: %w", err)
		}
		b.WriteString(sum + "  " + name + "\n")
	}
	return b.String(), nil
}

// contents lists the files of a release, sorted. It has no folders.
func contents(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		switch {
		case !e.Type().IsRegular():
			return nil, fmt.Errorf("%s: %s is no regular file", dir, e.Name())
		case e.Name() != SumsFile && e.Name() != SignatureFile:
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Check compares a folder with its checksums. Its error names every file that is missing, that
// differs, and that the checksums do not have.
func Check(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, SumsFile))
	if err != nil {
		return fmt.Errorf("checksums: %w", err)
	}
	want, err := parse(string(text))
	if err != nil {
		return err
	}
	names, err := contents(dir)
	if err != nil {
		return fmt.Errorf("checksums: %w", err)
	}
	var problems []error
	for _, name := range names {
		sum, err := digest(filepath.Join(dir, name))
		switch {
		case err != nil:
			problems = append(problems, err)
		case want[name] == "":
			problems = append(problems, fmt.Errorf("%s is not in %s", name, SumsFile))
		case sum != want[name]:
			problems = append(problems, fmt.Errorf("%s differs from its checksum", name))
		}
		delete(want, name)
	}
	for name := range want {
		problems = append(problems, fmt.Errorf("%s is missing", name))
	}
	slices.SortFunc(problems, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(problems...)
}

// parse reads checksums: name → digest.
func parse(text string) (map[string]string, error) {
	all := map[string]string{}
	number := 0
	for line := range strings.Lines(text) {
		number++
		sum, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		if !ok || len(sum) != 2*sha256.Size || name == "" || strings.ContainsAny(name, `/\`) || name[0] == '.' || all[name] != "" {
			return nil, fmt.Errorf("%s: line %d is no checksum of a file of a release", SumsFile, number)
		}
		all[name] = sum
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: it is empty", SumsFile)
	}
	return all, nil
}

func digest(path string) (string, error) {
	file, err := os.Open(path)
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
