//go:build !windows

package commands

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// newShell starts a shell; follow must be called.
func (s *sandbox) newShell(words []string, terminal bool) (*shell, error) {
	if len(words) == 0 {
		words = []string{"/bin/sh"}
		if path, err := lookPath("bash", s.env, s.run.Dir); err == nil {
			words[0] = path
		}
	}
	spec, err := s.process(0, words)
	if err != nil {
		return nil, err
	}
	sh := &shell{terminal: terminal, done: make(chan struct{})}
	if terminal {
		spec.Env = append(slices.DeleteFunc(slices.Clone(s.env), func(e string) bool { return strings.HasPrefix(e, "TERM=") }), "TERM=xterm-256color")
		spec.Terminal = true
		sh.in, spec.Input, err = s.terminal()
		sh.out, spec.Output = sh.in, spec.Input
	} else {
		sh.in, sh.out, spec.Input, spec.Output, err = pipes()
	}
	if err != nil {
		return nil, err
	}
	sh.process, err = s.tree.Start(spec)
	theirs := errors.Join(spec.Input.Close(), closeOther(spec.Output, spec.Input))
	if err != nil {
		return nil, errors.Join(err, theirs, sh.in.Close(), closeOther(sh.out, sh.in))
	}
	return sh, nil
}

// closeOther closes a file that is not the one that is closed already.
func closeOther(file, closed *os.File) error {
	if file == closed {
		return nil
	}
	return file.Close()
}

// terminal opens both ends of a terminal, the second of which is the task's user's.
func (s *sandbox) terminal() (ours, theirs *os.File, err error) {
	ours, theirs, err = pty.Open()
	if err != nil {
		return nil, nil, fmt.Errorf("open a terminal: %w", err)
	}
	if s.config.User != nil {
		const keep = -1 // the group, by which programs write to the terminals of others
		err = theirs.Chown(int(s.config.User.UID), keep)
	}
	if err == nil {
		err = control(ours, func(fd int) error { // else reading it would hold up its end
			return errors.Join(unix.SetNonblock(fd, true), unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Col: 80, Row: 24}))
		})
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("prepare a terminal: %w", err), ours.Close(), theirs.Close())
	}
	return ours, theirs, nil
}

// console is nothing: a terminal is a file, and ends with those who have it.
type console struct{}

func (console) hangUp() {}

// Resize implements engines.Shell.
func (s *shell) Resize(columns, rows uint16) error {
	if !s.terminal {
		return nil
	}
	select {
	case <-s.done: // there is nothing to see
		return nil
	default:
	}
	err := control(s.in, func(fd int) error {
		return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: rows})
	})
	if err != nil && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("resize a terminal: %w", err)
	}
	return nil
}

// control calls fn with the descriptor of a file, which stays as it is.
func control(file *os.File, fn func(fd int) error) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err //nolint:wrapcheck // names the file
	}
	failed := raw.Control(func(fd uintptr) { err = fn(int(fd)) })
	return errors.Join(failed, err)
}

// hungUp tells whether a terminal cannot be read because nobody has it any more.
func hungUp(err error) bool { return errors.Is(err, syscall.EIO) }
