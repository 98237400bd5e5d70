package host

import "runtime"

// starter runs functions on a thread of its own, which lasts as long as it does: processes that
// are to die with their parent die with the thread that started them.
type starter struct {
	jobs chan func()
	done chan struct{}
}

func newStarter() *starter {
	s := &starter{make(chan func()), make(chan struct{})}
	go func() {
		defer close(s.done)
		runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
		for job := range s.jobs {
			job()
		}
	}()
	return s
}

// do runs job and returns when it has.
func (s *starter) do(job func()) {
	ran := make(chan struct{})
	s.jobs <- func() {
		defer close(ran)
		job()
	}
	<-ran
}

// close waits for the thread's end. Nothing may be done any more.
func (s *starter) close() {
	close(s.jobs)
	<-s.done
}
