package main

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// run is what the tests said as programs for one platform.
type run struct {
	passed, failed, left []string // packages
	tests                int      // left out of packages that were run
	programs             []string // tests of whole programs, with how they ended
}

// read takes the words of go test, and of suite, which has the same ones. A package that was tested
// more than once counts each time.
func (r *run) read(log string) {
	result := regexp.MustCompile(`(?m)^(ok  |FAIL|-   )\t([^\s.]\S*)(.*)$`)
	for _, m := range result.FindAllStringSubmatch(log, -1) {
		name := strings.TrimPrefix(m[2], "github.com/workerkit/workerkit/")
		switch m[1] {
		case "ok  ":
			r.passed = append(r.passed, name)
			r.tests += leftOut(m[3])
		case "FAIL":
			r.failed = append(r.failed, name)
		default:
			r.left = append(r.left, name)
		}
	}
}

// leftOut is how many tests of a package cannot work there.
func leftOut(words string) int {
	m := regexp.MustCompile(`, (\d+) not in `).FindStringSubmatch(words)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1]) // 0 when it is too large
	return n
}

// readPrograms takes what go test -v says of tests of whole programs.
func (r *run) readPrograms(log string) {
	how := map[string]string{"PASS": "passes", "FAIL": "fails", "SKIP": "was skipped"}
	for _, m := range regexp.MustCompile(`(?m)^--- (PASS|FAIL|SKIP): (\S+)`).FindAllStringSubmatch(log, -1) {
		r.programs = append(r.programs, fmt.Sprintf("`%s` %s", m[2], how[m[1]]))
	}
}

// runs are the rows of a table, in the order in which they are first named.
type runs struct {
	names []string
	by    map[string]*run
}

// adder makes the function of a flag that is given as PLATFORM=FILE. A run of which there is no log was
// none, and the page says so.
func (r *runs) adder(read func(*run, string)) func(string) error {
	return func(value string) error {
		name, file, ok := strings.Cut(value, "=")
		if !ok {
			return fmt.Errorf("%q is not PLATFORM=FILE", value)
		}
		if r.by[name] == nil {
			r.names = append(r.names, name)
			r.by[name] = &run{}
		}
		log, err := os.ReadFile(file)
		if err != nil {
			fmt.Fprintf(os.Stderr, "page: %s was not run: %v\n", name, err)
		}
		read(r.by[name], string(log))
		return nil
	}
}

// table says how the runs went.
func (r *runs) table() string {
	var b strings.Builder
	b.WriteString("## Runs\n\n| programs for | packages whose tests pass | that fail | that are left out | tests that are left out of the others | tests of whole programs |\n|---|---|---|---|---|---|\n")
	var failed strings.Builder
	for _, name := range r.names {
		run := r.by[name]
		programs := "with the others"
		if len(run.programs) > 0 {
			programs = strings.Join(run.programs, ", ")
		}
		if len(run.passed)+len(run.failed)+len(run.programs) == 0 {
			fmt.Fprintf(&b, "| %s | not run | | | | |\n", name)
			continue
		}
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %s |\n", name, len(run.passed), len(run.failed), len(run.left), run.tests, programs)
		if len(run.failed) > 0 {
			fmt.Fprintf(&failed, "\nOn %s tests failed in: %s.\n", name, strings.Join(run.failed, ", "))
		}
	}
	return b.String() + failed.String() + "\n"
}
