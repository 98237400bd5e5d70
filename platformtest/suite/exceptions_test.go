package suite

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestExceptionsAreReal: a package or a test that is not there any more is no exception.
func TestExceptionsAreReal(t *testing.T) {
	for _, command := range []string{"onwine", "onarm64"} {
		all, err := Parse(read(t, filepath.Join("..", command, "exceptions.txt")))
		if err != nil || len(all) == 0 {
			t.Fatalf("%s: %d exceptions, %v", command, len(all), err)
		}
		for dir, e := range all {
			tests := testsOf(t, dir)
			for name := range e.tests {
				test, _, _ := strings.Cut(name, "/")
				if !strings.Contains(tests, "\nfunc "+test+"(t *testing.T)") {
					t.Errorf("%s: %s has no %s", command, dir, test)
				}
			}
		}
	}
}

// testsOf is the text of a package's tests.
func testsOf(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(dir), "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Errorf("%s has no tests", dir)
	}
	var text strings.Builder
	for _, file := range files {
		text.WriteString(read(t, file))
	}
	return text.String()
}

func TestParse(t *testing.T) {
	all, err := Parse("# a comment\n\na/b TestX: it cannot.\na/b TestY: it: cannot.\nc: nothing can.\n")
	if err != nil || all["c"].whole != "nothing can." || all["a/b"].tests["TestY"] != "it: cannot." || len(all) != 2 {
		t.Errorf("%v, %v", all, err)
	}
	one, _ := Parse("a TestX/a part: it cannot.")
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
		if _, err := Parse(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
