package logs

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/workerkit/workerkit/runner/textlog"
)

// What a record may have at most, so that it fits into a datagram. The rest is cut.
const (
	longestMessage = 32 << 10
	longestField   = 8 << 10
	longestRecord  = 128 << 10
)

// patience is how long a record may wait for a journal that is busy.
const patience = time.Second

// identifier is by which the journal's readers find the records: journalctl -t start-worker.
const identifier = "start-worker"

// journal sends records to systemd's journal by its own protocol: one datagram is one record.
type journal struct {
	path     string
	fallback slog.Handler // takes what cannot be sent

	mu   sync.Mutex
	conn net.Conn // nil after a failure
}

func dialJournal(path string, fallback slog.Handler) (*journal, error) {
	conn, err := net.Dial("unixgram", path)
	if err != nil {
		return nil, fmt.Errorf("logs: there is no journal here: %w: the form %s is for machines that systemd runs", err, Journald)
	}
	return &journal{path: path, fallback: fallback, conn: conn}, nil
}

func (j *journal) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.conn == nil {
		return nil
	}
	conn := j.conn
	j.conn = nil
	return conn.Close()
}

// Handle implements sink.
func (j *journal) Handle(ctx context.Context, r slog.Record) error {
	if err := j.send(entry(r)); err != nil {
		return j.fallback.Handle(ctx, r)
	}
	return nil
}

// send sends a record, a second time when the journal has been started anew meanwhile.
func (j *journal) send(data []byte) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.conn != nil {
		if err := write(j.conn, data); err == nil {
			return nil
		}
		_ = j.conn.Close() // it is of no use
		j.conn = nil
	}
	conn, err := net.Dial("unixgram", j.path)
	if err != nil {
		return err
	}
	j.conn = conn
	return write(conn, data)
}

func write(conn net.Conn, data []byte) error {
	if err := conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_, err := conn.Write(data)
	return err
}

// entry is a record in the journal's form. Its message has the attributes too, because that is
// what readers show.
func entry(r slog.Record) []byte {
	var attrs []slog.Attr
	r.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, a)
		return true
	})
	var b bytes.Buffer
	field(&b, "PRIORITY", strconv.Itoa(priority(r.Level)))
	field(&b, "SYSLOG_IDENTIFIER", identifier)
	field(&b, "MESSAGE", shorten(textlog.Text(r.Message, attrs), longestMessage))
	for _, a := range attrs {
		value := shorten(textlog.Value(a.Value), longestField)
		if name := fieldName(a.Key); name != "" && b.Len()+len(name)+len(value) < longestRecord {
			field(&b, name, value)
		}
	}
	return b.Bytes()
}

// field appends one field; a value of several lines is preceded by its length.
func field(b *bytes.Buffer, name, value string) {
	b.WriteString(name)
	if strings.Contains(value, "\n") {
		b.WriteByte('\n')
		b.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(value))))
	} else {
		b.WriteByte('=')
	}
	b.WriteString(value)
	b.WriteByte('\n')
}

// fieldName makes WORKER_POOL_ID of workerPoolId: the journal drops fields with other letters.
// It is "" when nothing is left.
func fieldName(key string) string {
	var name strings.Builder
	lower := false // the letter before was one
	for _, c := range key {
		if lower && unicode.IsUpper(c) {
			name.WriteByte('_')
		}
		lower = unicode.IsLower(c)
		c = unicode.ToUpper(c)
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			c = '_'
		}
		name.WriteRune(c)
	}
	text := strings.TrimLeft(name.String(), "_0123456789") // those in front are the journal's own
	switch text = text[:min(len(text), 60)]; text {
	case "PRIORITY", "SYSLOG_IDENTIFIER", "MESSAGE":
		text += "_"
	}
	return text
}

// priority is syslog's number for a level.
func priority(level slog.Level) int {
	const failure, warning, info = 3, 4, 6
	switch {
	case level >= slog.LevelError:
		return failure
	case level >= slog.LevelWarn:
		return warning
	default:
		return info
	}
}

// shorten cuts text to about so many bytes.
func shorten(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
