package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestOnlyProgramsCanSwitchAMachineOff reads all production code: what ends a machine may be
// called in cmd/ alone, from where it is handed on as a function. A test, a demo or a
// benchmark that uses the packages can so never reach it.
func TestOnlyProgramsCanSwitchAMachineOff(t *testing.T) {
	root := filepath.Join("..", "..")
	var found []string
	files := 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if entry.IsDir() {
			if slices.Contains([]string{".git", "tools", "bin", "testdata"}, entry.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") || strings.HasSuffix(rel, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files++
		if what := switchesOff(file); what != "" {
			found = append(found, filepath.ToSlash(filepath.Dir(rel))+": "+what)
			if !strings.HasPrefix(rel, "cmd/") {
				t.Errorf("%s: %s: take it as a function from whoever starts the program", rel, what)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 50 || !slices.Contains(found, "cmd/start-worker: runs shutdown") {
		t.Errorf("the search does not work: %d files, found %q", files, found)
	}
}

// switchesOff names what in a file could end a machine: a system call, or a command that is run.
func switchesOff(file *ast.File) string {
	runs := slices.ContainsFunc(file.Imports, func(i *ast.ImportSpec) bool {
		path := strings.Trim(i.Path.Value, `"`)
		return path == "os/exec" || path == "os" || path == "syscall" || strings.HasPrefix(path, "golang.org/x/sys/")
	})
	what := ""
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			calls := []string{"Reboot", "InitiateSystemShutdown", "InitiateSystemShutdownEx", "InitiateShutdown", "ExitWindowsEx"}
			from, ok := n.X.(*ast.Ident) // the name of a package, or of a value that was handed on
			if ok && slices.Contains([]string{"unix", "syscall", "windows"}, from.Name) && slices.Contains(calls, n.Sel.Name) {
				what = "calls " + n.Sel.Name
			}
		case *ast.CallExpr:
			for _, argument := range n.Args {
				if name := ending(argument); runs && name != "" && starts(n) {
					what = "runs " + name
				}
			}
		case *ast.BasicLit:
			if name := ending(n); runs && name != "" && strings.ContainsAny(n.Value, `/\`) {
				what = "names " + name
			}
		}
		return true
	})
	return what
}

// starts tells whether a call may start a program.
func starts(call *ast.CallExpr) bool {
	selector, ok := call.Fun.(*ast.SelectorExpr)
	return ok && slices.Contains([]string{"Command", "CommandContext", "StartProcess", "Exec", "ForkExec", "LookPath"}, selector.Sel.Name)
}

// ending is the name of a program that ends a machine, if that is what a string says.
func ending(e ast.Expr) string {
	literal, ok := e.(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return ""
	}
	text, _, _ := strings.Cut(strings.Trim(literal.Value, "\"`"), " ")
	name := strings.TrimSuffix(text[strings.LastIndexAny(text, `/\`)+1:], ".exe")
	if slices.Contains([]string{"shutdown", "poweroff", "reboot", "halt", "init"}, name) {
		return name
	}
	return ""
}

func TestSwitchesOff(t *testing.T) {
	for body, want := range map[string]string{
		`exec.Command("shutdown", "-h", "now")`:                        "shutdown",
		`exec.CommandContext(nil, "/sbin/reboot")`:                     "reboot",
		"exec.Command(`C:\\Windows\\System32\\shutdown.exe`)":          "shutdown",
		`x := []string{"/sbin/poweroff"}; _ = x`:                       "poweroff",
		`unix.Reboot(1)`:                                               "Reboot",
		`windows.InitiateSystemShutdownEx(nil)`:                        "InitiateSystemShutdownEx",
		`exec.Command("echo", "shutdownable"); x := "shutdown"; _ = x`: "",
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x\nimport \"os/exec\"\nfunc f() { "+body+" }", 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := switchesOff(file); (got == "") != (want == "") || !strings.HasSuffix(got, want) {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}
