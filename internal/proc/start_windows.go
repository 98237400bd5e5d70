package proc

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// startAs starts a command that package exec cannot start: as another user, at a desktop that this
// user may use, or at a pseudo console.
func startAs(cmd *exec.Cmd, c Command) error {
	line, info, apart, err := described(cmd, c)
	if err != nil {
		return fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	attributes, release, err := passOn(c, &info.StartupInfo)
	if err != nil {
		return fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	defer release()
	info.ProcThreadAttributeList = attributes.List()
	env := block(cmd.Env)
	program, err := windows.UTF16PtrFromString(cmd.Path)
	if err != nil {
		return fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	var dir *uint16
	if cmd.Dir != "" {
		if dir, err = windows.UTF16PtrFromString(cmd.Dir); err != nil {
			return fmt.Errorf("start %s: %w", cmd.Path, err)
		}
	}
	flags := cmd.SysProcAttr.CreationFlags | windows.CREATE_UNICODE_ENVIRONMENT | windows.EXTENDED_STARTUPINFO_PRESENT
	if apart {
		flags |= windows.CREATE_BREAKAWAY_FROM_JOB
	}
	inherits := c.Console == 0
	var made windows.ProcessInformation
	if c.User != nil {
		err = windows.CreateProcessAsUser(windows.Token(c.User.Token), program, line, nil, nil, inherits, flags, &env[0], dir, &info.StartupInfo, &made)
	} else {
		err = windows.CreateProcess(program, line, nil, nil, inherits, flags, &env[0], dir, &info.StartupInfo, &made)
	}
	if apart && errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		err = fmt.Errorf("%w: where the worker is in a job object, that must let processes break away: a job is of one session", err)
	}
	if err != nil {
		return &os.PathError{Op: "start", Path: cmd.Path, Err: err}
	}
	_ = windows.CloseHandle(made.Thread)
	cmd.Process, err = os.FindProcess(int(made.ProcessId)) // it is halted, and so is the one of that number
	if err != nil {
		_ = windows.TerminateProcess(made.Process, 1)
		err = fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return errors.Join(err, windows.CloseHandle(made.Process))
}

// described is the command line, and where the command shows its windows. A user without a session of
// the desktop gets a window station of its own from the system, as this process's is not open to it.
// apart tells whether the session is not this process's: then the command cannot be in a job of this process,
// as whoever starts the worker may have put it into.
func described(cmd *exec.Cmd, c Command) (line *uint16, info *windows.StartupInfoEx, apart bool, err error) {
	text := c.Line
	if text == "" {
		text = windows.ComposeCommandLine(append([]string{cmd.Path}, cmd.Args[min(1, len(cmd.Args)):]...))
	}
	if line, err = windows.UTF16PtrFromString(text); err != nil {
		return nil, nil, false, err
	}
	info = &windows.StartupInfoEx{}
	info.Cb = uint32(unsafe.Sizeof(*info))
	if c.User == nil {
		return line, info, false, nil
	}
	session, err := sessionOf(windows.Token(c.User.Token))
	if err != nil {
		return nil, nil, false, err
	}
	var own uint32
	if err := windows.ProcessIdToSessionId(windows.GetCurrentProcessId(), &own); err != nil {
		return nil, nil, false, fmt.Errorf("the session of this process: %w", err)
	}
	desktop := ""
	if session != 0 {
		desktop = `winsta0\default`
	}
	info.Desktop, err = windows.UTF16PtrFromString(desktop)
	return line, info, session != own, err
}

func sessionOf(t windows.Token) (session uint32, err error) {
	var size uint32
	err = windows.GetTokenInformation(t, windows.TokenSessionId, (*byte)(unsafe.Pointer(&session)), uint32(unsafe.Sizeof(session)), &size)
	if err != nil {
		return 0, fmt.Errorf("the session of a token: %w", err)
	}
	return session, nil
}

// passOn has the command inherit its standard files and nothing else, or have the pseudo console. release
// is called when it was started.
func passOn(c Command, info *windows.StartupInfo) (attributes *windows.ProcThreadAttributeListContainer, release func(), err error) {
	if attributes, err = windows.NewProcThreadAttributeList(1); err != nil {
		return nil, nil, err
	}
	info.Flags |= windows.STARTF_USESTDHANDLES
	if c.Console != 0 { // without standard handles: else this process's own would be taken
		console := *(*unsafe.Pointer)(unsafe.Pointer(&c.Console)) // the handle itself is what the system wants
		if err := attributes.Update(windows.PROC_THREAD_ATTRIBUTE_PSEUDOCONSOLE, console, unsafe.Sizeof(c.Console)); err != nil {
			attributes.Delete()
			return nil, nil, fmt.Errorf("the pseudo console: %w", err)
		}
		return attributes, attributes.Delete, nil
	}
	handles, err := heritable(c)
	release = func() {
		for _, handle := range handles {
			_ = windows.CloseHandle(handle)
		}
		attributes.Delete()
		syscall.ForkLock.Unlock()
	}
	if err == nil {
		info.StdInput, info.StdOutput, info.StdErr = handles[0], handles[1], handles[1]
		err = attributes.Update(windows.PROC_THREAD_ATTRIBUTE_HANDLE_LIST, unsafe.Pointer(&handles[0]), uintptr(len(handles))*unsafe.Sizeof(handles[0]))
	}
	if err != nil {
		release()
		return nil, nil, fmt.Errorf("the standard files: %w", err)
	}
	return attributes, release, nil
}

// heritable makes copies of the standard files that are inherited. It takes the lock under which nothing
// else is started meanwhile.
func heritable(c Command) (copies []windows.Handle, err error) {
	syscall.ForkLock.Lock()
	for _, file := range []*os.File{c.Input, c.Output} {
		if file == nil {
			null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
			if err != nil {
				return copies, err
			}
			defer null.Close()
			file = null
		}
		var duplicate windows.Handle
		self := windows.CurrentProcess()
		if err := windows.DuplicateHandle(self, windows.Handle(file.Fd()), self, &duplicate, 0, true, windows.DUPLICATE_SAME_ACCESS); err != nil {
			return copies, err
		}
		copies = append(copies, duplicate)
	}
	return copies, nil
}

// block is an environment as the system wants it: sorted by name, with a NUL after each and at the end. Of
// entries for one name the last one counts.
func block(env []string) []uint16 {
	named := map[string]string{}
	for _, entry := range env {
		const first = 1 // the system's own names may begin with the sign
		if end := strings.Index(entry[min(first, len(entry)):], "="); end >= 0 {
			named[strings.ToUpper(entry[:first+end])] = entry
		}
	}
	var text []uint16
	for _, name := range slices.Sorted(maps.Keys(named)) {
		if encoded, err := windows.UTF16FromString(named[name]); err == nil { // with its NUL
			text = append(text, encoded...)
		}
	}
	if len(text) == 0 {
		text = []uint16{0}
	}
	return append(text, 0)
}
