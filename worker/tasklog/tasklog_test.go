package tasklog_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/workerkit/workerkit/worker/tasklog"
)

func fixedTime() time.Time { return time.Date(2026, 11, 22, 3, 14, 43, 897_600_000, time.UTC) }

func newLog(t testing.TB) *tasklog.Log {
	t.Helper()
	l, err := tasklog.New(t.TempDir(), fixedTime)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Remove(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// content closes the log and returns what gunzip makes of its spool.
func content(t testing.TB, l *tasklog.Log) string {
	t.Helper()
	stored, err := l.Close()
	if err != nil {
		t.Fatal(err)
	}
	text, err := gunzip(stored.Path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(stored.Path)
	if err != nil {
		t.Fatal(err)
	}
	if stored.Size != int64(len(text)) || stored.Size != l.Size() || stored.CompressedSize != info.Size() {
		t.Errorf("stored %+v of %d bytes in a file of %d", stored, len(text), info.Size())
	}
	return string(text)
}

func gunzip(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// text is n bytes of lines that neither repeat nor defy compression.
func text(n int) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "line %d: compiled unit %x of %d in %d ms\n", i, random.Uint32(), random.IntN(100), random.IntN(1000))
	}
	return b.Bytes()[:n]
}

func TestLinesHaveThePrefixesThatConsumersLookFor(t *testing.T) {
	l := newLog(t)
	l.Info("Task ID: %s", "abc")
	fmt.Fprint(l, "output\n")
	l.Warn("two\nlines\n")
	fmt.Fprint(l, "no-newline")
	l.Error("exit status %d", 3)
	fmt.Fprint(l, "again none")
	l.Info("info")
	fmt.Fprint(l, "\n")
	l.Error("last")
	want := "[taskcluster 2026-11-22T03:14:43.897Z] Task ID: abc\n" +
		"output\n" +
		"[taskcluster:warn 2026-11-22T03:14:43.897Z] two\n" +
		"[taskcluster:warn 2026-11-22T03:14:43.897Z] lines\n" +
		"[taskcluster:warn 2026-11-22T03:14:43.897Z] \n" +
		"no-newline\n" +
		"[taskcluster:error] exit status 3\n" +
		"again none\n" +
		"[taskcluster 2026-11-22T03:14:43.897Z] info\n" +
		"\n" +
		"[taskcluster:error] last\n"
	if got := content(t, l); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestSpoolGunzipsToWhatWasWritten(t *testing.T) {
	for _, size := range []int{0, 1, 100, 512<<10 - 1, 512 << 10, 512<<10 + 1, 3<<20 + 7} {
		for _, chunk := range []int{7777, 16 << 10, 2 << 20} {
			t.Run(fmt.Sprint(size, " in ", chunk), func(t *testing.T) {
				l, want := newLog(t), text(size)
				for rest := want; len(rest) > 0; {
					n, err := l.Write(rest[:min(chunk, len(rest))])
					if err != nil {
						t.Fatal(err)
					}
					rest = rest[n:]
				}
				if content(t, l) != string(want) {
					t.Error("what was stored is not what was written")
				}
			})
		}
	}
}

func TestNothingIsTorn(t *testing.T) {
	l := newLog(t)
	var wg sync.WaitGroup
	// Longer than a block: a write is whole however long it is.
	long := strings.Repeat("x", 700<<10) + "\n"
	wg.Go(func() {
		for range 5 {
			fmt.Fprint(l, long)
		}
	})
	for range 4 {
		wg.Go(func() {
			for i := range 500 {
				fmt.Fprintf(l, "output %d of the task\n", i)
				l.Info("first %d\nsecond", i)
			}
		})
	}
	wg.Wait()
	lines := strings.SplitAfter(content(t, l), "\n")
	outputs, infos, longs := 0, 0, 0
	for i, line := range lines {
		switch {
		case line == long:
			longs++
		case strings.HasPrefix(line, "output ") && strings.HasSuffix(line, " of the task\n"):
			outputs++
		case strings.HasPrefix(line, "[taskcluster 2026-11-22T03:14:43.897Z] first "):
			infos++
			if lines[i+1] != "[taskcluster 2026-11-22T03:14:43.897Z] second\n" {
				t.Fatalf("after %q came %.80q", line, lines[i+1])
			}
		case strings.HasSuffix(line, "] second\n"), line == "":
		default:
			t.Fatalf("torn: %.80q", line)
		}
	}
	if outputs != 2000 || infos != 2000 || longs != 5 {
		t.Errorf("%d outputs, %d infos, %d long lines", outputs, infos, longs)
	}
}

func TestReadersSeeTheLogFromAnyOffsetAtAnyTime(t *testing.T) {
	l, want := newLog(t), text(6<<20)
	var wg sync.WaitGroup
	for i := range 12 {
		offset := i * len(want) / 10 // two of them wait for what is still to come
		wg.Go(func() {
			r := l.NewReader(t.Context(), int64(offset))
			defer r.Close()
			got, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(got, want[min(offset, len(want)):]) {
				t.Errorf("from %d: %d bytes, %v", offset, len(got), err)
			}
		})
	}
	random := rand.New(rand.NewPCG(3, 4))
	for rest := want; len(rest) > 0; {
		n, err := l.Write(rest[:min(1+random.IntN(60<<10), len(rest))])
		if err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	if _, err := l.Close(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	for range 50 { // of the complete log, also in the middle of blocks
		offset := random.IntN(len(want))
		r := l.NewReader(t.Context(), int64(offset))
		got := make([]byte, min(1000, len(want)-offset))
		if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, want[offset:offset+len(got)]) {
			t.Fatalf("from %d of the complete log: %v", offset, err)
		}
		r.Close()
	}
}

func TestReaderGoesOnFromMemoryToSpoolAndBack(t *testing.T) {
	l, want := newLog(t), text(4<<20)
	r := l.NewReader(t.Context(), 0)
	defer r.Close()
	var got []byte
	for at := 0; at < len(want); at += 256 << 10 {
		if _, err := l.Write(want[at : at+256<<10]); err != nil {
			t.Fatal(err)
		}
		if at%(1<<20) != 0 {
			continue // falls behind by up to two blocks
		}
		part := make([]byte, at+1000-len(got))
		if _, err := io.ReadFull(r, part); err != nil {
			t.Fatal(err)
		}
		got = append(got, part...)
	}
	if _, err := l.Close(); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(append(got, rest...), want) {
		t.Errorf("read %d bytes of %d, %v", len(got)+len(rest), len(want), err)
	}
}

func TestStuckReaderHoldsUpNobody(t *testing.T) {
	l, want := newLog(t), text(8<<20)
	stuck := l.NewReader(t.Context(), 0)
	defer stuck.Close()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			r := l.NewReader(t.Context(), 0)
			defer r.Close()
			if n, err := io.Copy(io.Discard, r); err != nil || n != int64(len(want)) {
				t.Errorf("reader got %d bytes, %v", n, err)
			}
		})
	}
	one := make([]byte, 1)
	for at := 0; at < len(want); at += 64 << 10 {
		if _, err := l.Write(want[at : at+64<<10]); err != nil {
			t.Fatal(err)
		}
		if at == 0 {
			if _, err := stuck.Read(one); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := l.Close(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	rest, err := io.ReadAll(stuck)
	if err != nil || !bytes.Equal(rest, want[1:]) {
		t.Errorf("the reader that was stuck lost data: %d bytes, %v", len(rest), err)
	}
}

func TestReaderEnds(t *testing.T) {
	cause := errors.New("viewer has gone")
	for name, end := range map[string]func(context.CancelCauseFunc, io.Closer){
		"by Close":   func(_ context.CancelCauseFunc, r io.Closer) { r.Close(); r.Close() },
		"by context": func(cancel context.CancelCauseFunc, _ io.Closer) { cancel(cause) },
	} {
		t.Run(name, func(t *testing.T) {
			l := newLog(t)
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			r := l.NewReader(ctx, 0)
			failed := make(chan error)
			go func() {
				_, err := r.Read(make([]byte, 1)) // nothing was written: waits
				failed <- err
			}()
			end(cancel, r)
			if err := <-failed; !errors.Is(err, fs.ErrClosed) && !errors.Is(err, cause) {
				t.Errorf("ended with %v", err)
			}
			fmt.Fprint(l, "more")
			if _, err := r.Read(make([]byte, 1)); err == nil {
				t.Error("an ended reader goes on")
			}
		})
	}
}

func TestCloseIsFinal(t *testing.T) {
	l := newLog(t)
	fmt.Fprint(l, "text")
	first, err := l.Close()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprint(l, "late"); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("a late write: %v", err)
	}
	l.Error("late")
	second, err := l.Close()
	if err != nil || first != second || content(t, l) != "text" {
		t.Errorf("second close: %+v, %v; first: %+v", second, err, first)
	}
}

func TestRemoveLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	l, err := tasklog.New(dir, fixedTime)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(l, "text")
	for range 2 {
		if err := l.Remove(); err != nil {
			t.Error(err)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

func TestSpoolIsOwnerOnly(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files have no mode bits on Windows; the folder's access list decides")
	}
	l := newLog(t)
	stored, err := l.Close()
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(stored.Path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestNewSaysWhatFailed(t *testing.T) {
	_, err := tasklog.New(filepath.Join(t.TempDir(), "absent"), fixedTime)
	if !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "tasklog: create the spool: ") {
		t.Errorf("error %v", err)
	}
}
