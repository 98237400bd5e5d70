package tasklog

import (
	"fmt"
	"strings"
)

// timestamp is how the log's consumers read the time: UTC, exactly three decimals.
const timestamp = "2006-01-02T15:04:05.000Z"

const errorPrefix = "[taskcluster:error] "

// Info writes a text of the worker's, each line of it with the prefix "[taskcluster TIME] ".
//
// Where the public worker glues its text to task output that has no newline at its end, a newline is put
// first here, by Warn and Error too: consumers look for the prefixes at the start of lines.
func (l *Log) Info(format string, args ...any) {
	l.lines("[taskcluster "+l.now().UTC().Format(timestamp)+"] ", fmt.Sprintf(format, args...))
}

// Warn writes a text of the worker's, each line of it with the prefix "[taskcluster:warn TIME] ".
func (l *Log) Warn(format string, args ...any) {
	l.lines("[taskcluster:warn "+l.now().UTC().Format(timestamp)+"] ", fmt.Sprintf(format, args...))
}

// Error writes a text of the worker's, each line of it with the prefix "[taskcluster:error] ",
// without a time.
func (l *Log) Error(format string, args ...any) {
	l.lines(errorPrefix, fmt.Sprintf(format, args...))
}

// lines writes all lines of text at once. A failure is not lost: Close reports it.
func (l *Log) lines(prefix, text string) {
	prefixed := prefix + strings.ReplaceAll(text, "\n", "\n"+prefix) + "\n"
	l.writing.Lock()
	defer l.writing.Unlock()
	if !l.lineStart {
		prefixed = "\n" + prefixed
	}
	_, _ = l.append([]byte(prefixed))
}
