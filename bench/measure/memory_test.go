package measure

import (
	"os"
	"os/exec"
	"runtime"
	"testing"
)

func TestMemoryAndChild(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the benchmarks read memory from Linux's /proc")
	}
	memory, err := Memory(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if memory["VmRSS"] < 1<<20 || memory["VmHWM"] < memory["VmRSS"] || memory["RssAnon"] == 0 {
		t.Errorf("not plausible: %v", memory)
	}

	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	pid, err := Child(os.Getpid(), "sleep")
	if err != nil || pid != cmd.Process.Pid {
		t.Errorf("child %d, %v; want %d", pid, err, cmd.Process.Pid)
	}
	if _, err := Child(os.Getpid(), "no-such-program"); err == nil {
		t.Error("found a child that is not there")
	}
}
