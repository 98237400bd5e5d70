package proof

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/qemu"
	"github.com/workerkit/workerkit/local/api"
)

// TestFarAndNoFurther: a machine that is asked for work in vain is told apart from one that does
// not boot, and what it last asked is said.
func TestFarAndNoFurther(t *testing.T) {
	began := time.Now()
	p := &place{asked: map[string]calls{}}
	at := func(seconds float64) time.Time { return began.Add(time.Duration(seconds * float64(time.Second))) }
	p.observe(api.Call{Service: "metadata", Method: "GET", Status: 200, Start: at(3)})
	p.observe(api.Call{Service: "metadata", Method: "PUT", Status: 404, Start: at(4)})
	p.observe(api.Call{Service: "worker-manager", Method: "registerWorker", Status: 400, Start: at(5)})
	want := "metadata asked 2 times, last at 4.0 s with the answer 404; registerWorker asked 1 times, last at 5.0 s with the answer 400; claimWork never asked"
	if got := p.lastAsked(began); got != want {
		t.Errorf("it last asked\n  %s\nwant\n  %s", got, want)
	}
	if first, ok := p.called("metadata"); !ok || first != at(3) {
		t.Errorf("metadata was first asked at %v, %v", first, ok)
	}
	if _, ok := p.called("worker-manager.registerWorker"); ok {
		t.Error("a call that was refused counts as a registration")
	}
}

// TestAwait: what is late, and a machine that is off, both end the wait.
func TestAwait(t *testing.T) {
	never := func() (bool, error) { return false, nil }
	p := &proof{Options: Options{Patience: 10 * time.Millisecond}}
	if err := p.await(t.Context(), "no claim", never); !errors.Is(err, errLate) || !strings.Contains(err.Error(), "no claim") {
		t.Errorf("late: %v", err)
	}
	off := make(chan struct{})
	close(off)
	p = &proof{Options: Options{Patience: time.Hour}, guest: &qemu.Guest{Began: time.Now(), Ended: off}}
	if err := p.await(t.Context(), "no claim", never); !errors.Is(err, errLate) || !strings.Contains(err.Error(), "off") {
		t.Errorf("off: %v", err)
	}
	if err := p.await(t.Context(), "", func() (bool, error) { return true, nil }); err != nil {
		t.Errorf("done: %v", err)
	}
}

func TestRunRefuses(t *testing.T) {
	r, err := Run(t.Context(), Options{Disk: "disk", As: "mars", Dir: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "aws, gcp, azure, static") || r.Verdict != Failed || r.Error == "" {
		t.Errorf("%+v, %v", r, err)
	}
	if programs("qemu-system-x86_64", "qemu-img") != nil {
		t.Skip("QEMU is not there: what follows is only asked with it")
	}
	if isolated() == nil {
		t.Skip("this network has nothing but its loopback")
	}
	if _, err := Run(t.Context(), Options{Disk: "disk", As: "aws", Dir: t.TempDir()}); !errors.Is(err, errOutside) {
		t.Errorf("outside of a network of its own: %v", err)
	}
}

func TestCleanLeavesWhatIsNotOurs(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"console", "mine"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := clean(dir); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 || left[0].Name() != "mine" {
		t.Errorf("left are %v", left)
	}
}

func TestTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "console")
	if err := os.WriteFile(path, []byte(strings.Repeat("line\n", 50)+"\x1b[0;1;39mlast\x1b[0m\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := tail(path); len(got) != 20 || got[19] != "last" {
		t.Errorf("the tail is %q", got)
	}
}

func TestEditNeedsAFileSystem(t *testing.T) {
	if err := programs("qemu-img", "debugfs"); err != nil {
		t.Skipf("a disk is edited with qemu-img and debugfs: %v", err)
	}
	disk := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(disk, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Edit(t.Context(), disk, disk+".copy", "rm /x"); err == nil || !strings.Contains(err.Error(), "no partition table") {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(disk + ".copy.raw"); err == nil {
		t.Error("the unpacked disk is left over")
	}
}

func TestComplaint(t *testing.T) {
	const begin = "[taskcluster 2026-11-22T11:30:28.731Z] === Task Starting ===\n"
	for log, want := range map[string]string{
		"":                                     "",
		begin + "says [taskcluster:error] x\n": "",
		begin + "[taskcluster:error] System error executing command: no\n[taskcluster:error] no note.txt\n": ": System error executing command: no",
	} {
		if got := complaint([]byte(log)); got != want {
			t.Errorf("of %q: %q", log, got)
		}
	}
}
