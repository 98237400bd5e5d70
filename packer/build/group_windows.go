package build

import (
	"errors"
	"fmt"
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// group is packer with all that it starts.
type group struct {
	cmd *exec.Cmd
	job windows.Handle
}

// startGroup starts packer so that it can be interrupted without this process, and in a job, in
// which its plugins are too: it starts none before it has read its templates.
func startGroup(cmd *exec.Cmd) (group, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return group{}, fmt.Errorf("make a job: %w", err)
	}
	g := group{cmd, job}
	if err := cmd.Start(); err != nil {
		g.close()
		return group{}, err
	}
	if err := g.join(); err != nil {
		err = errors.Join(err, cmd.Process.Kill())
		_ = cmd.Wait() // it was killed
		g.close()
		return group{}, err
	}
	return g, nil
}

// join puts packer into its job.
func (g group) join() error {
	process, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, uint32(g.cmd.Process.Pid)) //nolint:gosec // a process id fits
	if err != nil {
		return fmt.Errorf("open packer's process: %w", err)
	}
	defer func() { _ = windows.CloseHandle(process) }()
	if err := windows.AssignProcessToJobObject(g.job, process); err != nil {
		return fmt.Errorf("put packer into its job: %w", err)
	}
	return nil
}

// interrupt asks packer to clean up.
func (g group) interrupt() error {
	return windows.GenerateConsoleCtrlEvent(windows.CTRL_BREAK_EVENT, uint32(g.cmd.Process.Pid)) //nolint:gosec // a process id fits
}

// kill ends what is left of packer. There may be nothing.
func (g group) kill() { _ = windows.TerminateJobObject(g.job, 1) }

// close forgets the group.
func (g group) close() { _ = windows.CloseHandle(g.job) }
