package tasklog

import (
	"bytes"
	"context"
)

// LastLines is where the last so many lines of the log begin, of what there is now. Text without a
// newline at its end is a line. It reads as much of the log as the lines are long, from the end on.
// It fails with ctx's cause when that ends first.
func (l *Log) LastLines(ctx context.Context, lines int) (offset int64, err error) {
	end := l.Size()
	if lines <= 0 || end == 0 {
		return end, nil
	}
	last := end - 1 // whether a newline ends the last line is of no account
	for from := last - last%blockSize; ; from -= blockSize {
		found, err := l.newlines(ctx, from, last, -1)
		if err != nil {
			return 0, err
		}
		if found.count >= lines {
			found, err = l.newlines(ctx, from, last, found.count-lines)
			return found.at + 1, err
		}
		if from == 0 {
			return 0, nil
		}
		lines, last = lines-found.count, from
	}
}

// newlines are those in a stretch of the log.
type newlines struct {
	count int
	at    int64 // of the one that was looked for
}

// newlines counts the newlines from a place in the log to another one, or finds the one before which
// there are so many (not negative).
func (l *Log) newlines(ctx context.Context, from, to int64, before int) (n newlines, err error) {
	r := l.NewReader(ctx, from)
	defer r.Close()
	buf := make([]byte, 32<<10)
	for from < to {
		got, err := r.Read(buf[:min(int64(len(buf)), to-from)])
		if err != nil {
			return n, err
		}
		chunk := buf[:got]
		if count := bytes.Count(chunk, []byte{'\n'}); before < 0 || n.count+count <= before {
			n.count += count
			from += int64(got)
			continue
		}
		for ; ; n.count++ {
			i := bytes.IndexByte(chunk, '\n')
			if n.count == before {
				n.at = from + int64(i)
				return n, nil
			}
			from, chunk = from+int64(i)+1, chunk[i+1:]
		}
	}
	return n, nil
}
