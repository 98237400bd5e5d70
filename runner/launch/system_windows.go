package launch

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/windows"

	"github.com/workerkit/workerkit/internal/ntacl"
	"github.com/workerkit/workerkit/internal/service"
)

// system is Windows.
type system struct{ service.Controller }

// Services are the system's, for workers that are one.
func Services() (s System, closeSystem func(), err error) {
	opened, err := service.Open()
	if err != nil {
		return nil, func() {}, err
	}
	return system{opened}, func() { _ = opened.Close() }, nil
}

// Kill implements System.
func (system) Kill(pid int) error {
	process, err := windows.OpenProcess(windows.PROCESS_TERMINATE, false, uint32(pid)) //nolint:gosec // the system's own number
	if err != nil {
		return err
	}
	defer func() { _ = windows.CloseHandle(process) }()
	return windows.TerminateProcess(process, 1)
}

// pipeBuffer is the size of a pipe's buffers, as the public runner has it.
const pipeBuffer = 64 << 10

// pipe is a named pipe with one end open. There is one instance of it, which exists as soon as the
// pipe does: a worker that opens it once, and does not try again, never finds it missing or busy.
type pipe struct {
	name   string
	handle windows.Handle // 0 when it is closed, or has become a stream
}

// Listen implements System. The public worker opens each pipe for one direction only.
func (system) Listen(name string, in bool) (Pipe, error) {
	path, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return nil, err
	}
	guard, err := ntacl.OnlyUs()
	if err != nil {
		return nil, err
	}
	direction := uint32(windows.PIPE_ACCESS_OUTBOUND)
	if in {
		direction = windows.PIPE_ACCESS_INBOUND
	}
	handle, err := windows.CreateNamedPipe(path, direction|windows.FILE_FLAG_OVERLAPPED|windows.FILE_FLAG_FIRST_PIPE_INSTANCE,
		windows.PIPE_TYPE_BYTE|windows.PIPE_READMODE_BYTE|windows.PIPE_WAIT|windows.PIPE_REJECT_REMOTE_CLIENTS,
		1, pipeBuffer, pipeBuffer, 0, guard)
	if err != nil {
		return nil, fmt.Errorf("make the pipe %s (another program may have it): %w", name, err)
	}
	return &pipe{name, handle}, nil
}

// Connect implements Pipe.
func (p *pipe) Connect(ctx context.Context) (Stream, error) {
	event, err := windows.CreateEvent(nil, 1, 0, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = windows.CloseHandle(event) }()
	wait := &windows.Overlapped{HEvent: event}
	err = windows.ConnectNamedPipe(p.handle, wait)
	switch {
	case errors.Is(err, windows.ERROR_IO_PENDING):
		err = p.await(ctx, wait)
	case errors.Is(err, windows.ERROR_PIPE_CONNECTED): // before we have asked
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("wait for the worker at %s: %w", p.name, err)
	}
	file := os.NewFile(uintptr(p.handle), p.name)
	p.handle = 0
	return file, nil
}

// await waits until a client is there, or ctx ends.
func (p *pipe) await(ctx context.Context, wait *windows.Overlapped) error {
	cancelled := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(cancelled)
		_ = windows.CancelIoEx(p.handle, wait)
	})
	var n uint32
	err := windows.GetOverlappedResult(p.handle, wait, &n, true) // not before the system is done with wait
	if !stop() {
		<-cancelled
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// Close implements Pipe.
func (p *pipe) Close() error {
	if p.handle == 0 {
		return nil
	}
	handle := p.handle
	p.handle = 0
	return windows.CloseHandle(handle)
}
