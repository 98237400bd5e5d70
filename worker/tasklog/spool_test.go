package tasklog_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/workerkit/workerkit/worker/tasklog"
)

// inDir makes the test binary write into a log there and then wait to be killed.
const inDir = "TASKLOG_TEST_WRITE_IN"

func TestMain(m *testing.M) {
	if dir := os.Getenv(inDir); dir != "" {
		writeForEver(dir)
	}
	goleak.VerifyTestMain(m)
}

func writeForEver(dir string) {
	l, err := tasklog.New(dir, time.Now)
	if err != nil {
		panic(err)
	}
	for line := text(10 << 20); ; {
		if _, err := l.Write(line); err != nil {
			panic(err)
		}
	}
}

// TestWhatWasFlushedSurvivesKill kills a process that writes and reads its spool.
func TestWhatWasFlushedSurvivesKill(t *testing.T) {
	dir := t.TempDir()
	writer := exec.Command(os.Args[0])
	writer.Env = append(os.Environ(), inDir+"="+dir)
	if err := writer.Start(); err != nil {
		t.Fatal(err)
	}
	var spool string
	for range 3000 {
		found, err := filepath.Glob(filepath.Join(dir, "*.gz"))
		if err != nil {
			t.Fatal(err)
		}
		if len(found) == 1 {
			if info, err := os.Stat(found[0]); err == nil && info.Size() > 1<<20 {
				spool = found[0]
				break
			}
		}
		time.Sleep(time.Millisecond)
	}
	if err := writer.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = writer.Wait() // says that it was killed
	if spool == "" {
		t.Fatal("nothing was written")
	}
	got, err := gunzip(spool)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a log that was cut off ends with %v", err)
	}
	if len(got) < 1<<20 {
		t.Fatalf("only %d bytes came back", len(got))
	}
	for want := text(10 << 20); len(got) > 0; got = got[min(len(got), len(want)):] {
		if n := min(len(got), len(want)); !bytes.Equal(got[:n], want[:n]) {
			t.Fatal("what came back is not what was written")
		}
	}
}

func TestSlowLogIsOnDiskSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		l, err := tasklog.New(dir, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		var want string
		for i := range 20 {
			line := fmt.Sprintf("line %d\n", i)
			want += line
			fmt.Fprint(l, line)
			time.Sleep(3 * time.Second)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		found, err := filepath.Glob(filepath.Join(dir, "*.gz"))
		if err != nil || len(found) != 1 {
			t.Fatalf("spools %v, %v", found, err)
		}
		if got, err := gunzip(found[0]); !errors.Is(err, io.ErrUnexpectedEOF) || string(got) != want {
			t.Errorf("on disk: %q, %v", got, err)
		}
		// Parts of a block do not keep readers from starting anywhere.
		r := l.NewReader(t.Context(), 50)
		part := make([]byte, 20)
		if _, err := io.ReadFull(r, part); err != nil || string(part) != want[50:70] {
			t.Errorf("from 50: %q, %v", part, err)
		}
		r.Close()
		if got := content(t, l); got != want {
			t.Errorf("stored %q", got)
		}
		if err := l.Remove(); err != nil {
			t.Error(err)
		}
	})
}

func TestPartsAndBlocksMix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := tasklog.New(t.TempDir(), time.Now)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Remove()
		want := text(3 << 20)
		for at := 0; at < len(want); {
			n := min(len(want)-at, 1+at/7)
			if _, err := l.Write(want[at : at+n]); err != nil {
				t.Fatal(err)
			}
			at += n
			time.Sleep(2 * time.Second)
		}
		for _, offset := range []int{0, 1, 511 << 10, 512 << 10, 1<<20 + 5, len(want) - 1} {
			r := l.NewReader(t.Context(), int64(offset))
			part := make([]byte, min(1000, len(want)-offset))
			if _, err := io.ReadFull(r, part); err != nil || !bytes.Equal(part, want[offset:offset+len(part)]) {
				t.Errorf("from %d: %v", offset, err)
			}
			r.Close()
		}
		if content(t, l) != string(want) {
			t.Error("what was stored is not what was written")
		}
	})
}

// TestMemoryIsBounded writes much more than may stay in memory.
func TestMemoryIsBounded(t *testing.T) {
	l, line := newLog(t), text(1<<20)
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 40 {
		if _, err := l.Write(line); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	// Blocks in flight and their output, and two encoders per core.
	limit := int64(8+4*runtime.GOMAXPROCS(0)) << 20
	if used := int64(after.HeapAlloc) - int64(before.HeapAlloc); used > limit {
		t.Errorf("a log of 40 MiB takes %d KiB of memory", used>>10)
	}
	if allocated := int64(after.TotalAlloc - before.TotalAlloc); allocated > limit+8<<20 {
		t.Errorf("writing it allocated %d KiB: buffers are not used again", allocated>>10)
	}
}

// TestFullDisk checks that a spool that cannot be written fails the log, soon and for good, while
// memory stays bounded and what is in memory can be read.
func TestFullDisk(t *testing.T) {
	l := newLog(t)
	fmt.Fprint(l, "first\n")
	l.BreakSpool()
	block := text(512 << 10)
	failed := 0
	for range 50 {
		if _, err := l.Write(block); err != nil {
			failed++
		}
	}
	if failed < 40 {
		t.Errorf("%d of 50 writes failed", failed)
	}
	l.Error("late")
	r := l.NewReader(t.Context(), 0)
	defer r.Close()
	line := make([]byte, 6)
	if _, err := io.ReadFull(r, line); err != nil || string(line) != "first\n" {
		t.Errorf("read %q, %v", line, err)
	}
	for range 2 {
		if stored, err := l.Close(); err == nil {
			t.Errorf("stored %+v", stored)
		}
	}
}

// TestFullDiskKeepsTheBeginning: what came to the disk before it was full is a complete log, which
// says why it ends.
func TestFullDiskKeepsTheBeginning(t *testing.T) {
	l := newLog(t)
	begin := text(512 << 10)
	if _, err := l.Write(begin); err != nil {
		t.Fatal(err)
	}
	l.AwaitSpool()
	l.BreakSpool()
	fmt.Fprint(l, "lost\n")
	stored, err := l.Close()
	if err == nil {
		t.Error("nothing says that a part is lost")
	}
	got, err := gunzip(stored.Path)
	if err != nil {
		t.Fatal(err)
	}
	rest, found := strings.CutPrefix(string(got), string(begin))
	if !found || !strings.Contains(rest, "[taskcluster:error] the log ends here") || strings.Contains(rest, "lost\n") || stored.Size != int64(len(got)) {
		t.Errorf("%d bytes of %d are stored as %+v, with the end %q", len(got), len(begin), stored, rest)
	}
}

func BenchmarkWrite(b *testing.B) {
	data := text(64 << 20)
	for _, chunk := range []int{100, 4 << 10, 32 << 10} {
		b.Run(fmt.Sprint(chunk), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				l := newLog(b)
				for at := 0; at < len(data); at += chunk {
					if _, err := l.Write(data[at:min(at+chunk, len(data))]); err != nil {
						b.Fatal(err)
					}
				}
				if _, err := l.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSmallLog(b *testing.B) {
	data := text(3000)
	b.ReportAllocs()
	for b.Loop() {
		l := newLog(b)
		if _, err := l.Write(data); err != nil {
			b.Fatal(err)
		}
		if _, err := l.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
