package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRuns(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	native := file("native", "\tgithub.com/workerkit/workerkit/a\t\tcoverage: 0.0% of statements\n"+
		"ok  \tgithub.com/workerkit/workerkit/b\t(cached)\n--- FAIL: TestX (0.00s)\nFAIL\nFAIL\tgithub.com/workerkit/workerkit/c\t0.1s\n"+
		"FAIL\tgithub.com/workerkit/workerkit/d [build failed]\nok  \tgithub.com/workerkit/workerkit/e\t2s\tcoverage: 1% of statements\nFAIL\n")
	other := file("other", "ok  \tb\t0.1s\t3 passed, skipped themselves: TestA TestB, 12 not in Wine\nok  \te\t0.1s\t3 passed, 2 not in Wine\n"+
		"-   \tc\tnot in Wine: it cannot, 3 not in any.\n")
	programs := file("programs", "=== RUN   TestA\n--- PASS: TestA (1.00s)\n    --- PASS: TestA/x (1.00s)\n--- SKIP: TestB (0.00s)\n--- FAIL: TestC (0.00s)\n")
	all := runs{by: map[string]*run{}}
	for _, flag := range []struct {
		read  func(*run, string)
		value string
	}{
		{(*run).read, "Here=" + native}, {(*run).read, "There=" + other}, {(*run).readPrograms, "There=" + programs},
		{(*run).read, "Nowhere=" + filepath.Join(dir, "none")},
	} {
		if err := all.adder(flag.read)(flag.value); err != nil {
			t.Fatal(err)
		}
	}
	table := all.table()
	for _, line := range []string{
		"| Here | 2 | 2 | 0 | 0 | with the others |\n",
		"| There | 2 | 0 | 1 | 14 | `TestA` passes, `TestB` was skipped, `TestC` fails |\n",
		"| Nowhere | not run | | | | |\n",
		"\nOn Here tests failed in: c, d.\n",
	} {
		if !strings.Contains(table, line) {
			t.Errorf("no line %q in\n%s", line, table)
		}
	}
	if err := all.adder((*run).read)("a file"); err == nil {
		t.Error("a platform without a file was taken")
	}
}
