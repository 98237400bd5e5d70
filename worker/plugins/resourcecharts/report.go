package resourcecharts

import (
	"runtime"
	"time"
)

// report is the JSON artifact. Times are seconds since the worker began with the run; numbers of
// bytes and of seconds of processor time are sums since the commands started.
type report struct {
	Version    int       `json:"version"`
	TaskID     string    `json:"taskId"`
	RunID      int64     `json:"runId"`
	Begun      time.Time `json:"begun"`
	Seconds    float64   `json:"seconds"`
	Processors int       `json:"processors"`      // of the machine
	PeakMemory uint64    `json:"peakMemoryBytes"` // as the engine counts: also what the system kept of files
	Phases     []phase   `json:"phases"`
	Samples    []point   `json:"samples"`
}

// phase is a part of the run's life.
type phase struct {
	Name string  `json:"name"` // preparing, running, uploading
	From float64 `json:"from"`
	To   float64 `json:"to"`
}

// point is a sample. The network is the machine's, not the task's alone.
type point struct {
	At       float64 `json:"at"`
	CPU      float64 `json:"cpuSeconds"`
	Memory   uint64  `json:"memoryBytes"` // now
	Read     uint64  `json:"diskReadBytes"`
	Written  uint64  `json:"diskWrittenBytes"`
	Received uint64  `json:"machineReceivedBytes"`
	Sent     uint64  `json:"machineSentBytes"`
}

// report sums up what was recorded until now.
func (h *hooks) report(now time.Time) report {
	since := func(t time.Time) float64 { return seconds(t.Sub(h.begin)) }
	r := report{
		Version: 1, TaskID: h.run.TaskID, RunID: h.run.RunID,
		Begun: h.begin.UTC().Truncate(time.Millisecond), Seconds: since(now), Processors: runtime.NumCPU(),
		Phases: []phase{
			{"preparing", 0, since(h.started)},
			{"running", since(h.started), since(h.ended)},
			{"uploading", since(h.ended), since(now)},
		},
	}
	first, last := h.recording.samples[0], sample{}
	for _, s := range h.recording.samples {
		s.CPU, s.Read, s.Written = max(s.CPU, last.CPU), max(s.Read, last.Read), max(s.Written, last.Written)
		s.Received, s.Sent = max(s.Received, last.Received, first.Received), max(s.Sent, last.Sent, first.Sent)
		last = s
		r.PeakMemory = max(r.PeakMemory, s.Peak, s.Memory)
		r.Samples = append(r.Samples, point{
			At: seconds(s.At), CPU: seconds(s.CPU), Memory: s.Memory, Read: s.Read, Written: s.Written,
			Received: s.Received - first.Received, Sent: s.Sent - first.Sent,
		})
	}
	return r
}

// seconds has three decimals.
func seconds(d time.Duration) float64 {
	const digits = 1000
	return float64(d.Round(time.Millisecond).Milliseconds()) / digits
}
