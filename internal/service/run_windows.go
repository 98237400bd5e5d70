package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"
)

// Run runs a program as the Windows service as which it was started, in the program's folder, with
// its log there, and returns its exit code, which the system has been told as the service's own.
func Run(logName string, program Main) (int, error) {
	h := &handler{logName: logName, program: program}
	if err := svc.Run("", h); err != nil { // the system knows the name
		return 0, fmt.Errorf("run as a service: %w", err)
	}
	return h.code, nil
}

type handler struct {
	logName string
	program Main
	code    int
}

// Execute implements svc.Handler; the first argument is the service's name.
func (h *handler) Execute(args []string, changes <-chan svc.ChangeRequest, status chan<- svc.Status) (specific bool, code uint32) {
	requests, end := make(chan request), make(chan struct{})
	defer close(end)
	go translate(changes, requests, end)
	name := ""
	if len(args) > 0 {
		name = args[0]
	}
	h.code = serve(requests, func(p progress) { status <- told(p) }, func(ctx context.Context) int { return h.run(ctx, name) })
	return true, uint32(h.code) //nolint:gosec // exit codes are unsigned on Windows
}

// translate passes on what the system wants, until end.
func translate(changes <-chan svc.ChangeRequest, requests chan<- request, end <-chan struct{}) {
	for {
		var r request
		select {
		case c := <-changes:
			switch c.Cmd {
			case svc.Interrogate:
				r = interrogate
			case svc.Stop:
				r = stop
			case svc.Shutdown, svc.PreShutdown:
				r = shutdown
			default:
				continue
			}
		case <-end:
			return
		}
		select {
		case requests <- r:
		case <-end:
			return
		}
	}
}

func told(p progress) svc.Status {
	s := svc.Status{State: svc.State(p.state), CheckPoint: p.checkpoint, WaitHint: uint32(p.hint.Milliseconds())} //nolint:gosec // some seconds
	if p.state == Running {
		s.Accepts = svc.AcceptStop | svc.AcceptShutdown | svc.AcceptPreShutdown
	}
	return s
}

// run runs the program with its log. A program whose log cannot be opened runs without, and says so
// in the event log.
func (h *handler) run(ctx context.Context, name string) int {
	var log eventLog = silent{}
	if opened, err := eventlog.Open(name); err == nil {
		defer opened.Close()
		log = opened
	}
	out, closeLog, err := h.open()
	if err != nil {
		_ = log.Warning(eventWarning, eventText(err.Error()))
	}
	defer closeLog()
	_ = log.Info(eventStarted, "The service has started.")
	code := h.program(ctx, Surroundings{Name: name, Output: out, Events: &events{log: log}})
	_ = log.Info(eventEnded, fmt.Sprintf("The service has ended with exit code %d.", code))
	return code
}

// open goes to the program's folder and opens the log there.
func (h *handler) open() (out *os.File, closeLog func(), err error) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return nil, func() {}, err
	}
	self, err := os.Executable()
	if err != nil {
		return null, func() {}, err
	}
	dir := filepath.Dir(self)
	if err := os.Chdir(dir); err != nil {
		return null, func() {}, err
	}
	l, err := openLogFile(filepath.Join(dir, h.logName), logSize)
	if err != nil {
		return null, func() {}, err
	}
	out, closeLog, err = l.output()
	if err != nil {
		return null, func() {}, err
	}
	_ = null.Close()
	if err := keepCrashes(filepath.Join(dir, crashName(h.logName))); err != nil {
		_, _ = io.WriteString(out, "a crash of this program would not be told: "+err.Error()+"\n")
	}
	return out, closeLog, nil
}

// keepCrashes has the Go runtime say in a file what happened when the program crashes. It keeps the
// file open, which is why it is not the log: that could then not be renamed.
func keepCrashes(path string) error {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(ownerOnly(path), debug.SetCrashOutput(file, debug.CrashOptions{}), file.Close())
}

// ownerOnly lets this user, the system and administrators at a file, and nobody else: the folder may
// let tasks read what is in it.
func ownerOnly(path string) error {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return fmt.Errorf("who this program runs as: %w", err)
	}
	descriptor, err := windows.SecurityDescriptorFromString("D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;" + user.User.Sid.String() + ")")
	if err != nil {
		return fmt.Errorf("make an access list: %w", err)
	}
	list, _, err := descriptor.DACL()
	if err == nil {
		err = windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, list, nil)
	}
	if err != nil {
		return fmt.Errorf("set the access list: %w", err)
	}
	return nil
}

// silent is the event log where there is none.
type silent struct{}

func (silent) Info(uint32, string) error    { return nil }
func (silent) Warning(uint32, string) error { return nil }
func (silent) Error(uint32, string) error   { return nil }
