package record

import (
	"bytes"
	"crypto/ed25519"
	_ "embed" // the page's template
	"fmt"
	"html/template"
	"maps"
	"slices"
	"time"

	"github.com/workerkit/workerkit/packer/inventory"
)

//go:embed page.html
var pageTemplate string //nolint:gochecknoglobals // embedded, never written

// shown is what the page's template shows.
type shown struct {
	Record    Record
	Inventory inventory.Inventory
	Signer    string // the key's fingerprint
	Steps     []bar
	Folders   []folder
	Parts     []string
	Programs  []string
	Files     []string // of the record, beside the page
}

// bar is a step with its part of the whole time.
type bar struct {
	Step

	Percent float64 // of the longest step
}

type folder struct {
	Path  string
	Bytes int64
}

// page is the record for people: one file that needs no other, and no script.
func page(r Record, inv inventory.Inventory, key ed25519.PrivateKey) ([]byte, error) {
	t, err := template.New("page").Funcs(template.FuncMap{"bytes": size, "seconds": seconds, "when": when}).Parse(pageTemplate)
	if err != nil {
		return nil, err
	}
	s := shown{
		Record: r, Inventory: inv, Parts: slices.Sorted(maps.Keys(r.Parts)), Programs: slices.Sorted(maps.Keys(inv.Versions)),
		Files: []string{ManifestFile, InventoryFile, SBOMFile, LogFile, SumsFile},
	}
	if key != nil {
		s.Signer = Fingerprint(key.Public().(ed25519.PublicKey)) //nolint:errcheck // documented to be that
		s.Files = append(s.Files, SignatureFile, KeyFile)
	}
	var longest float64
	for _, step := range r.Steps {
		longest = max(longest, step.Took)
	}
	for _, step := range r.Steps {
		s.Steps = append(s.Steps, bar{step, 100 * step.Took / max(longest, 0.001)})
	}
	for _, path := range slices.Sorted(maps.Keys(inv.Folders)) {
		s.Folders = append(s.Folders, folder{path, inv.Folders[path]})
	}
	var b bytes.Buffer
	err = t.Execute(&b, s)
	return b.Bytes(), err
}

func size(bytes int64) string {
	switch {
	case bytes >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30))
	case bytes >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
	case bytes >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(bytes)/(1<<10))
	}
	return fmt.Sprintf("%d B", bytes)
}

func seconds(took float64) string { return fmt.Sprintf("%.1f s", took) }

func when(at time.Time) string { return at.UTC().Format("2 January 2006, 15:04:05 UTC") }
