//go:build unix

package commands

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/workerkit/workerkit/internal/proc"
	"github.com/workerkit/workerkit/internal/rmtree"
	"github.com/workerkit/workerkit/worker/commands/mounts"
	"github.com/workerkit/workerkit/worker/engines"
)

// LookVerb is the command of the worker's program that calls Look, with the flags what and path.
const LookVerb = "look"

// What Look can be asked, and the descriptor of the socket through which it passes what it has opened. The
// last four are of apart as hands.
const (
	lookOpen, lookList      = "open", "list"
	keepFolder, keepFile    = "keep-folder", "keep-file"
	removeTree, removeEmpty = "remove", "remove-empty"
	lookSocket              = 3
)

const (
	// lookTime bounds a look, and a grip.
	lookTime = 10 * time.Minute
	// mostListed is how many bytes an answer may have.
	mostListed = 64 << 20
)

// apart are eyes of another process, which runs as the user. It is a task's own to disturb: what it says
// is no more than the task could say.
type apart struct {
	program []string // calls Look with two further flags
	user    *proc.User
	err     error // why there is no program
}

// answer is what Look prints.
type answer struct {
	Root  string   `json:"root,omitempty"`
	Found []string `json:"found,omitempty"`
	Kind  string   `json:"kind,omitempty"` // of the error: wrong, or
	Errno int      `json:"errno,omitempty"`
	Text  string   `json:"text,omitempty"` // when there is no other word for it
}

const (
	wrongKind = "wrong"
	takenKind = "taken"
)

// Look is the other process's part: it opens a file, lists a directory, or does what hands are for, and
// returns what to print.
func Look(what, path string) (string, error) {
	var a answer
	var err error
	switch what {
	case lookOpen:
		err = show(path)
	case lookList:
		a.Root, a.Found, err = walk(context.Background(), path)
	case keepFolder, keepFile:
		a.Root, a.Found, err = reserve(path, what == keepFolder)
	case removeTree:
		err = rmtree.Remove(path)
	case removeEmpty:
		err = os.Remove(path)
	default:
		err = fmt.Errorf("%q: there is no such question", what)
	}
	var errno syscall.Errno
	switch {
	case err == nil:
	case errors.Is(err, engines.ErrWrongKind):
		a.Kind = wrongKind
	case errors.Is(err, mounts.ErrTaken):
		a.Kind = takenKind
	case errors.As(err, &errno):
		a.Errno = int(errno)
	default:
		a.Text = err.Error()
	}
	text, err := json.Marshal(a)
	return string(text), err //nolint:wrapcheck // it cannot fail
}

// show passes an open file on.
func show(path string) error {
	file, err := open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	raw, ok := file.(*os.File)
	if !ok {
		return engines.ErrWrongKind
	}
	return pass(raw)
}

func pass(file *os.File) error {
	return unix.Sendmsg(lookSocket, []byte{0}, unix.UnixRights(int(file.Fd())), nil, 0) //nolint:wrapcheck // an errno
}

func (a apart) open(ctx context.Context, path string) (engines.File, error) {
	_, file, err := a.ask(ctx, lookOpen, path)
	if err != nil {
		return nil, err
	}
	if file == nil {
		return nil, errors.New("the program that looks as the task's user has passed nothing on")
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = engines.ErrWrongKind
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func (a apart) list(ctx context.Context, path string) (root string, found []string, err error) {
	got, _, err := a.ask(ctx, lookList, path)
	return got.Root, got.Found, err
}

// ask runs the program. The file is nil when there is none.
func (a apart) ask(ctx context.Context, what, path string) (got answer, file *os.File, err error) {
	if a.err != nil {
		return got, nil, a.err
	}
	ctx, done := context.WithTimeout(ctx, lookTime)
	defer done()
	ours, theirs, err := socketPair()
	if err != nil {
		return got, nil, err
	}
	defer ours.Close()
	cmd := exec.CommandContext(ctx, a.program[0], append(slices.Clone(a.program[1:]), "--what", what, "--path", path)...) //nolint:gosec // this program
	out := bounded{stop: done}
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.ExtraFiles, cmd.WaitDelay = "/", []string{}, &out, []*os.File{theirs}, time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if a.user != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: a.user.UID, Gid: a.user.GID, Groups: a.user.Groups}
	}
	err = errors.Join(cmd.Run(), theirs.Close())
	if err == nil {
		err = json.Unmarshal(out.kept.Bytes(), &got)
	}
	if err != nil {
		return got, nil, fmt.Errorf("look at %s as the task's user: %w", path, err)
	}
	switch {
	case got.Kind == wrongKind:
		return got, nil, engines.ErrWrongKind
	case got.Kind == takenKind:
		return got, nil, mounts.ErrTaken
	case got.Errno != 0:
		return got, nil, &fs.PathError{Op: what, Path: path, Err: syscall.Errno(got.Errno)}
	case got.Text != "":
		return got, nil, &fs.PathError{Op: what, Path: path, Err: errors.New(got.Text)}
	case what == lookOpen, what == keepFolder, what == keepFile:
		file, err = received(ours, cmp.Or(got.Root, path))
	}
	return got, file, err
}

// socketPair makes a connection of which one end is for another process.
func socketPair() (ours *net.UnixConn, theirs *os.File, err error) {
	syscall.ForkLock.RLock()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fds[0])
		unix.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, fmt.Errorf("make a pair of sockets: %w", err)
	}
	mine := os.NewFile(uintptr(fds[0]), "look")
	theirs = os.NewFile(uintptr(fds[1]), "look")
	conn, err := net.FileConn(mine) // which has a descriptor of its own
	err = errors.Join(err, mine.Close())
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("make a pair of sockets: %w", err), theirs.Close())
	}
	return conn.(*net.UnixConn), theirs, nil //nolint:forcetypeassert // as it was made
}

// received is the file that was passed; nil is none. Whoever passed it has ended, so nothing is waited for.
func received(conn *net.UnixConn, name string) (*os.File, error) {
	const room = 4 // descriptors
	oob := make([]byte, unix.CmsgSpace(room*4))
	if err := conn.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		return nil, err //nolint:wrapcheck // it cannot fail
	}
	_, n, _, _, err := conn.ReadMsgUnix(make([]byte, 1), oob)
	if err != nil {
		return nil, fmt.Errorf("take an open file: %w", err)
	}
	messages, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil {
		return nil, fmt.Errorf("take an open file: %w", err)
	}
	var file *os.File
	for i := range messages {
		fds, _ := unix.ParseUnixRights(&messages[i]) // something else has none
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			if file == nil {
				file = os.NewFile(uintptr(fd), name)
			} else {
				_ = unix.Close(fd)
			}
		}
	}
	return file, nil
}

// bounded keeps what is not too long, and stops whoever says more. It must not have the buffer's other
// methods, by which io.Copy would go around Write.
type bounded struct {
	kept bytes.Buffer
	stop func()
}

// Write implements io.Writer.
func (b *bounded) Write(p []byte) (int, error) {
	if b.kept.Len()+len(p) > mostListed {
		b.stop()
		return 0, errors.New("the answer is too long")
	}
	return b.kept.Write(p)
}
