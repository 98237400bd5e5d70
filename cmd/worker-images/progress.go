package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/build"
)

// progress shows how a build goes. Its methods may be called at the same time.
type progress interface {
	// line takes what packer has printed.
	line(build.Line)
	// close is called once, after the last line.
	close()
}

// newProgress shows a line for each target on a terminal, and all that packer prints elsewhere.
func newProgress(out io.Writer, targets []packer.Target) progress {
	file, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) || os.Getenv("TERM") == "dumb" {
		return plain{out}
	}
	width := func() int {
		columns, _, err := term.GetSize(int(file.Fd()))
		if err != nil {
			return 80
		}
		return columns
	}
	s := newStatus(out, targets, width, time.Now)
	s.tick(time.Second)
	return s
}

// plain prints every line.
type plain struct{ out io.Writer }

func (p plain) line(l build.Line) {
	fmt.Fprintf(p.out, "%s %-5s %-8s %s\n", l.Time.Format(time.TimeOnly), l.Target, l.Step, l.Text)
}

func (p plain) close() {}

// status keeps a line for each target at the bottom of a terminal: how long it has been built,
// and the last thing that packer said.
type status struct {
	out     io.Writer
	targets []packer.Target
	width   func() int
	now     func() time.Time
	began   time.Time
	stop    func()

	mu    sync.Mutex
	last  map[packer.Target]string
	drawn bool
}

func newStatus(out io.Writer, targets []packer.Target, width func() int, now func() time.Time) *status {
	return &status{out: out, targets: targets, width: width, now: now, began: now(), stop: func() {}, last: map[packer.Target]string{}}
}

// tick draws anew at intervals, so that time is seen to pass, until close.
func (s *status) tick(every time.Duration) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				s.mu.Lock()
				s.draw()
				s.mu.Unlock()
			}
		}
	}()
	s.stop = func() { close(done); <-ended }
}

func (s *status) line(l build.Line) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last[l.Target] = l.Step + "  " + l.Text
	s.draw()
}

// draw writes the lines over those that were drawn before.
func (s *status) draw() {
	var b strings.Builder
	if s.drawn {
		fmt.Fprintf(&b, "\x1b[%dA", len(s.targets))
	}
	for _, t := range s.targets {
		took := s.now().Sub(s.began).Truncate(time.Second)
		text := []rune(fmt.Sprintf("%-5s %6s  %s", t, took, s.last[t]))
		fmt.Fprintf(&b, "\r\x1b[2K%s\n", string(text[:min(len(text), max(1, s.width()-1))]))
	}
	s.drawn = true
	_, _ = io.WriteString(s.out, b.String()) // the log has all of it
}

func (s *status) close() { s.stop() }
