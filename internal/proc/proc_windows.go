package proc

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

type system struct{}

func (t *Trees) setUp() system { return system{} }

// openGroups does nothing: every tree has a job object.
func (t *Trees) openGroups(context.Context) {}

func (t *Trees) grouped() bool { return true }

// prepare starts the command halted, so that it cannot start anything before it is in the job.
// Handles other than the standard ones are not passed on; the standard library sees to that.
func prepare(cmd *exec.Cmd, c Command) {
	cmd.SysProcAttr = &syscall.SysProcAttr{
		CmdLine:       c.Line,
		CreationFlags: windows.CREATE_NEW_PROCESS_GROUP | windows.CREATE_SUSPENDED,
	}
	switch {
	case c.Console != 0: // it is the command's
	case c.Window:
		cmd.SysProcAttr.CreationFlags |= windows.CREATE_NEW_CONSOLE
	default:
		cmd.SysProcAttr.CreationFlags |= windows.CREATE_NO_WINDOW
	}
}

// job is a job object: whatever a process in it starts is in it too.
type job struct{ handle windows.Handle }

func (t *Tree) openJob(Limits) (job, error) {
	handle, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return job{}, fmt.Errorf("create a job object: %w", err)
	}
	limits := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{
		BasicLimitInformation: windows.JOBOBJECT_BASIC_LIMIT_INFORMATION{LimitFlags: windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE},
	}
	_, err = windows.SetInformationJobObject(handle, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&limits)), uint32(unsafe.Sizeof(limits)))
	if err != nil {
		_ = windows.CloseHandle(handle)
		return job{}, fmt.Errorf("limit a job object: %w", err)
	}
	return job{handle}, nil
}

func (j job) close() error { return windows.CloseHandle(j.handle) }

// pids is empty: nobody needs it here.
func (t *Tree) pids() []int { return nil }

// kill ends the command once.
func (p *Process) kill() bool {
	_ = p.cmd.Process.Kill() // it may have ended
	return false
}

// limited is false: no limit is set.
func (job) limited() bool { return false }

func (job) start(cmd *exec.Cmd, c Command) error {
	if c.User != nil || c.Console != 0 {
		return startAs(cmd, c)
	}
	return cmd.Start() //nolint:wrapcheck // says what failed
}

// counted is what is known from the commands that have ended.
func (job) counted(spent Usage) Usage { return spent }

// transferred is not known.
func (t *Tree) transferred() (read, written uint64) { return 0, 0 }

// resident is 0: not known.
func (t *Tree) resident() uint64 { return 0 }

// join puts a halted process into the job and lets it go.
func (t *Tree) join(p *os.Process) error {
	const access = windows.PROCESS_SET_QUOTA | windows.PROCESS_TERMINATE | windows.PROCESS_SUSPEND_RESUME
	process, err := windows.OpenProcess(access, false, uint32(p.Pid)) //nolint:gosec // a process id
	if err != nil {
		return fmt.Errorf("open the process: %w", err)
	}
	defer windows.CloseHandle(process) //nolint:errcheck // nothing to be done
	if err := windows.AssignProcessToJobObject(t.job.handle, process); err != nil {
		return fmt.Errorf("assign the process to its job: %w", err)
	}
	resume := windows.NewLazySystemDLL("ntdll.dll").NewProc("NtResumeProcess")
	if status, _, _ := resume.Call(uintptr(process)); status != 0 {
		return fmt.Errorf("resume the process: status %#x", status)
	}
	return nil
}

// ask does nothing: Windows has no signal that a program without a window or console could see.
func (t *Tree) ask() bool { return false }

func (t *Tree) force() { _ = windows.TerminateJobObject(t.job.handle, 1) }

// accounting is JOBOBJECT_BASIC_ACCOUNTING_INFORMATION.
type accounting struct {
	TotalUserTime, TotalKernelTime, ThisPeriodTotalUserTime, ThisPeriodTotalKernelTime int64
	TotalPageFaultCount, TotalProcesses, ActiveProcesses, TotalTerminatedProcesses     uint32
}

func (t *Tree) alive() bool {
	var info accounting
	err := windows.QueryInformationJobObject(t.job.handle, windows.JobObjectBasicAccountingInformation,
		uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)), nil)
	return err == nil && info.ActiveProcesses > 0
}
