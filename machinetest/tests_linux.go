package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
)

func testSteps() []testStep {
	var steps []testStep
	for _, pkg := range testPrograms() {
		steps = append(steps, testStep{pkg, func(ctx context.Context, s *site) error { return s.test(ctx, pkg) }})
	}
	return steps
}

// test runs the tests of a package, and says which of them it skips.
func (s *site) test(ctx context.Context, pkg string) error {
	program := filepath.Join(partsFolder, testProgram(pkg))
	out, err := s.run(ctx, "cd "+partsFolder+" && "+program+" -test.v -test.short=false -test.timeout=55m")
	if err != nil {
		return fmt.Errorf("%s: %s", pkg, failures(out, err))
	}
	var passed, skipped int
	for line := range strings.Lines(out) {
		switch line = strings.TrimSpace(line); {
		case strings.HasPrefix(line, "--- PASS"):
			passed++
		case strings.HasPrefix(line, "--- SKIP"):
			skipped++
			say("%s: %s", pkg, line)
		}
	}
	say("%s: %d tests passed, %d skipped", pkg, passed, skipped)
	return nil
}

// failures are the tests that failed, or all that is known.
func failures(out string, err error) string {
	var failed []string
	for line := range strings.Lines(out) {
		if strings.Contains(line, "--- FAIL") || strings.HasPrefix(line, "panic: ") {
			failed = append(failed, strings.TrimSpace(line))
		}
	}
	if failed == nil {
		return err.Error()
	}
	return strings.Join(failed, ", ") + lastLines(out, 40)
}
