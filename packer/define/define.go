// Package define reads the definitions of images: HCL files in one folder, in a language of our
// own that docs/reference/image-definitions.md describes. It resolves variables, locals, extends and
// matrix, and checks every value. All that is wrong is reported at once, each with its place.
//
// A file is parsed, and its blocks are compared with the schema (schema.go). An image is then
// evaluated once for each combination of its matrix: the bodies of the images that it extends,
// the furthest first, become trees whose nodes know where they were written (node.go), the trees
// are merged (merge.go), and the result is decoded (decode.go).
package define

import (
	"cmp"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/lock"
)

// EnvPrefix and the name of a variable are the environment variable that sets it.
const EnvPrefix = "WORKER_IMAGES_VAR_"

// maxFile is far above what anybody writes by hand, in bytes.
const maxFile = 1 << 18

// Options are what definitions depend on besides their files. The zero value is usable.
type Options struct {
	Vars      []string                    // "name=value"; of two for one variable the later counts
	VarFiles  []string                    // paths of files with name = value; likewise; Vars count more
	LookupEnv func(string) (string, bool) // as os.LookupEnv; nil is an empty environment
}

// loader reads one folder.
type loader struct {
	dir       string
	options   Options
	files     map[string]*hcl.File
	problems  hcl.Diagnostics
	language  language
	variables map[string]*variable
	locals    map[string]*local
	images    map[string]*source
	order     []*source // in the order of files and lines
	bad       map[hclsyntax.Expression]bool
	unmatched map[hcl.Range]bool // names that some image's matrix does not have, and that have been said
}

// Load reads the *.hcl files of dir and the lock file beside them, and returns all images that
// are to be built, in the order of the definitions. When a definition is wrong the error is an
// *Error.
func Load(dir string, options Options) ([]packer.Image, error) {
	l := &loader{
		dir: dir, options: options, language: newLanguage(dir), files: map[string]*hcl.File{},
		variables: map[string]*variable{}, locals: map[string]*local{}, images: map[string]*source{},
		bad: map[hclsyntax.Expression]bool{}, unmatched: map[hcl.Range]bool{},
	}
	if err := l.parse(); err != nil {
		return nil, err
	}
	pins, err := lock.Load(filepath.Join(dir, lock.FileName))
	if err != nil {
		return nil, err
	}
	l.setVariables()
	l.checkReferences()
	l.evaluateLocals()
	l.checkExtends()
	images := l.resolve()
	if len(l.problems) > 0 {
		return nil, l.err()
	}
	for i := range images {
		pins.Apply(&images[i])
	}
	return images, nil
}

// parse reads all files, and sorts out what is in them.
func (l *loader) parse() error {
	entries, err := os.ReadDir(l.dir)
	if err != nil {
		return fmt.Errorf("read the definitions: %w", err)
	}
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".hcl") || e.Name() == lock.FileName {
			continue
		}
		data, err := readSmall(filepath.Join(l.dir, e.Name()))
		if err != nil {
			return fmt.Errorf("read the definitions: %w", err)
		}
		name := path.Join(filepath.ToSlash(l.dir), e.Name())
		file, problems := parse(data, name)
		l.files[name] = file
		l.problems = append(l.problems, problems...)
		if body, ok := file.Body.(*hclsyntax.Body); ok {
			l.collect(body, problems.HasErrors())
		}
	}
	if len(l.files) == 0 {
		return fmt.Errorf("read the definitions: there is no .hcl file in %s", l.dir)
	}
	return nil
}

func readSmall(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, fmt.Errorf("%s: it is no file, or larger than %d bytes", name, maxFile)
	}
	return os.ReadFile(name)
}

// fail notes a problem.
func (l *loader) fail(at hcl.Range, summary, format string, args ...any) {
	l.problems = append(l.problems, &hcl.Diagnostic{
		Severity: hcl.DiagError, Summary: summary, Detail: fmt.Sprintf(format, args...), Subject: &at,
	})
}

// failNowhere notes a problem that is not in a file, or whose line must not be shown.
func (l *loader) failNowhere(summary, format string, args ...any) {
	l.problems = append(l.problems, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: fmt.Sprintf(format, args...)})
}

// err is what all problems are: each once, though several images may have met it.
func (l *loader) err() error {
	seen := map[string]bool{}
	e := &Error{files: l.files}
	for _, p := range l.problems {
		clean(p)
		if key := p.Error() + rangeOf(p).String(); !seen[key] {
			seen[key] = true
			e.Problems = append(e.Problems, p)
		}
	}
	slices.SortStableFunc(e.Problems, func(a, b *hcl.Diagnostic) int {
		x, y := rangeOf(a), rangeOf(b)
		return cmp.Or(cmp.Compare(x.Filename, y.Filename), cmp.Compare(x.Start.Byte, y.Start.Byte))
	})
	return e
}

func rangeOf(d *hcl.Diagnostic) hcl.Range {
	if d.Subject == nil {
		return hcl.Range{}
	}
	return *d.Subject
}
