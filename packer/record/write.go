package record

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/workerkit/workerkit/packer/inventory"
)

// ErrExists is for a record that is there already: records are never changed.
var ErrExists = errors.New("there is such a record already")

// Digests name a record in the ledger: 64 hex digits each.
type Digests struct {
	Sums string // of SumsFile, and so of the whole record
	SBOM string
}

// Write writes the record of a build into dir, a folder that must not exist yet: all of it, or
// nothing when it fails. Log is the path of packer's log, which is copied. A nil key leaves the
// record unsigned.
func Write(dir string, r Record, inv inventory.Inventory, log string, key ed25519.PrivateKey) (Digests, error) {
	d, err := write(dir, public(r), inv, log, key)
	if err != nil {
		return Digests{}, fmt.Errorf("record %s: %w", dir, err)
	}
	return d, nil
}

func write(dir string, r Record, inv inventory.Inventory, log string, key ed25519.PrivateKey) (d Digests, err error) {
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		return d, errors.Join(ErrExists, err)
	}
	files, d, err := content(r, inv, log, key)
	if err != nil {
		return d, err
	}
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil { //nolint:gosec // records are for everybody
		return d, err
	}
	beside, err := os.MkdirTemp(parent, ".new-")
	if err != nil {
		return d, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(beside))
		}
	}()
	if err := writeAll(beside, files); err != nil {
		return d, err
	}
	if err := errors.Join(os.Chmod(beside, 0o755), syncDir(beside)); err != nil { //nolint:gosec // as above
		return d, err
	}
	if err := os.Rename(beside, dir); err != nil {
		if errors.Is(err, fs.ErrExist) { // somebody was faster
			err = ErrExists
		}
		return d, err
	}
	return d, syncDir(parent)
}

// writeAll writes all files at once: the disk takes most of the time, and less for all together.
func writeAll(dir string, files map[string][]byte) error {
	names := slices.Sorted(maps.Keys(files))
	errs := make([]error, len(names))
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() { errs[i] = writeFile(filepath.Join(dir, name), files[name]) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func writeFile(path string, data []byte) (err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644) //nolint:gosec // records are for everybody
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.Write(data); err != nil {
		return err
	}
	return file.Sync()
}

// content makes all files of a record.
func content(r Record, inv inventory.Inventory, log string, key ed25519.PrivateKey) (map[string][]byte, Digests, error) {
	var d Digests
	files := map[string][]byte{}
	var err error
	if files[LogFile], err = os.ReadFile(log); err != nil {
		return nil, d, err
	}
	for name, produce := range map[string]func() ([]byte, error){
		ManifestFile:  func() ([]byte, error) { return text(r) },
		InventoryFile: func() ([]byte, error) { return text(inv) },
		SBOMFile:      func() ([]byte, error) { return sbom(r, inv) },
		PageFile:      func() ([]byte, error) { return page(r, inv, key) },
	} {
		if files[name], err = produce(); err != nil {
			return nil, d, fmt.Errorf("%s: %w", name, err)
		}
	}
	list := sums(files)
	d = Digests{Sums: digest(list), SBOM: digest(files[SBOMFile])}
	files[SumsFile] = list
	if key == nil {
		return files, d, nil
	}
	files[SignatureFile] = ed25519.Sign(key, list)
	files[KeyFile], err = PublicPEM(key.Public().(ed25519.PublicKey)) //nolint:errcheck // documented to be that
	return files, d, err
}

// text is a value as JSON for people.
func text(value any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return b.Bytes(), err
}
