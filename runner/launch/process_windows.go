package launch

import (
	"fmt"
	"os/exec"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// AsksWhose says that Command.Ours matters here.
const AsksWhose = true

// separate keeps Ctrl-C in a console from the worker: it is the runner's to handle.
func separate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// bind has the system kill the worker, and what it has started, when the runner is no more: the
// handle of its job is then closed. It would leave no time to a worker of ours, which sees the
// end of its input and ends in good order. Processes may break away: the public worker starts
// its tasks so.
func bind(cmd *exec.Cmd, ours bool) (release func(), err error) {
	if ours {
		return func() {}, nil
	}
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return func() {}, fmt.Errorf("make a job: %w", err)
	}
	release = func() { _ = windows.CloseHandle(job) } // the worker has ended
	limits := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{
		BasicLimitInformation: windows.JOBOBJECT_BASIC_LIMIT_INFORMATION{
			LimitFlags: windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | windows.JOB_OBJECT_LIMIT_BREAKAWAY_OK,
		},
	}
	// windows.SetInformationJobObject takes a number in place of the pointer, which nothing keeps where it is.
	set := windows.NewLazySystemDLL("kernel32.dll").NewProc("SetInformationJobObject")
	ok, _, err := set.Call(uintptr(job), windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&limits)), unsafe.Sizeof(limits))
	if ok == 0 {
		return release, fmt.Errorf("limit the job: %w", err)
	}
	process, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, uint32(cmd.Process.Pid))
	if err != nil {
		return release, fmt.Errorf("open the worker's process: %w", err)
	}
	defer func() { _ = windows.CloseHandle(process) }()
	if err := windows.AssignProcessToJobObject(job, process); err != nil {
		return release, fmt.Errorf("put the worker into its job: %w", err)
	}
	return release, nil
}

// interrupt does nothing: there is no signal that a program without a console would see.
func interrupt(*exec.Cmd) {}

func kill(cmd *exec.Cmd) { _ = cmd.Process.Kill() } // that it may have ended already is fine
