package commands

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/windows"

	"github.com/workerkit/workerkit/internal/proc"
)

// console is a pseudo console, which stands between the files of a terminal and the programs at it. Without
// a terminal there is none.
type console struct{ *pseudo }

// pseudo is an open one.
type pseudo struct {
	mu     sync.Mutex
	handle windows.Handle // 0 when it is closed
}

// newConsole makes one that reads in and writes out. It keeps copies of both.
func newConsole(in, out *os.File) (*pseudo, error) {
	p := &pseudo{}
	usual := windows.Coord{X: 80, Y: 24}
	if err := windows.CreatePseudoConsole(usual, windows.Handle(in.Fd()), windows.Handle(out.Fd()), 0, &p.handle); err != nil {
		return nil, fmt.Errorf("make a pseudo console: %w", err)
	}
	return p, nil
}

// hangUp ends what is at the console still. It may be repeated.
func (c console) hangUp() {
	if c.pseudo == nil {
		return
	}
	c.mu.Lock()
	handle := c.handle
	c.handle = 0
	c.mu.Unlock()
	if handle != 0 {
		windows.ClosePseudoConsole(handle) // which may wait until its output is read or closed
	}
}

// newShell starts a shell; follow must be called.
func (s *sandbox) newShell(words []string, terminal bool) (*shell, error) {
	spec := proc.Command{Path: powerShell(), Dir: s.run.Dir, Env: s.env, User: s.config.User}
	spec.Args = []string{spec.Path}
	if len(words) > 0 { // by the shell, which finds them in the task's PATH
		spec.Path = shellPath()
		spec.Line = `cmd.exe /D /S /C "` + windows.ComposeCommandLine(words) + `"`
	}
	sh := &shell{terminal: terminal, done: make(chan struct{})}
	in, out, theirIn, theirOut, err := pipes()
	if err != nil {
		return nil, err
	}
	sh.in, sh.out = in, out
	if terminal {
		if sh.console.pseudo, err = newConsole(theirIn, theirOut); err == nil {
			spec.Console = uintptr(sh.console.handle)
		}
	} else {
		spec.Input, spec.Output = theirIn, theirOut
	}
	if err == nil {
		sh.process, err = s.tree.Start(spec)
	}
	theirs := errors.Join(theirIn.Close(), theirOut.Close())
	if err != nil {
		err = errors.Join(err, theirs, in.Close(), out.Close())
		sh.console.hangUp()
		return nil, err
	}
	return sh, nil
}

// powerShell is the one that is a part of Windows, or the older shell where that is left out.
func powerShell() string {
	if dir, err := windows.GetSystemDirectory(); err == nil {
		path := filepath.Join(dir, `WindowsPowerShell\v1.0\powershell.exe`)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return shellPath()
}

// Resize implements engines.Shell.
func (s *shell) Resize(columns, rows uint16) error {
	if s.console.pseudo == nil {
		return nil
	}
	s.console.mu.Lock()
	defer s.console.mu.Unlock()
	if s.console.handle == 0 { // there is nothing to see
		return nil
	}
	const most = 1<<15 - 1
	size := windows.Coord{X: int16(min(columns, most)), Y: int16(min(rows, most))}
	if err := windows.ResizePseudoConsole(s.console.handle, size); err != nil {
		return fmt.Errorf("resize a pseudo console: %w", err)
	}
	return nil
}

// hungUp tells whether a terminal cannot be read because nobody has it any more.
func hungUp(err error) bool { return errors.Is(err, windows.ERROR_BROKEN_PIPE) }
