package commands

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/windows"
)

// A pipe has deadlines, holds much, and ends when all of its writers are closed, not when one writes nothing.
func TestPipe(t *testing.T) {
	o, err := newOutput()
	if err != nil {
		t.Fatal(err)
	}
	if err := o.r.SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := o.r.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if err := o.r.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	much := strings.Repeat("x", 512<<10)
	if _, err := io.WriteString(o.w, much); err != nil { // nobody reads yet
		t.Fatal(err)
	}
	var second windows.Handle
	self := windows.CurrentProcess()
	if err := windows.DuplicateHandle(self, windows.Handle(o.w.Fd()), self, &second, 0, false, windows.DUPLICATE_SAME_ACCESS); err != nil {
		t.Fatal(err)
	}
	other := os.NewFile(uintptr(second), "second")
	var all sync.WaitGroup
	var log bytes.Buffer
	o.follow(&all, &log) // closes the first writer
	for range 3 {
		var n uint32
		if err := windows.WriteFile(second, []byte{}, &n, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.WriteString(other, "end"); err != nil {
		t.Fatal(err)
	}
	if err := other.Close(); err != nil {
		t.Error(err)
	}
	all.Wait()
	if log.String() != much+"end" || o.err != nil {
		t.Errorf("%d bytes, %v", log.Len(), o.err)
	}
}
