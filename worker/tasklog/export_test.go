package tasklog

// BreakSpool makes all further writes to the spool fail, as on a full disk.
func (l *Log) BreakSpool() { _ = l.file.Close() }
