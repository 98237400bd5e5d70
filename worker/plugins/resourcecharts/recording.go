package resourcecharts

import "time"

// most is how many samples are kept: more than a page has columns to show, in 70 KiB of memory.
const most = 1024

// sample is what had been used by a time. All but Memory are sums since the start, so that no
// sample that is left out takes anything with it.
type sample struct {
	At             time.Duration // since the run began
	CPU            time.Duration
	Memory, Peak   uint64
	Read, Written  uint64
	Received, Sent uint64 // by the machine
}

// recording is a bounded number of samples: when it is full, every other one goes, and so do those
// to come.
type recording struct {
	every   time.Duration
	samples []sample
}

// due tells whether it is time for another sample.
func (r *recording) due(at time.Duration) bool {
	const slack = interval / 2 // of a ticker
	n := len(r.samples)
	return n == 0 || at-r.samples[n-1].At >= r.every-slack
}

// add adds a sample.
func (r *recording) add(s sample) {
	if len(r.samples) == most {
		r.halve()
	}
	r.samples = append(r.samples, s)
}

// halve keeps the first sample and the later one of each pair after it, with the memory of whichever
// used more.
func (r *recording) halve() {
	kept := r.samples[:1]
	for i := 2; i < len(r.samples); i += 2 {
		s := r.samples[i]
		s.Memory = max(s.Memory, r.samples[i-1].Memory)
		kept = append(kept, s)
	}
	if len(r.samples)%2 == 0 {
		kept = append(kept, r.samples[len(r.samples)-1])
	}
	r.samples = kept
	r.every *= 2
}
