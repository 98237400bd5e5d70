// Command logs measures a task that prints a gigabyte of log-like text: how fast it goes from
// its first byte to the answer of the upload, how small it is stored, and the worker's peak
// memory; with -readers and -stuck also how fast while the live log is read, and with -tail how long
// the end of a live log takes:
//
//	go run ./bench/logs -readers 19 -stuck 1
//	go run ./bench/logs -tail -bytes 10GiB -n 20
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
	n := flag.Int("n", 3, "how many `tasks`, or requests of each kind with -tail")
	size := flag.String("bytes", "1GiB", "how `much` each prints")
	var r readers
	flag.IntVar(&r.slow, "readers", 0, "compare with as many tasks whose live log has so `many` readers that each take 1 MB/s")
	flag.IntVar(&r.stuck, "stuck", 0, "and so `many` that take nothing")
	end := flag.Bool("tail", false, "measure how long the end of the live log takes instead")
	measure.Main(func(ctx context.Context, s *measure.Stand) error {
		loggen := filepath.Join(s.Dir, "loggen")
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", loggen, "./bench/loggen").CombinedOutput(); err != nil {
			return fmt.Errorf("build bench/loggen: %w: %s", err, out)
		}
		b := bench{Stand: s, loggen: loggen, size: *size}
		if *end {
			return b.tail(ctx, *n)
		}
		return b.logs(ctx, *n, r)
	})
}

// bench is a stand with the program that prints.
type bench struct {
	*measure.Stand
	loggen, size string
	done         int // tasks
}

func (b *bench) logs(ctx context.Context, n int, r readers) error {
	machine, err := b.Machine(ctx)
	if err != nil {
		return err
	}
	text, err := measureText(ctx, b.loggen, b.size)
	if err != nil {
		return err
	}
	watched := []readers{{}}
	if r != watched[0] {
		watched = append(watched, r)
	}
	speeds := make([][]float64, len(watched))
	var stored int64
	for range n {
		for i, viewers := range watched { // in turns, so that what else the machine does counts for all
			took, length, err := b.one(ctx, viewers)
			if err != nil {
				return err
			}
			speeds[i], stored = append(speeds[i], float64(text.plain)/took.Seconds()/1e6), length
		}
	}
	for i, viewers := range watched {
		measure.Spread("log of "+b.size+viewers.String()+": first byte to PUT's reply", speeds[i], func(v float64) string { return fmt.Sprintf("%.0f MB/s", v) })
	}
	measure.Row("log of "+b.size+": stored", measure.Mebibytes(stored), fmt.Sprintf("%.3f of gzip -6 (%s)", float64(stored)/float64(text.gzip), measure.Mebibytes(text.gzip)))
	return b.memory(machine.PID())
}

// memory prints the worker's.
func (b *bench) memory(startWorker int) error {
	worker, err := measure.Child(startWorker, "generic-worker")
	if err != nil {
		return err
	}
	memory, err := measure.Memory(worker)
	if err != nil {
		return err
	}
	measure.Row("log of "+b.size+": VmHWM of generic-worker", measure.Mebibytes(memory["VmHWM"]), "RssAnon "+measure.Mebibytes(memory["RssAnon"]))
	return nil
}

// one runs a task, which begins when its viewers are there, and tells the time from its first byte to
// the reply of the log's upload, and the size of what was uploaded.
func (b *bench) one(ctx context.Context, viewers readers) (time.Duration, int64, error) {
	began, gate := filepath.Join(b.Dir, "began"), filepath.Join(b.Dir, fmt.Sprintf("gate-%d", b.done))
	script := fmt.Sprintf("while [ ! -e %s ]; do sleep 0.05; done; exec %s -bytes %s -began %s", gate, b.loggen, b.size, began)
	task, err := b.Task(ctx, []string{"/bin/sh", "-c", script})
	if err != nil {
		return 0, 0, err
	}
	stop, err := viewers.watch(ctx, b.Stand, task)
	if err != nil {
		return 0, 0, err
	}
	defer stop()
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		return 0, 0, err
	}
	b.done++
	calls, err := b.Await(ctx, "queue", "reportCompleted", b.done)
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
	length, err := storedSize(ctx, b.Stand, task)
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
