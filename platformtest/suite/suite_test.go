package suite

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

const (
	sample = "platformtest/suite/testdata/sample"
	broken = "platformtest/suite/testdata/broken"
)

// here is a platform that is this machine, with a word in the environment.
func here(t *testing.T, without string) Platform {
	t.Helper()
	exceptions, err := Parse(without)
	if err != nil {
		t.Fatal(err)
	}
	return Platform{
		Name: "here", Path: func(path string) string { return path }, Without: exceptions, Parallel: 2,
		Command: func(ctx context.Context, extra []string, program string, args ...string) *exec.Cmd {
			cmd := exec.CommandContext(ctx, program, args...)
			cmd.Env = append(extra, "WORD=one", "WAIT="+os.Getenv("WAIT"))
			return cmd
		},
	}
}

func TestTest(t *testing.T) {
	const most = sample + " TestFails: it cannot.\n" + sample + " TestWord/other: it cannot.\n"
	for name, c := range map[string]struct {
		without string
		options Options
		failed  bool
		want    []string
	}{
		"all pass": {
			most + broken + ": it cannot.", Options{}, false,
			[]string{`^ok  \t` + sample + `\t[0-9.]+s\t2 passed, skipped themselves: TestSkips, 2 not in here$`, `^-   \t` + broken + `\tnot in here: it cannot\.$`},
		},
		"one does not compile": {most, Options{}, true, []string{`undefined: none`, `^FAIL\t` + broken + `\t\[build failed\]$`, `^ok  \t`, `^FAIL: 1 of 2 packages$`}},
		"the list is not used": {
			most + broken + ": it cannot.", Options{all: true}, true,
			[]string{`--- FAIL: TestFails`, `--- FAIL: TestWord/other`, `^FAIL\t` + sample, `^FAIL\t` + broken},
		},
		"one test":    {broken + ": it cannot.", Options{run: "TestPasses", verbose: true}, false, []string{`^--- PASS: TestPasses`, `\t1 passed$`}},
		"out of time": {broken + ": it cannot.", Options{limit: time.Nanosecond}, true, []string{`test timed out`, `^FAIL\t` + sample}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.options.limit == 0 {
				c.options.limit = time.Minute
			} else {
				t.Setenv("WAIT", "for the end of the time")
			}
			var out strings.Builder
			err := c.options.Test(t.Context(), &out, here(t, c.without), []string{"./testdata/sample", "./testdata/broken"})
			if errors.Is(err, errFailed) != c.failed || err != nil && !c.failed {
				t.Errorf("%v, want a failure: %v", err, c.failed)
			}
			for _, line := range c.want {
				if !regexp.MustCompile("(?m)" + line).MatchString(out.String()) {
					t.Errorf("no line %s in\n%s", line, &out)
				}
			}
		})
	}
}

// TestProfile has what was executed.
func TestProfile(t *testing.T) {
	profile := filepath.Join(t.TempDir(), "profile")
	var out strings.Builder
	err := Options{profile: profile, covered: module + "platformtest/leaves", run: "TestPageAndBack", limit: time.Minute}.Test(t.Context(), &out, here(t, ""), []string{"../leaves"})
	if err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(profile), "*")); err != nil || len(left) != 1 {
		t.Errorf("there are %v, %v", left, err)
	}
	if !regexp.MustCompile(`leaves/page\.go:\S+ \d+ 1`).MatchString(read(t, profile)) {
		t.Error("the profile does not have what was executed")
	}
}

func TestTally(t *testing.T) {
	out := "=== RUN   TestA\n--- PASS: TestA (0.01s)\n    --- PASS: TestA/x (0.00s)\n--- SKIP: TestB (0.00s)\n--- PASS: TestC (0.00s)\n"
	if got, want := tally([]byte(out), 2, "Wine"), "2 passed, skipped themselves: TestB, 2 not in Wine"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
