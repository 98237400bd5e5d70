// Command logs measures a task that prints a gigabyte of log-like text: how fast it goes from
// its first byte to the answer of the upload, how small it is stored, and the worker's peak
// memory.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/workerkit/workerkit/bench/measure"
	"github.com/workerkit/workerkit/local/session"
)

func main() {
	n := flag.Int("n", 3, "how many `tasks`")
	size := flag.String("bytes", "1GiB", "how `much` each prints")
	measure.Main(func(ctx context.Context, s *measure.Stand) error { return logs(ctx, s, *n, *size) })
}

func logs(ctx context.Context, s *measure.Stand, n int, size string) error {
	loggen := filepath.Join(s.Dir, "loggen")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", loggen, "./bench/loggen").CombinedOutput(); err != nil {
		return fmt.Errorf("build bench/loggen: %w: %s", err, out)
	}
	machine, err := s.Machine(ctx)
	if err != nil {
		return err
	}
	var speeds []float64
	var stored int64
	text, err := measureText(ctx, loggen, size)
	if err != nil {
		return err
	}
	for done := range n {
		speed, length, err := one(ctx, s, loggen, size, done)
		if err != nil {
			return err
		}
		speeds, stored = append(speeds, float64(text.plain)/speed.Seconds()/1e6), length
	}
	measure.Spread("log of "+size+": first byte to the PUT's reply", speeds, func(v float64) string { return fmt.Sprintf("%.0f MB/s", v) })
	measure.Row("log of "+size+": stored", measure.Mebibytes(stored), fmt.Sprintf("%.3f of gzip -6 (%s)", float64(stored)/float64(text.gzip), measure.Mebibytes(text.gzip)))
	worker, err := measure.Child(machine.PID(), "generic-worker")
	if err != nil {
		return err
	}
	memory, err := measure.Memory(worker)
	if err != nil {
		return err
	}
	measure.Row("log of "+size+": VmHWM of generic-worker", measure.Mebibytes(memory["VmHWM"]), "RssAnon "+measure.Mebibytes(memory["RssAnon"]))
	return nil
}

// one runs a task and tells the time from its first byte to the reply of the log's upload,
// and the size of what was uploaded.
func one(ctx context.Context, s *measure.Stand, loggen, size string, done int) (time.Duration, int64, error) {
	began := filepath.Join(s.Dir, "began")
	task, err := s.Task(ctx, []string{loggen, "-bytes", size, "-began", began})
	if err != nil {
		return 0, 0, err
	}
	calls, err := s.Await(ctx, "queue", "reportCompleted", done+1)
	if err != nil {
		return 0, 0, err
	}
	uploads := measure.Of(calls, "blob", http.MethodPut)
	if len(uploads) == 0 {
		return 0, 0, errors.New("no upload was recorded")
	}
	said, err := os.ReadFile(began)
	if err != nil {
		return 0, 0, err
	}
	nanoseconds, err := strconv.ParseInt(strings.TrimSpace(string(said)), 10, 64)
	if err != nil {
		return 0, 0, err
	}
	length, err := storedSize(ctx, s, task)
	return uploads[len(uploads)-1].End.Sub(time.Unix(0, nanoseconds)), length, err
}

// storedSize is the size of the log as it is stored, compressed.
func storedSize(ctx context.Context, s *measure.Stand, task string) (int64, error) {
	url, err := s.Tasks().ArtifactURL(task, 0, "public/logs/live_backing.log", time.Minute)
	if err != nil {
		return 0, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Accept-Encoding", "gzip") // as it is, not decoded by the client
	reply, err := session.HTTP().Do(request)
	if err != nil {
		return 0, err
	}
	defer reply.Body.Close()
	if encoding := reply.Header.Get("Content-Encoding"); reply.StatusCode != http.StatusOK || encoding != "gzip" {
		return 0, fmt.Errorf("the stored log: %s, encoding %q", reply.Status, encoding)
	}
	return io.Copy(io.Discard, reply.Body)
}

// text is loggen's text by size, plain and by gzip -6.
type text struct{ plain, gzip int64 }

func measureText(ctx context.Context, loggen, size string) (text, error) {
	generate := exec.CommandContext(ctx, loggen, "-bytes", size)
	compress := exec.CommandContext(ctx, "gzip", "-6", "-c")
	pipe, err := generate.StdoutPipe()
	if err != nil {
		return text{}, err
	}
	var plain, compressed length
	compress.Stdin, compress.Stdout = io.TeeReader(pipe, &plain), &compressed
	if err := generate.Start(); err != nil {
		return text{}, err
	}
	if err := errors.Join(compress.Run(), generate.Wait()); err != nil {
		return text{}, fmt.Errorf("loggen | gzip -6: %w", err)
	}
	return text{int64(plain), int64(compressed)}, nil
}

// length counts what is written to it.
type length int64

func (l *length) Write(p []byte) (int, error) {
	*l += length(len(p))
	return len(p), nil
}
