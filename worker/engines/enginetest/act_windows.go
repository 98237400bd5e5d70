package enginetest

import (
	"errors"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

func listen(chan<- os.Signal) {}

func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP | windows.DETACHED_PROCESS}
}

func crash() { os.Exit(99) }

// signals tells whether a command can be asked to end, and can be killed by a signal.
const signals = false

func alive(pid int) bool {
	process, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(pid))
	if err != nil {
		return false
	}
	defer windows.CloseHandle(process)
	event, err := windows.WaitForSingleObject(process, 0)
	return err == nil && event == uint32(windows.WAIT_TIMEOUT)
}

// stop does nothing: there is no signal to go on.
func stop() {}

func stopped(int) bool { return true }

func pipe(string) error { return errors.New("this system has no pipes in the file system") }

const pipes = false

func inherit() string { return "" }

// size is not asked for: there are no terminals yet.
func size() string { return "" }
