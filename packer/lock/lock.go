// Package lock reads and writes the lock file of the image definitions: it pins what they leave
// open, so that the same definitions give the same image tomorrow. It holds the exact image that
// each base is, the digest of each download, and the version of the worker.
package lock

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/workerkit/workerkit/internal/version"
	"github.com/workerkit/workerkit/packer"
)

// FileName is the name of the lock file, in the folder of the definitions.
const FileName = "images.lock.hcl"

// origin is what Image.From says of a value that the lock file gives.
const origin = "lock"

// Lock is the content of a lock file. The zero value pins nothing.
type Lock struct {
	Worker    string             // the version of start-worker and generic-worker
	Bases     map[BaseKey]string // the exact image
	Downloads map[string]string  // sha256 by URL, of disk images too
}

// BaseKey names a base without saying which image it is at the moment.
type BaseKey struct {
	Target packer.Target
	Query  string // what is asked for, and where that makes a difference: "us-east-1/amazon/debian-12-*"
}

// KeyOf is the key of the base of a target. It has an empty Query where there is nothing to pin:
// a local disk, and an image that the definition itself names exactly.
func KeyOf(t packer.Target, b packer.Base) BaseKey {
	key := BaseKey{Target: t}
	switch {
	case t == packer.AWS && b.Filter != "":
		key.Query = strings.Join([]string{b.Region, b.Owner, b.Filter}, "/")
	case t == packer.GCP && b.Family != "":
		key.Query = strings.Join([]string{b.Project, b.Family}, "/")
	case t == packer.Azure && b.Publisher != "" && (b.Version == "" || b.Version == "latest"):
		key.Query = strings.Join([]string{b.Publisher, b.Offer, b.SKU}, "/")
	}
	return key
}

// file is the form of a lock file.
type file struct {
	Worker *struct {
		Version string `hcl:"version"`
	} `hcl:"worker,block"`
	Bases []struct {
		Target string `hcl:"target,label"`
		Query  string `hcl:"query,label"`
		ID     string `hcl:"id"`
	} `hcl:"base,block"`
	Downloads []struct {
		URL    string `hcl:"url,label"`
		SHA256 string `hcl:"sha256"`
	} `hcl:"download,block"`
}

var sha256Form = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Load reads a lock file. One that is not there pins nothing.
func Load(path string) (Lock, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Lock{}, nil
	}
	if err != nil {
		return Lock{}, fmt.Errorf("read the lock file: %w", err)
	}
	parsed, problems := hclparse.NewParser().ParseHCL(data, path)
	if problems.HasErrors() {
		return Lock{}, fmt.Errorf("read the lock file: %w", errors.Join(problems.Errs()...))
	}
	var f file
	if problems := gohcl.DecodeBody(parsed.Body, nil, &f); problems.HasErrors() {
		return Lock{}, fmt.Errorf("read the lock file: %w", errors.Join(problems.Errs()...))
	}
	l, err := f.lock()
	if err != nil {
		return Lock{}, fmt.Errorf("read the lock file: %s: %w", path, err)
	}
	return l, nil
}

// lock checks the values.
func (f file) lock() (Lock, error) {
	l := Lock{Bases: map[BaseKey]string{}, Downloads: map[string]string{}}
	var wrong []error
	if f.Worker != nil {
		l.Worker = f.Worker.Version
	}
	for _, b := range f.Bases {
		key := BaseKey{packer.Target(b.Target), b.Query}
		switch {
		case !slices.Contains(packer.Targets(), key.Target):
			wrong = append(wrong, fmt.Errorf("base %q %q: there is no such target", b.Target, b.Query))
		case l.Bases[key] != "":
			wrong = append(wrong, fmt.Errorf("base %q %q is there twice", b.Target, b.Query))
		case b.ID == "":
			wrong = append(wrong, fmt.Errorf("base %q %q has an empty id", b.Target, b.Query))
		}
		l.Bases[key] = b.ID
	}
	for _, d := range f.Downloads {
		switch {
		case l.Downloads[d.URL] != "":
			wrong = append(wrong, fmt.Errorf("download %q is there twice", d.URL))
		case !sha256Form.MatchString(d.SHA256):
			wrong = append(wrong, fmt.Errorf("download %q: a sha256 has 64 digits 0-9 and a-f", d.URL))
		}
		l.Downloads[d.URL] = d.SHA256
	}
	return l, errors.Join(wrong...)
}

// Text is the lock file; it depends on the content alone, not on the order in which it was made.
func (l Lock) Text() []byte {
	f := hclwrite.NewEmptyFile()
	body := f.Body()
	add := func(kind string, labels []string, name, value string) {
		if len(body.Blocks()) > 0 {
			body.AppendNewline()
		}
		body.AppendNewBlock(kind, labels).Body().SetAttributeValue(name, cty.StringVal(value))
	}
	if l.Worker != "" {
		add("worker", nil, "version", l.Worker)
	}
	keys := slices.SortedFunc(maps.Keys(l.Bases), func(a, b BaseKey) int {
		return strings.Compare(string(a.Target)+" "+a.Query, string(b.Target)+" "+b.Query)
	})
	for _, key := range keys {
		add("base", []string{string(key.Target), key.Query}, "id", l.Bases[key])
	}
	for _, url := range slices.Sorted(maps.Keys(l.Downloads)) {
		add("download", []string{url}, "sha256", l.Downloads[url])
	}
	return f.Bytes()
}

// Apply gives the image what the lock file pins and the definition leaves open. Without a version
// of the worker in either, the image gets that of this program.
func (l Lock) Apply(image *packer.Image) {
	if image.Worker.Version == "" {
		image.Worker.Version, image.From["worker.version"] = version.String(), "default"
		if l.Worker != "" {
			image.Worker.Version, image.From["worker.version"] = l.Worker, origin
		}
	}
	for t, b := range image.Bases {
		if id := l.Bases[KeyOf(t, b)]; b.ID == "" && id != "" {
			b.ID, image.From[packer.Key("base", string(t), "id")] = id, origin
		}
		if sum := l.Downloads[b.Disk]; b.SHA256 == "" && sum != "" {
			b.SHA256, image.From[packer.Key("base", string(t), "sha256")] = sum, origin
		}
		image.Bases[t] = b
	}
	for i := range image.Downloads {
		d := &image.Downloads[i]
		if sum := l.Downloads[d.URL]; d.SHA256 == "" && sum != "" {
			d.SHA256, image.From[packer.Key("download", d.Path, "sha256")] = sum, origin
		}
	}
}
