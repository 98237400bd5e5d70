package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/build"
)

func TestPlainProgress(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out, []packer.Target{packer.AWS})
	p.line(build.Line{Target: packer.AWS, Step: "build", Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Text: "==> amazon-ebs.image: Waiting"})
	p.close()
	if got, want := out.String(), "03:04:05 aws   build    ==> amazon-ebs.image: Waiting\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestStatus plays what the terminal is told on a screen of its own.
func TestStatus(t *testing.T) {
	var out bytes.Buffer
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := newStatus(&out, []packer.Target{packer.AWS, packer.GCP}, func() int { return 40 }, func() time.Time { return now })
	s.line(build.Line{Target: packer.AWS, Step: "build", Text: "first"})
	now = now.Add(65 * time.Second)
	s.line(build.Line{Target: packer.GCP, Step: "build", Text: "a line that is longer than the terminal is wide"})
	s.line(build.Line{Target: packer.AWS, Step: "build", Text: "second"})
	s.close()
	want := []string{
		"aws     1m5s  build  second",
		"gcp     1m5s  build  a line that is lon",
	}
	if got := screen(t, out.String()); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the screen shows\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// screen is what a terminal shows after it was told the text.
func screen(t *testing.T, text string) []string {
	t.Helper()
	var lines []string
	row := 0
	for part := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		for strings.HasPrefix(part, "\x1b[2A") {
			part, row = strings.TrimPrefix(part, "\x1b[2A"), row-2
		}
		shown, ok := strings.CutPrefix(part, "\r\x1b[2K")
		if !ok {
			t.Fatalf("a line does not begin by emptying its own: %q", part)
		}
		if row == len(lines) {
			lines = append(lines, "")
		}
		lines[row] = shown
		row++
	}
	return lines
}
