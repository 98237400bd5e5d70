package artifacts_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/worker/task"
)

func TestPatternsChooseFilesOfADirectory(t *testing.T) {
	contents := map[string]string{"out/a.txt": "", "out/b.log": "", "out/d/c.txt": "", "out/d/e/f.txt": "", "out/d/e/G.TXT": "", "out/{x}": ""}
	for patterns, want := range map[string][]string{
		`"include": ["*.txt"]`:                           {"a.txt"},
		`"include": ["**/*.txt"]`:                        {"a.txt", "d/c.txt", "d/e/f.txt"},
		`"include": ["**/*.txt"], "exclude": ["d/e/**"]`: {"a.txt", "d/c.txt"},
		`"include": ["d/**"]`:                            {"d/c.txt", "d/e/G.TXT", "d/e/f.txt"},
		`"include": ["?.log", "d/*"]`:                    {"b.log", "d/c.txt"},
		`"exclude": ["**/[a-f].txt"]`:                    {"b.log", "d/e/G.TXT", "{x}"},
		`"exclude": []`:                                  {"a.txt", "b.log", "d/c.txt", "d/e/G.TXT", "d/e/f.txt", "{x}"},
		`"include": ["\\{x\\}"]`:                         {"{x}"},
		`"include": ["**"], "exclude": ["**"]`:           nil,
	} {
		run, err := life(t, `{"artifacts": [{"type": "directory", "path": "out", "name": "n", `+patterns+`}]}`, contents)
		if err != nil {
			t.Errorf("%s: %v", patterns, err)
		}
		var got []string
		for _, c := range run.Queue.Calls() {
			got = append(got, strings.TrimPrefix(c.Name, "n/"))
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", patterns, got, want)
		}
	}
}

func TestNothingIsIncluded(t *testing.T) {
	for optional, lines := range map[string]int{"false": 1, "true": 0} {
		run, err := life(t, `{"artifacts": [{"type": "directory", "path": "out", "include": ["*.xml"], "optional": `+optional+`}]}`, map[string]string{"out/a": ""})
		if got := strings.Count(run.TaskLog(t), "Artifact out: no file of the directory out is included"); err != nil || got != lines {
			t.Errorf("optional %s: %v, warned %d times", optional, err, got)
		}
	}
}

func TestBadPatternsAreMalformed(t *testing.T) {
	for pattern, want := range map[string]string{
		"a[b": "is none", `a\`: "is none", "/abs": "can match nothing", "./a": "can match nothing", "../a": "can match nothing",
		"a.{b,c}": `has alternatives in braces`, `\\{a}`: `has alternatives in braces`,
	} {
		for _, key := range []string{"include", "exclude"} {
			quoted, err := json.Marshal(pattern)
			if err != nil {
				t.Fatal(err)
			}
			run, err := life(t, `{"artifacts": [{"type": "directory", "path": "out", "`+key+`": ["ok", `+string(quoted)+`]}]}`, map[string]string{"out/a": ""})
			if task.Resolve(err) != task.MalformedPayload || !strings.Contains(err.Error(), string(quoted)) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", pattern, err)
			}
			if got := calls(run); len(got) > 0 {
				t.Errorf("%s: calls %v", pattern, got)
			}
		}
	}
	if _, err := life(t, `{"artifacts": [{"type": "file", "path": "a", "include": ["*"]}]}`, nil); task.Resolve(err) != task.MalformedPayload {
		t.Errorf("of a file: %v", err)
	}
}
