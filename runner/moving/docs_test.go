package moving_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/runner/moving"
)

// TestTheTableInTheDocumentation is that of the program.
func TestTheTableInTheDocumentation(t *testing.T) {
	const begin, end = "<!-- differences: go test ./runner/moving -update -->\n", "<!-- end -->"
	path := filepath.Join("..", "..", "docs", "migrate.md")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(data), begin)
	table, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("the page has no place for the table")
	}
	var b strings.Builder
	b.WriteString("| half | what | the public programs | ours |\n|---|---|---|---|\n")
	for _, d := range moving.Differences() {
		ours := d.Ours
		if d.Next != "" {
			ours += ". " + strings.ToUpper(d.Next[:1]) + d.Next[1:]
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", d.Half, d.Topic, d.Today, ours)
	}
	if *update {
		if err := os.WriteFile(path, []byte(before+begin+b.String()+end+after), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(b.String(), table); diff != "" {
		t.Error(diff)
	}
}

// TestDifferencesAreSaidOnce, each with both sides.
func TestDifferencesAreSaidOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range moving.Differences() {
		if seen[d.Topic] || d.Topic == "" || d.Today == "" || d.Ours == "" || (d.Half != "runner" && d.Half != "worker") {
			t.Errorf("%+v", d)
		}
		seen[d.Topic] = true
		if strings.Contains(d.Topic+d.Today+d.Ours+d.Next, "|") {
			t.Errorf("%s would break the table", d.Topic)
		}
	}
}
