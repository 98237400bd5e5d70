package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/inventory"
)

// Read reads the record in a folder. It does not check it: see Verify.
func Read(dir string) (Record, inventory.Inventory, error) {
	var r Record
	var inv inventory.Inventory
	err := errors.Join(readJSON(filepath.Join(dir, ManifestFile), &r), readJSON(filepath.Join(dir, InventoryFile), &inv))
	if err != nil {
		return Record{}, inventory.Inventory{}, fmt.Errorf("record: %w", err)
	}
	return r, inv, nil
}

func readJSON(path string, value any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, value); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// Ref names a record.
type Ref struct {
	Image   string
	Version string
	Target  packer.Target
}

// String is "IMAGE/VERSION/TARGET".
func (r Ref) String() string {
	return strings.Join([]string{r.Image, r.Version, string(r.Target)}, "/")
}

// Dir is the folder of the record, below the folder of all records.
func (r Ref) Dir(records string) string {
	return filepath.Join(records, r.Image, r.Version, string(r.Target))
}

// List lists the records below the folder of all records, sorted. There are none where there is
// no such folder.
func List(records string) ([]Ref, error) {
	found, err := fs.Glob(os.DirFS(records), "*/*/*/"+ManifestFile)
	if err != nil {
		return nil, fmt.Errorf("list records: %w", err)
	}
	var all []Ref
	for _, path := range found {
		parts := strings.Split(path, "/")
		// One that begins with a dot is being written.
		if slices.ContainsFunc(parts, func(p string) bool { return strings.HasPrefix(p, ".") }) {
			continue
		}
		all = append(all, Ref{Image: parts[0], Version: parts[1], Target: packer.Target(parts[2])})
	}
	return all, nil
}
