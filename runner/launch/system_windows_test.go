package launch_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	win "golang.org/x/sys/windows"

	"github.com/workerkit/workerkit/internal/service"
	"github.com/workerkit/workerkit/runner/launch"
)

// pipes returns what makes pipes, and a name for one.
func pipes(t *testing.T) (launch.System, string) {
	t.Helper()
	system, closeSystem, err := launch.Services()
	if errors.Is(err, service.ErrPrivileges) {
		t.Skip("only an administrator can do this: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(closeSystem)
	return system, fmt.Sprintf(`\\.\pipe\workerkit-test-%d-%d`, os.Getpid(), time.Now().UnixNano())
}

// open opens a pipe as a worker does.
func open(name string, access uint32) (*os.File, error) {
	path, err := win.UTF16PtrFromString(name)
	if err != nil {
		return nil, err
	}
	handle, err := win.CreateFile(path, access, 0, nil, win.OPEN_EXISTING, 0, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(handle), name), nil
}

// TestNamedPipes: each has one client and one direction, and the runner need not wait for it for ever.
func TestNamedPipes(t *testing.T) {
	system, name := pipes(t)
	for _, in := range []bool{true, false} {
		for _, early := range []bool{true, false} { // the worker opens it before the runner waits
			p, err := system.Listen(name, in)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := system.Listen(name, in); err == nil {
				t.Error("two have made the same pipe")
			}
			access := uint32(win.GENERIC_READ)
			if in {
				access = win.GENERIC_WRITE
			}
			clients := make(chan *os.File, 1)
			dial := func() {
				client, err := open(name, access)
				if err != nil {
					t.Error(err)
				}
				clients <- client
			}
			if early {
				dial()
			} else {
				time.AfterFunc(50*time.Millisecond, dial)
			}
			ctx, done := context.WithTimeout(t.Context(), 20*time.Second)
			stream, err := p.Connect(ctx)
			done()
			if err != nil {
				t.Fatal(err)
			}
			client := <-clients
			if _, err := open(name, access); err == nil {
				t.Error("a second client")
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
			var from io.Reader = client
			var to io.Writer = stream
			if in {
				from, to = stream, client
				if err := stream.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
					t.Error(err)
				}
				if _, err := stream.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("a read without an end: %v", err)
				}
				_ = stream.SetReadDeadline(time.Time{})
			}
			text := make([]byte, 5)
			if _, err := io.WriteString(to, "hello"); err != nil {
				t.Error(err)
			}
			if _, err := io.ReadFull(from, text); err != nil || string(text) != "hello" {
				t.Errorf("%q, %v", text, err)
			}
			if err := errors.Join(client.Close(), stream.Close()); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestNobodyOpensThePipe: the wait ends with its context, however close that is to its begin, and the
// pipe is gone after Close.
func TestNobodyOpensThePipe(t *testing.T) {
	system, name := pipes(t)
	for i := range 50 {
		p, err := system.Listen(name, true)
		if err != nil {
			t.Fatal(err)
		}
		ctx, done := context.WithTimeout(t.Context(), time.Duration(i%10)*time.Millisecond)
		stream, err := p.Connect(ctx)
		done()
		if stream != nil || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("%v, %v", stream, err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := open(name, win.GENERIC_WRITE); !errors.Is(err, win.ERROR_FILE_NOT_FOUND) {
		t.Errorf("the pipe is left: %v", err)
	}
}
