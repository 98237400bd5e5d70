package tasklog

import (
	"os"
	"testing"
	"time"
)

// BreakSpool makes all further writes to the spool fail, as on a full disk.
func (l *Log) BreakSpool() { _ = l.file.Close() }

// AwaitSpool waits until all full blocks are on disk.
func (l *Log) AwaitSpool() {
	for {
		l.mu.RLock()
		n := len(l.blocks)
		l.mu.RUnlock()
		if n == 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// Spool is what is on disk.
func (l *Log) Spool(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile(l.file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// SpoolOffset is where a block begins on disk.
func (l *Log) SpoolOffset(block int) int64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.index[block].offset
}
