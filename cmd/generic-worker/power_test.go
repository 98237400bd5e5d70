package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestOnlyOnePlacePerProgramPowersOff reads all production code: a command or system call that
// ends the machine stands only in a program's power*.go.
func TestOnlyOnePlacePerProgramPowersOff(t *testing.T) {
	root := filepath.Join("..", "..")
	found := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && (name == ".git" || name == "testdata" || name == "bin") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if allowed, _ := filepath.Match(filepath.FromSlash("cmd/*/power*.go"), rel); allowed {
			found[filepath.ToSlash(rel)] = len(endings(file)) > 0
			return err
		}
		for _, what := range endings(file) {
			t.Errorf("%s: %s can end the machine; only cmd/*/power*.go may", rel, what)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"cmd/generic-worker/power_unix.go", "cmd/generic-worker/power_windows.go"} {
		if !found[path] {
			t.Errorf("%s does not power off: this test looks for the wrong thing", path)
		}
	}
}

// endings lists the commands and system calls of a file that power off or reboot.
func endings(file *ast.File) []string {
	command := regexp.MustCompile(`^"((/usr)?/s?bin/|C:.*\\)?(shutdown|poweroff|reboot|halt|systemctl|init)(\.exe)?"$`)
	var all []string
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			text := strings.ReplaceAll(strings.Trim(n.Value, "`"), `\\`, `\`)
			if n.Kind == token.STRING && command.MatchString(`"`+strings.Trim(text, `"`)+`"`) && !isWord(n.Value) {
				all = append(all, n.Value)
			}
		case *ast.CallExpr:
			for i, arg := range n.Args {
				// exec.Command("shutdown"), exec.CommandContext(ctx, "shutdown"): found on PATH
				lit, ok := arg.(*ast.BasicLit)
				if f, isCall := n.Fun.(*ast.SelectorExpr); ok && isCall && i < 2 && strings.HasPrefix(f.Sel.Name, "Command") && command.MatchString(lit.Value) {
					all = append(all, lit.Value)
				}
			}
		case *ast.SelectorExpr:
			if n.Sel.Name == "Reboot" || n.Sel.Name == "ExitWindowsEx" || n.Sel.Name == "InitiateSystemShutdownEx" {
				all = append(all, n.Sel.Name)
			}
		}
		return true
	})
	return all
}

// isWord tells a mere word, such as the protocol's message shutdown, from the path of a program.
func isWord(literal string) bool { return !strings.ContainsAny(literal, `/\.`) }
