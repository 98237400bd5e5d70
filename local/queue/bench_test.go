package queue_test

import (
	"testing"
	"time"
)

// BenchmarkTask is the life of a task without HTTP: createTask, claimWork, reportCompleted,
// each with its own transaction and its wait for the disk.
func BenchmarkTask(b *testing.B) {
	d, db := open(b, b.TempDir())
	b.Cleanup(func() { _ = db.Close() })
	var claims, reports time.Duration
	for b.Loop() {
		id := d.create()
		begin := time.Now()
		if got := d.claim(); got != id {
			b.Fatalf("claimed %q", got)
		}
		claimed := time.Now()
		d.call("reportCompleted", map[string]string{"taskId": id, "runId": "0"}, "")
		claims += claimed.Sub(begin)
		reports += time.Since(claimed)
	}
	b.ReportMetric(float64(claims.Microseconds())/float64(b.N), "µs/claim")
	b.ReportMetric(float64(reports.Microseconds())/float64(b.N), "µs/report")
}

// BenchmarkTaskHTTP is the same behind the API, with its checks of schemas and scopes.
func BenchmarkTaskHTTP(b *testing.B) {
	f := start(b, shortPoll)
	for b.Loop() {
		id := f.running(nil)
		f.call("reportCompleted", nil, id, "0")
	}
}

// BenchmarkIdlePoll is a claimWork that finds nothing.
func BenchmarkIdlePoll(b *testing.B) {
	f := start(b, time.Nanosecond)
	for b.Loop() {
		f.claim(1)
	}
}
