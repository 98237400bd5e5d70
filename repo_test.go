// Package workerkit_test holds the tests of the repository as a whole: who may import whom,
// what every package must have, and that what the documentation shows is true.
package workerkit_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/workerkit/workerkit"

// source is one parsed Go file; name is its slash-separated path from the root.
type source struct {
	name string
	file *ast.File
	fset *token.FileSet
}

func (s source) dir() string { return path.Dir(s.name) }

func (s source) test() bool { return strings.HasSuffix(s.name, "_test.go") }

// testing tells whether the file is test code: a test, a fake or suite in a <noun>test folder, or a benchmark.
func (s source) testing() bool {
	return s.test() || strings.HasSuffix(s.dir(), "test") || strings.Contains(s.dir(), "test/") || strings.HasPrefix(s.dir(), "bench/")
}

// command tells whether the file belongs to a program.
func (s source) command() bool { return s.file.Name.Name == "main" }

func (s source) at(pos token.Pos) string {
	p := s.fset.Position(pos)
	p.Filename = s.name
	return p.String()
}

// files lists the repository's own files, without what git ignores and without tools/, a
// module of its own.
func files(t *testing.T) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if entry.IsDir() && slices.Contains([]string{".git", "bin", "dist", "node_modules"}, entry.Name()) {
			return fs.SkipDir
		}
		if entry.Type().IsRegular() {
			found = append(found, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// sources parses every Go file for every system, whatever its build constraints.
func sources(t *testing.T) []source {
	t.Helper()
	fset := token.NewFileSet()
	var parsed []source
	for _, name := range files(t) {
		if !strings.HasSuffix(name, ".go") || strings.Contains(name, "testdata/") || strings.HasPrefix(name, "tools/") {
			continue
		}
		file, err := parser.ParseFile(fset, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, source{name, file, fset})
	}
	if len(parsed) < 50 {
		t.Fatalf("found only %d Go files: the walk is broken", len(parsed))
	}
	return parsed
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range sources(t) {
		if s.test() && documented[s.dir()] {
			continue
		}
		doc := s.file.Doc.Text()
		kind := "Package " + s.file.Name.Name + " "
		if s.command() {
			kind = "Command " + path.Base(s.dir()) + " "
		}
		documented[s.dir()] = documented[s.dir()] || strings.HasPrefix(doc, kind)
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s: no file begins with a comment “Package … ” or, in a program, “Command … ”", dir)
		}
	}
}

func TestEveryTopFolderHasAReadme(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") || slices.Contains([]string{"bin", "dist", "node_modules"}, e.Name()) {
			continue
		}
		data, err := os.ReadFile(filepath.Join(e.Name(), "README.md"))
		if err != nil {
			t.Errorf("%s has no README.md: what it is, the rule, how to add one", e.Name())
			continue
		}
		if lines := strings.Count(string(data), "\n"); lines < 8 || lines > 60 {
			t.Errorf("%s/README.md has %d lines; 10 to 60 say enough", e.Name(), lines)
		}
	}
}

func TestModuleFileHasNoReplace(t *testing.T) {
	for _, name := range []string{"go.mod", "tools/go.mod"} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			if strings.HasPrefix(strings.TrimSpace(line), "replace") {
				t.Errorf("%s: %q: a replace works only on the machine of whoever wrote it", name, strings.TrimSpace(line))
			}
		}
	}
}

func TestNoInitFunctions(t *testing.T) {
	for _, s := range sources(t) {
		for _, decl := range s.file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s: func init: make it a value that main passes on", s.at(f.Pos()))
			}
		}
	}
}

func TestNoMutablePackageVariables(t *testing.T) {
	for _, s := range sources(t) {
		if s.test() {
			continue
		}
		for _, decl := range s.file.Decls {
			g, ok := decl.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR || embedded(g.Doc) {
				continue
			}
			for _, spec := range g.Specs {
				v := spec.(*ast.ValueSpec)
				if !constantByHabit(v) && !embedded(v.Doc) {
					t.Errorf("%s: package variable %s: make it a constant, a function, or a field", s.at(v.Pos()), v.Names[0].Name)
				}
			}
		}
	}
}

// constantByHabit is for variables that Go has no constants for: guards, sentinel errors,
// regular expressions, and a program's version, which the linker sets.
func constantByHabit(v *ast.ValueSpec) bool {
	for i, name := range v.Names {
		switch {
		case name.Name == "_", name.Name == "version", name.Name == "builtEngine": // the latter are the linker's
		case strings.HasPrefix(strings.ToLower(name.Name), "err"):
		case i < len(v.Values) && calls(v.Values[i], "regexp", "MustCompile"):
		default:
			return false
		}
	}
	return true
}

func calls(e ast.Expr, pkg, function string) bool {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != function {
		return false
	}
	id, ok := sel.X.(*ast.Ident)
	return ok && id.Name == pkg
}

// embedded tells whether the comment holds a go:embed directive, which Text leaves out.
func embedded(doc *ast.CommentGroup) bool {
	if doc == nil {
		return false
	}
	return slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") })
}

// TestImplementationsAreListed: which engines, plugins and places to boot there are has one
// answer, the list of their program; a folder that is in no list is dead code.
func TestImplementationsAreListed(t *testing.T) {
	for parent, command := range map[string]string{
		"worker/engines": "cmd/generic-worker",
		"worker/plugins": "cmd/generic-worker",
		"providers":      "cmd/start-worker",
	} {
		listed := map[string]bool{}
		for _, s := range sources(t) {
			if s.dir() == command && !s.test() {
				for _, spec := range s.file.Imports {
					listed[strings.Trim(spec.Path.Value, `"`)] = true
				}
			}
		}
		entries, err := os.ReadDir(filepath.FromSlash(parent))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if !e.IsDir() || strings.HasSuffix(e.Name(), "test") || e.Name() == "mock" || e.Name() == "testdata" {
				continue
			}
			if !listed[path.Join(module, parent, e.Name())] {
				t.Errorf("%s/%s is in no list of %s", parent, e.Name(), command)
			}
		}
	}
}

// TestFilesStayPortable: what is true on one machine only does not belong in the repository.
func TestFilesStayPortable(t *testing.T) {
	never := []string{
		"/" + "work/", "proxy." + "golang", "sum." + "golang", "registry." + "npmjs",
		"deb." + "debian", "security." + "debian",
	}
	for _, name := range files(t) {
		data, err := os.ReadFile(filepath.FromSlash(name))
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range never {
			if strings.Contains(string(data), word) {
				t.Errorf("%s names %s", name, word)
			}
		}
	}
}
