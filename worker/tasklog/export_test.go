package tasklog

import "time"

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
