package commands

import (
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// stalled is a log that takes nothing until it is released.
type stalled struct {
	strings.Builder

	entered, release chan struct{}
	once             sync.Once
}

func (s *stalled) Write(p []byte) (int, error) {
	s.once.Do(func() { close(s.entered) })
	<-s.release
	return s.Builder.Write(p)
}

// What is in the pipe when the deadline passes is not lost, although the pipe has no end.
func TestDeadlinePassesWhileTheLogIsSlow(t *testing.T) {
	r, held, err := os.Pipe() // held as by a process that cannot be killed
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	w, err := os.Open(os.DevNull) // which follow closes
	if err != nil {
		t.Fatal(err)
	}
	o := &output{r: r, w: w, done: make(chan struct{})}
	log := &stalled{entered: make(chan struct{}), release: make(chan struct{})}
	var copying sync.WaitGroup
	o.follow(&copying, log)
	if _, err := held.WriteString("first "); err != nil {
		t.Fatal(err)
	}
	<-log.entered
	if _, err := held.WriteString("second"); err != nil {
		t.Fatal(err)
	}
	if err := r.SetReadDeadline(time.Now()); err != nil {
		_ = held.Close() // the end comes by itself
		t.Logf("pipes have no deadlines on this system: %v", err)
	}
	close(log.release)
	copying.Wait()
	if got := log.String(); got != "first second" || o.err != nil {
		t.Errorf("the log has %q, %v", got, o.err)
	}
}

// A process that lives on and never is silent does not hold up the end.
func TestDeadlinePassesWhileOutputGoesOn(t *testing.T) {
	o, err := newOutput()
	if err != nil {
		t.Fatal(err)
	}
	r, w := o.r, o.w
	if err := r.SetReadDeadline(time.Time{}); err != nil {
		o.discard()
		t.Skipf("pipes have no deadlines on this system: %v", err)
	}
	o.w, err = os.Open(os.DevNull) // which follow closes
	if err != nil {
		t.Fatal(err)
	}
	var copying, writing sync.WaitGroup
	log := &stalled{entered: make(chan struct{}), release: make(chan struct{})}
	close(log.release)
	o.follow(&copying, log)
	writing.Go(func() {
		defer w.Close()
		text := []byte(strings.Repeat("x", 1<<10))
		for begin := time.Now(); time.Since(begin) < 30*time.Second; {
			if _, err := w.Write(text); err != nil {
				return // the reader has gone
			}
		}
	})
	<-log.entered
	if err := r.SetReadDeadline(time.Now()); err != nil {
		t.Error(err)
	}
	begin := time.Now()
	copying.Wait()
	if took := time.Since(begin); took > 15*time.Second {
		t.Errorf("the end took %s", took)
	}
	writing.Wait()
}

// ended is how long the end of a command is held up by what act does with its output.
func TestEndOfOutput(t *testing.T) {
	const long = time.Minute
	for name, test := range map[string]struct {
		act         func(o *output, until <-chan time.Time)
		least, most time.Duration
	}{
		"silent": {func(_ *output, until <-chan time.Time) { <-until }, linger, linger},
		"a little now and then": {func(o *output, until <-chan time.Time) {
			for tick := time.Tick(linger / 3); ; o.steps.Add(2) {
				select {
				case <-tick:
				case <-until:
					return
				}
			}
		}, most, most},
		"a slow log": {func(o *output, until <-chan time.Time) {
			o.steps.Add(1)
			<-until
		}, long, long + linger},
		"a slow log, and more than the command wrote": {func(o *output, until <-chan time.Time) {
			o.steps.Add(1)
			for tick := time.Tick(linger / 3); ; o.size.Add(readSize) {
				select {
				case <-tick:
				case <-until:
					return
				}
			}
		}, most, most},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := &output{done: make(chan struct{})}
				go func() {
					defer close(o.done)
					test.act(o, time.After(long))
				}()
				synctest.Wait()
				begin := time.Now()
				if err := o.ended(); err != nil {
					t.Error(err)
				}
				if took := time.Since(begin); took < test.least || took > test.most {
					t.Errorf("took %s, want %s to %s", took, test.least, test.most)
				}
				<-o.done
			})
		})
	}
}
