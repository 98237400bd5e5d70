package record

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// What can be wrong with a record.
var (
	ErrMissing   = errors.New("a file of the record is missing")
	ErrExtra     = errors.New("there is a file that is no part of the record")
	ErrChanged   = errors.New("the file is not what was recorded")
	ErrUnsigned  = errors.New("the record is not signed")
	ErrSignature = errors.New("the signature is not of these checksums")
	ErrKey       = errors.New("it is signed by another key")
)

// Verdict is what Verify has found out about a record that is whole.
type Verdict struct {
	Signed bool
	Key    ed25519.PublicKey // whose signature it is
	Digests
}

// Verify checks a record: that all files are there and no other, that they are what was recorded,
// and the signature. With keys it must be signed by one of them. Without, the signature is checked
// against the key that the record brings along, which proves that nothing was changed by
// accident, and not whose record it is. The error has all that is wrong with the files.
func Verify(dir string, keys ...ed25519.PublicKey) (Verdict, error) {
	v, err := verify(dir, keys)
	if err != nil {
		return Verdict{}, fmt.Errorf("record %s: %w", dir, err)
	}
	return v, nil
}

func verify(dir string, keys []ed25519.PublicKey) (Verdict, error) {
	text, err := os.ReadFile(filepath.Join(dir, SumsFile)) //nolint:gosec // the folder is the caller's
	if err != nil {
		return Verdict{}, missing(SumsFile, err)
	}
	v := Verdict{Digests: Digests{Sums: digest(text)}}
	if err := v.signature(dir, text, keys); err != nil {
		return Verdict{}, err
	}
	want, err := parseSums(text)
	if err != nil {
		return Verdict{}, err
	}
	v.SBOM = want[SBOMFile]
	return v, whole(dir, want)
}

func missing(name string, err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s: %w", name, ErrMissing)
	}
	return err
}

// signature checks whose checksums they are.
func (v *Verdict) signature(dir string, sums []byte, keys []ed25519.PublicKey) error {
	signature, err := os.ReadFile(filepath.Join(dir, SignatureFile)) //nolint:gosec // as above
	if errors.Is(err, os.ErrNotExist) {
		_, err := os.Lstat(filepath.Join(dir, KeyFile))
		switch {
		case err == nil:
			return fmt.Errorf("%s: %w", SignatureFile, ErrMissing)
		case len(keys) > 0:
			return ErrUnsigned
		}
		return nil
	}
	if err != nil {
		return err
	}
	own, err := LoadPublicKey(filepath.Join(dir, KeyFile))
	if err != nil {
		return missing(KeyFile, err)
	}
	if len(keys) > 0 && !slices.ContainsFunc(keys, func(k ed25519.PublicKey) bool { return k.Equal(own) }) {
		return fmt.Errorf("%w: %s", ErrKey, Fingerprint(own))
	}
	if !ed25519.Verify(own, sums, signature) {
		return fmt.Errorf("%s: %w", SignatureFile, ErrSignature)
	}
	v.Signed, v.Key = true, own
	return nil
}

// whole compares the folder with the checksums.
func whole(dir string, want map[string]string) error {
	var errs []error
	for _, name := range []string{ManifestFile, InventoryFile, SBOMFile, LogFile, PageFile} {
		if want[name] == "" {
			errs = append(errs, fmt.Errorf("%s: %s does not name it: %w", name, SumsFile, ErrMissing))
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, e := range entries {
		there[e.Name()] = true
		_, known := want[e.Name()]
		known = known || slices.Contains([]string{SumsFile, SignatureFile, KeyFile}, e.Name())
		if !known || !e.Type().IsRegular() {
			errs = append(errs, fmt.Errorf("%s: %w", e.Name(), ErrExtra))
		}
	}
	for name, sum := range want {
		switch data, err := os.ReadFile(filepath.Join(dir, name)); { //nolint:gosec // has no slash
		case !there[name]:
			errs = append(errs, fmt.Errorf("%s: %w", name, ErrMissing))
		case err != nil:
			errs = append(errs, err)
		case digest(data) != sum:
			errs = append(errs, fmt.Errorf("%s: %w", name, ErrChanged))
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}
