package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestExceptionsAreReal: a package or a test that is not there any more is no exception.
func TestExceptionsAreReal(t *testing.T) {
	all, err := exceptions()
	if err != nil || len(all) == 0 {
		t.Fatalf("%d exceptions, %v", len(all), err)
	}
	for dir, e := range all {
		files, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(dir), "*_test.go"))
		if err != nil || len(files) == 0 {
			t.Errorf("%s has no tests", dir)
		}
		var text strings.Builder
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			text.Write(data)
		}
		for name := range e.tests {
			test, _, _ := strings.Cut(name, "/")
			if !strings.Contains(text.String(), "\nfunc "+test+"(t *testing.T)") {
				t.Errorf("%s has no %s", dir, test)
			}
		}
	}
}

func TestParse(t *testing.T) {
	all, err := parse("# a comment\n\na/b TestX: it cannot.\na/b TestY: it: cannot.\nc: nothing can.\n")
	if err != nil || all["c"].whole != "nothing can." || all["a/b"].tests["TestY"] != "it: cannot." || len(all) != 2 {
		t.Errorf("%v, %v", all, err)
	}
	one, _ := parse("a TestX/a part: it cannot.")
	if got := one["a"].pattern(); got != "^TestX$/^a part$" {
		t.Errorf("left out is %s", got)
	}
	skip := regexp.MustCompile(all["a/b"].pattern())
	for name, want := range map[string]bool{"TestX": true, "TestY": true, "TestXY": false, "ATestX": false} {
		if skip.MatchString(name) != want {
			t.Errorf("%s is left out: %v", name, !want)
		}
	}
	for _, bad := range []string{"a/b TestX", "a/b TestX: no sentence", "a: one.\na: two.", "a T: one.\na T: two."} {
		if _, err := parse(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestTally(t *testing.T) {
	out := "=== RUN   TestA\n--- PASS: TestA (0.01s)\n    --- PASS: TestA/x (0.00s)\n--- SKIP: TestB (0.00s)\n--- PASS: TestC (0.00s)\n"
	if got, want := tally([]byte(out), 2), "2 passed, skipped themselves: TestB, 2 not in Wine"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
