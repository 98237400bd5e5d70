package service

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"
)

// How large a log file gets, how many older ones are kept beside it, and how long the last words
// may take to be written.
const (
	logSize  = 10 << 20
	logsKept = 5
	logDrain = time.Second
)

// logFile is a log that does not fill the disk: x.log, and before it x.1.log, x.2.log, and so on.
type logFile struct {
	path string
	max  int64
	file *os.File
	size int64
}

func openLogFile(path string, size int64) (*logFile, error) {
	l := &logFile{path: path, max: size}
	if err := l.open(); err != nil {
		return nil, err
	}
	return l, nil
}

func (l *logFile) open() error {
	file, err := os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(fmt.Errorf("open the log: %w", err), file.Close())
	}
	l.file, l.size = file, info.Size()
	if err := ownerOnly(l.path); err != nil {
		n, _ := fmt.Fprintf(file, "others may be able to read this log: %v\n", err)
		l.size += int64(n)
	}
	return nil
}

// Write implements io.Writer. A file that cannot be moved away, because somebody has it open, grows
// on. What fails once may succeed the next time.
func (l *logFile) Write(p []byte) (int, error) {
	if l.file == nil {
		if err := l.open(); err != nil {
			return 0, err
		}
	}
	if l.size > 0 && l.size+int64(len(p)) > l.max {
		if err := l.rotate(); err != nil {
			return 0, err
		}
	}
	n, err := l.file.Write(p)
	l.size += int64(n)
	return n, err
}

// rotate begins a new file. Windows renames no file that is open, not even by its owner.
func (l *logFile) rotate() error {
	err := l.file.Close()
	l.file = nil
	if err != nil {
		return err
	}
	for i := logsKept; i > 0; i-- {
		from := l.path
		if i > 1 {
			from = l.old(i - 1)
		}
		if err := os.Rename(from, l.old(i)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if err := l.open(); err != nil {
		return err
	}
	if l.size > 0 {
		l.max += logSize // try again when as much has been added
	}
	return nil
}

func (l *logFile) close() {
	if l.file != nil {
		_ = l.file.Close() // there is nowhere to say more
	}
}

// old is the name of an older file.
func (l *logFile) old(i int) string {
	base, _ := strings.CutSuffix(l.path, ".log")
	return base + "." + strconv.Itoa(i) + ".log"
}

// crashName is the name of the file beside a log that has what a crash says.
func crashName(logName string) string {
	base, _ := strings.CutSuffix(logName, ".log")
	return base + "-crash.log"
}

// output is a file that what is written to goes through to the log. Other programs can have it as
// their standard error, and nobody waits for them: close returns when all has been written, or
// soon.
func (l *logFile) output() (file *os.File, closeLog func(), err error) {
	read, write, err := os.Pipe()
	if err != nil {
		l.close()
		return nil, nil, fmt.Errorf("open the log: %w", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buffer := make([]byte, 32<<10)
		for {
			n, err := read.Read(buffer)
			if err != nil {
				break
			}
			_, _ = l.Write(buffer[:n]) // a full disk must not stop whoever writes, and has room later
		}
		_ = read.Close()
		l.close()
	}()
	return write, func() {
		_ = write.Close()
		select {
		case <-done:
		case <-time.After(logDrain):
		}
	}, nil
}
