package artifacts

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/artifact"
	"github.com/workerkit/workerkit/worker/tasklog"
)

// every is how often the task's log tells how far long uploads are.
const every = 30 * time.Second

// progress is how far the uploads of a run are. Its methods may be called from any goroutine, once
// begin has been.
type progress struct {
	mu         sync.Mutex
	active     []*transfer // in the order in which they began
	count      int
	size, sent int64
}

// begin tells in log how far the uploads are, until done is called, which tells what they came to.
func (p *progress) begin(log *tasklog.Log) (done func()) {
	began := time.Now()
	ticker := time.NewTicker(every)
	stop := make(chan struct{})
	var telling sync.WaitGroup
	telling.Go(func() {
		for {
			select {
			case now := <-ticker.C:
				for _, line := range p.lines(now) {
					log.Info("%s", line)
				}
			case <-stop:
				return
			}
		}
	})
	return func() {
		ticker.Stop()
		close(stop)
		telling.Wait()
		if line := p.summary(time.Since(began)); line != "" {
			log.Info("%s", line)
		}
	}
}

// lines says how far each upload is that takes long.
func (p *progress) lines(now time.Time) []string {
	p.mu.Lock()
	active := slices.Clone(p.active)
	p.mu.Unlock()
	var lines []string
	for _, t := range active {
		if line := t.line(now); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// summary says what was uploaded; "" is nothing.
func (p *progress) summary(took time.Duration) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.count == 0 {
		return ""
	}
	noun, size, sent := "artifacts", human(p.size), human(p.sent)
	if p.count == 1 {
		noun = "artifact"
	}
	if sent != size {
		size += " (" + sent + " sent)"
	}
	precision := time.Millisecond
	if took > time.Second {
		precision = 100 * time.Millisecond
	}
	return fmt.Sprintf("Uploaded %d %s, %s in %s", p.count, noun, size, took.Round(precision))
}

// enter begins the upload of one artifact.
func (p *progress) enter(name string) *transfer {
	t := &transfer{progress: p, name: name}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.active = append(p.active, t)
	return t
}

// transfer is the upload of one artifact. How far it is tells the position in its file.
type transfer struct {
	progress *progress
	name     string

	mu    sync.Mutex
	doing string
	total int64
	file  io.Seeker // nil: too small to be told of
	last  int64     // the position when it was told, and when that was
	at    time.Time
}

// phase begins to go through a file once more.
func (t *transfer) phase(doing string, total int64, file any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.doing, t.total, t.last, t.at = doing, total, 0, time.Now()
	t.file, _ = file.(io.Seeker)
}

// line says how far it is, unless it has not been at it for long.
func (t *transfer) line(now time.Time) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	took := now.Sub(t.at)
	if t.file == nil || t.total == 0 || took < every {
		return ""
	}
	position, err := t.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return "" // it has just been closed
	}
	rate := float64(position-t.last) / took.Seconds()
	t.last, t.at = position, now
	unit, name := unitOf(t.total)
	return fmt.Sprintf("%s %s: %.1f of %.1f %s, %d %%, %s/s", t.doing, t.name,
		float64(position)/unit, float64(t.total)/unit, name, position*100/t.total, human(int64(rate)))
}

// sent notes that all of it has been uploaded.
func (t *transfer) sent(d artifact.Data) {
	p := t.progress
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count++
	p.size += d.Size
	p.sent += d.Length
}

// leave ends it.
func (t *transfer) leave() {
	p := t.progress
	p.mu.Lock()
	defer p.mu.Unlock()
	p.active = slices.DeleteFunc(p.active, func(other *transfer) bool { return other == t })
}

// human writes a number of bytes as people read it.
func human(n int64) string {
	unit, name := unitOf(n)
	switch {
	case n == 1:
		return "1 byte"
	case unit == 1:
		return fmt.Sprintf("%d %s", n, name)
	}
	return fmt.Sprintf("%.1f %s", float64(n)/unit, name)
}

func unitOf(n int64) (unit float64, name string) {
	switch {
	case n >= 1<<30:
		return 1 << 30, "GiB"
	case n >= 1<<20:
		return 1 << 20, "MiB"
	case n >= 1<<10:
		return 1 << 10, "KiB"
	default:
		return 1, "bytes"
	}
}
