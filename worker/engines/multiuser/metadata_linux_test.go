package multiuser

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/accounts/accountstest"
	"github.com/workerkit/workerkit/internal/firewall"
)

const metadata = "169.254.169.254"

// cloud tells whether this is the test on a machine with a metadata service: in a network
// namespace in which that address is the machine's own. The first time it runs the test in there.
func cloud(t *testing.T) bool {
	t.Helper()
	if !accountstest.Network(t, metadata) {
		return false
	}
	for _, port := range []string{"80", "53"} {
		listener, err := net.Listen("tcp", metadata+":"+port)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = listener.Close() })
	}
	return true
}

func shell(t *testing.T, script string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "/bin/sh", "-c", script).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", script, err, out)
	}
	return string(out)
}

// reach is a script that says which ports of the metadata service it reaches.
const reach = `for port in 80 53; do bash -c "echo > /dev/tcp/` + metadata + `/$port" 2> /dev/null && echo $port; done; :`

func TestMetadataIsClosedToTasks(t *testing.T) {
	if !accountstest.Inside(t) || !cloud(t) {
		return
	}
	open80 := shell(t, reach)
	program := "/home/bin/prepare"
	if err := os.WriteFile(program, []byte("#!/bin/sh\n{ "+reach+"; } > ~/new && mv ~/new ~/prepared\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	c := config("/home", 1)
	c.AfterCreation, c.Firewall = program, firewall.NewMetadata("/home")
	e := open(t, c)
	for _, task := range []string{"a_0", "b_0"} {
		if got := script(t, e, task, "cat ~/prepared; echo task; "+reach).output(t); got != "53\ntask\n53\n" {
			t.Errorf("before its task, and then, the account of %s reached\n%s", task, got)
		}
		if got := shell(t, reach); got != open80 || got != "80\n53\n" {
			t.Errorf("the worker reaches\n%s", got)
		}
		prepared(t) // else the next account may look when the rules are lost
		shell(t, "nft flush ruleset")
	}
	shut(t, e)
	if got := shell(t, "nft list tables"); got != "" {
		t.Errorf("left: %s", got)
	}
}

// prepared waits until the program has run as the account that is ready, and has no task.
func prepared(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		files, _ := filepath.Glob("/home/home_*/prepared")
		for _, file := range files {
			if home, err := os.Lstat(filepath.Dir(file)); err == nil && home.IsDir() { // else a task's
				return
			}
		}
	}
	t.Fatal("no account is prepared")
}

// broken is a firewall that cannot be had.
type broken struct{ err error }

func (b broken) Deny(context.Context, ...firewall.User) error { return b.err }
func (broken) Allow(uint32)                                   {}
func (broken) Close(context.Context) error                    { return nil }

// Without the rules nothing is begun.
func TestNoTaskWithoutFirewall(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	c := config("/home", 1)
	c.Firewall = broken{errors.New("no nft")}
	if err := New(c).Open(t.Context()); err == nil || !strings.Contains(err.Error(), "multiuser: no nft") {
		t.Errorf("opened: %v", err)
	}
	if left := names(t); len(left) > 0 {
		t.Errorf("accounts were made: %v", left)
	}
}
