package winjob

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/windows"
)

// wine tells whether this is Wine.
func wine() bool {
	return windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil
}

// TestMain is what the test starts as other processes, too.
func TestMain(m *testing.M) {
	switch os.Getenv("WINJOB_TEST") {
	case "sleep":
		time.Sleep(time.Hour)
	case "fail":
		os.Exit(3)
	case "eat":
		const much = 256 << 20
		eaten := make([]byte, much) // a program of Go's ends with an error when it is refused
		for i := 0; i < much; i += 4096 {
			eaten[i] = 1
		}
		os.Exit(0)
	case "crowd":
		for range 20 {
			cmd := self("sleep")
			if cmd.Start() != nil {
				os.Exit(7)
			}
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func self(what string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "WINJOB_TEST="+what)
	return cmd
}

// in starts a process halted, puts it into the job and lets it go.
func in(t *testing.T, j *Job, what string) *exec.Cmd {
	t.Helper()
	cmd := self(what)
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_SUSPENDED}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	process, err := windows.OpenProcess(windows.PROCESS_ALL_ACCESS, false, uint32(cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	defer windows.CloseHandle(process)
	if err := j.Assign(process); err != nil {
		t.Fatal(err)
	}
	resume(t, cmd)
	return cmd
}

func resume(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	process, err := windows.OpenProcess(windows.PROCESS_SUSPEND_RESUME, false, uint32(cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	defer windows.CloseHandle(process)
	if status, _, _ := windows.NewLazySystemDLL("ntdll.dll").NewProc("NtResumeProcess").Call(uintptr(process)); status != 0 {
		t.Fatalf("status %#x", status)
	}
}

func opened(t *testing.T, l Limits) (j *Job, lacking *[]string) {
	t.Helper()
	lacking = &[]string{}
	j, err := New(l, func(limit string, err error) {
		t.Logf("no limit of %s: %v", limit, err)
		*lacking = append(*lacking, limit)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 2 {
			if err := j.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return j, lacking
}

// A job knows its processes and what they use, and ends them.
func TestJob(t *testing.T) {
	j, lacking := opened(t, Limits{})
	if j.Active() || len(*lacking) > 0 {
		t.Errorf("an empty job: active %v, lacks %q", j.Active(), *lacking)
	}
	cmd := in(t, j, "sleep")
	if pids, err := j.PIDs(); err != nil || !slices.Contains(pids, uint32(cmd.Process.Pid)) || !j.Active() {
		t.Errorf("processes %v, %v, want %d", pids, err, cmd.Process.Pid)
	}
	for deadline := time.Now().Add(10 * time.Second); j.Memory() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a process uses no memory")
		}
	}
	if used := j.Memory(); used > 1<<30 {
		t.Errorf("%d bytes", used)
	}
	if err := j.Terminate(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the process was not ended")
	}
	for deadline := time.Now().Add(10 * time.Second); j.Active(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the job is active still")
		}
	}
	u := j.Usage()
	if wine() {
		t.Logf("Wine counts %+v", u)
	} else if u.User+u.Kernel == 0 || u.MemoryKills > 0 || u.Refused > 0 {
		t.Errorf("%+v", u)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := j.PIDs(); err == nil || j.Active() || j.Usage() != (Usage{}) || j.Terminate() != nil {
		t.Error("a closed job has processes")
	}
}

// Notes arrive as the system writes them, and the processes that they are about are looked at.
func TestNotes(t *testing.T) {
	j, _ := opened(t, Limits{Processes: 100})
	failing, sleeping := self("fail"), in(t, j, "sleep")
	failing.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_SUSPENDED}
	if err := failing.Start(); err != nil {
		t.Fatal(err)
	}
	for _, n := range []note{{processLimit, 0}, {memoryLimit, uint32(failing.Process.Pid)}, {memoryLimit, uint32(sleeping.Process.Pid)}} {
		if err := j.port.post(n); err != nil {
			t.Fatal(err)
		}
	}
	if u := j.Usage(); u.Refused != 1 || u.MemoryKills != 0 {
		t.Errorf("before the end: %+v", u)
	}
	resume(t, failing)
	_ = failing.Wait()
	if u := j.Usage(); u.MemoryKills != 1 {
		t.Errorf("after the end: %+v", u)
	}
	if err := j.Terminate(); err != nil {
		t.Error(err)
	}
	_ = sleeping.Wait()
	if _, err := openProcess(^uint32(0) - 3); !errors.Is(err, errGone) {
		t.Errorf("a process that is not: %v", err)
	}
}

// The system says when a limit is reached.
func TestLimits(t *testing.T) {
	j, lacking := opened(t, Limits{Memory: 128 << 20, Processes: 8, CPUWeight: 50})
	if wine() {
		t.Skipf("Wine takes limits and does not keep them; it lacks %q", *lacking)
	}
	if len(*lacking) > 0 {
		t.Errorf("lacks %q", *lacking)
	}
	eater := in(t, j, "eat")
	if err := eater.Wait(); err == nil {
		t.Error("a process has more memory than its job")
	}
	if u := j.Usage(); u.MemoryKills != 1 || u.PeakMemory == 0 || u.PeakMemory > 128<<20 {
		t.Errorf("%+v", u)
	}
	crowd := in(t, j, "crowd")
	if err := crowd.Wait(); err == nil {
		t.Error("more processes than may be")
	}
	if u := j.Usage(); u.Refused == 0 || u.MemoryKills != 1 {
		t.Errorf("%+v", u)
	}
	if err := j.Terminate(); err != nil {
		t.Error(err)
	}
}
