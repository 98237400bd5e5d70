package define_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/packer/define"
)

func TestVariables(t *testing.T) {
	const text = `
variable "who" {
  default = "default"
}
variable "size" {
  default = 30
}
variable "list" {
  default = ["a"]
}
variable "token" {
  sensitive = true
  default   = "env:TOKEN"
}
variable "free" {
  description = "has no default, and is not used"
}
image "a" {
  ` + qemu + `
  description = var.who
  size        = var.size
  packages    = var.list
  script "s" {
    content     = "true"
    environment = { TOKEN = var.token }
  }
}`
	environment := func(name string) (string, bool) {
		value, ok := map[string]string{"WORKER_IMAGES_VAR_who": "environment", "WORKER_IMAGES_VAR_size": "50"}[name]
		return value, ok
	}
	file := filepath.Join(t.TempDir(), "vars.hcl")
	write(t, file, "who = \"file\"\nlist = [\"b\", \"c\"]\n")
	for _, c := range []struct {
		name    string
		options define.Options
		want    string
	}{
		{"defaults", define.Options{}, "default 30 [a] env:TOKEN"},
		{"environment", define.Options{LookupEnv: environment}, "environment 50 [a] env:TOKEN"},
		{"file over environment", define.Options{LookupEnv: environment, VarFiles: []string{file}}, "file 50 [b c] env:TOKEN"},
		{
			"command line over all",
			define.Options{LookupEnv: environment, VarFiles: []string{file}, Vars: []string{"who=x", "who=line=1", `list=["d"]`, "token=file:/t"}},
			"line=1 50 [d] file:/t",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := load(t, text, c.options)[0]
			if got := fmt.Sprint(i.Description, " ", i.Size, " ", i.Packages, " ", i.Scripts[0].Secrets["TOKEN"]); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// TestFunctions evaluates one call of each function.
func TestFunctions(t *testing.T) {
	var text strings.Builder
	want := map[string]string{
		`chomp("a\n")`: "a", `coalesce(null, "b")`: "b", `compact(["", "a"])[0]`: "a", `concat(["a"], ["b"])[1]`: "b",
		`contains(["a"], "a")`: "true", `distinct(["a", "a", "b"])[1]`: "b", `flatten([["a"], ["b"]])[1]`: "b",
		`format("%s-%03d", "a", 7)`: "a-007", `indent(2, "a\nb")`: "a\n  b", `join(",", ["a", "b"])`: "a,b",
		`jsondecode("{\"a\":1}").a`: "1", `jsonencode({ a = 1 })`: `{"a":1}`, `keys({ a = 1 })[0]`: "a", `length(["a"])`: "1",
		`lookup({ a = "b" }, "c", "d")`: "d", `lower("A")`: "a", `max(1, 2)`: "2", `merge({ a = 1 }, { a = 2 }).a`: "2", `min(1, 2)`: "1",
		`replace("a.b", ".", "-")`: "a-b", `sort(["b", "a"])[0]`: "a", `split(",", "a,b")[1]`: "b", `substr("abc", 1, 1)`: "b",
		`trimprefix("ab", "a")`: "b", `trimspace(" a ")`: "a", `trimsuffix("ab", "b")`: "a", `upper("a")`: "A", `values({ a = 1 })[0]`: "1",
		`file("a.hcl") == "" ? "empty" : "read"`: "read",
	}
	keys := slices.Sorted(maps.Keys(want))
	text.WriteString("image \"a\" {\n" + qemu + "environment = {\n")
	for i, call := range keys {
		fmt.Fprintf(&text, "V%d = %s\n", i, call)
	}
	text.WriteString("}\n}\n")
	got := load(t, text.String(), define.Options{})[0].Environment
	for i, call := range keys {
		if got[fmt.Sprintf("V%d", i)] != want[call] {
			t.Errorf("%s is %q, want %q", call, got[fmt.Sprintf("V%d", i)], want[call])
		}
	}
}
