package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/workerkit/workerkit/internal/replace"
	"github.com/workerkit/workerkit/packer"
)

// Load reads a ledger. One that is not there is empty. What is not as Save writes it is an error
// with its file and line.
func Load(path string) (*Ledger, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &Ledger{Channels: map[string][]Version{}}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	l, err := parse(data)
	if wrong, ok := errors.AsType[*wrong](err); ok {
		line := 1 + bytes.Count(data[:min(wrong.offset, len(data))], []byte("\n"))
		return nil, fmt.Errorf("read the ledger: %s:%d: %w", path, line, wrong.err)
	}
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %s: %w", path, err)
	}
	return l, nil
}

// Save replaces the file. Its text depends on the ledger alone, and a build that is added adds
// lines and changes none. Who does not know that nobody else writes uses Update.
func Save(path string, l *Ledger) error {
	text, err := l.text()
	if err != nil {
		return fmt.Errorf("write the ledger: %w", err)
	}
	if err := replace.File(path, text); err != nil {
		return fmt.Errorf("write the ledger: %w", err)
	}
	return nil
}

func (l *Ledger) text() ([]byte, error) {
	seen := map[string]bool{}
	for _, b := range l.Builds { // what is saved must be readable
		if err := b.check(seen); err != nil {
			return nil, err
		}
	}
	whole := *l
	if whole.Builds == nil {
		whole.Builds = []Build{}
	}
	if whole.Channels == nil {
		whole.Channels = map[string][]Version{}
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(whole)
	return b.Bytes(), err
}

// wrong is an error at a place in the file.
type wrong struct {
	offset int
	err    error
}

// Error implements error.
func (w *wrong) Error() string { return w.err.Error() }

func wrongAt(offset int, format string, args ...any) error {
	return &wrong{offset, fmt.Errorf(format, args...)}
}

// parse reads the text piece by piece, so that each error has a place.
func parse(data []byte) (*Ledger, error) {
	if i := bytes.Index(data, []byte("<<<<<<< ")); i >= 0 && (i == 0 || data[i-1] == '\n') {
		return nil, wrongAt(i, "a merge has left a conflict: keep the builds of both sides")
	}
	l := &Ledger{Channels: map[string][]Version{}}
	d := json.NewDecoder(bytes.NewReader(data))
	r := reader{data: data, decoder: d}
	seen := map[string]bool{}
	if err := r.object(func(key string, at int) error {
		switch key {
		case "builds":
			return r.list(func(at int, raw []byte) error {
				var b Build
				if err := strictly(raw, at, &b); err != nil {
					return err
				}
				l.Builds = append(l.Builds, b)
				if err := b.check(seen); err != nil {
					return wrongAt(at, "%w", err)
				}
				return nil
			})
		case "channels":
			at, raw, err := r.value()
			if err != nil {
				return err
			}
			return strictly(raw, at, &l.Channels)
		}
		return wrongAt(at, "there is no %q in a ledger", key)
	}); err != nil {
		return nil, err
	}
	if rest := bytes.TrimSpace(data[d.InputOffset():]); len(rest) > 0 {
		return nil, wrongAt(len(data)-len(bytes.TrimLeft(data[d.InputOffset():], " \t\r\n")), "something follows the end of the ledger")
	}
	if l.Channels == nil {
		l.Channels = map[string][]Version{}
	}
	return l, nil
}

// check says what a build lacks that all have, and whether it is one of those that were seen.
func (b Build) check(seen map[string]bool) error {
	for _, member := range []struct{ name, value string }{
		{"image", b.Image}, {"version", b.Version}, {"target", string(b.Target)}, {"definition", b.Definition},
	} {
		if member.value == "" {
			return fmt.Errorf("a build has no %s", member.name)
		}
	}
	if !slices.Contains(packer.Targets(), b.Target) {
		return fmt.Errorf("the build %s %s has the target %q, and there is none", b.Image, b.Version, b.Target)
	}
	if seen[b.String()] {
		return fmt.Errorf("the build %s is there twice", b)
	}
	seen[b.String()] = true
	return nil
}
