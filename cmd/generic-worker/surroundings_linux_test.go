package main

import (
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/workerkit/workerkit/internal/accounts/accountstest"
)

// alone tells whether this is the test in a network of its own, in which the address of the clouds'
// metadata service is this machine's. The first time it runs the test in there.
func alone(t *testing.T, address string) bool {
	t.Helper()
	const inside = "SURROUNDINGS_TEST_NET"
	if os.Getenv(inside) != "" {
		if out, err := exec.CommandContext(t.Context(), "/bin/sh", "-c", "ip link set lo up && ip addr add "+address+"/32 dev lo").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return true
	}
	for _, name := range []string{"nft", "ip", "bash"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("there is no %s: install nftables, iproute2 and bash", name)
		}
	}
	cmd := exec.CommandContext(t.Context(), accountstest.Bin+"/test", "-test.run=^"+t.Name()+"$", "-test.timeout=4m")
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("in a network of its own: %v\n%s", err, out)
	}
	return false
}

// What a task finds around it is not what the worker has: neither the way to the metadata service,
// when the configuration closes it, nor a umask that somebody gave to the worker.
func TestSurroundingsOfTasks(t *testing.T) {
	const metadata = "169.254.169.254"
	if !accountstest.Inside(t) || !alone(t, metadata) {
		return
	}
	listener, err := net.Listen("tcp", metadata+":80")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	m := newMultiuser(t, map[string]any{"headlessTasks": true, "numberOfTasksToRun": 1})
	m.config["workerkit"] = map[string]any{"engine": "multiuser", "blockMetadata": true}
	id := m.create(sh("echo umask $(umask); bash -c 'echo > /dev/tcp/" + metadata + "/80' && echo reached || echo closed"))
	before := syscall.Umask(0o077)
	p := m.start()
	syscall.Umask(before)
	p.exits(exitEnough)
	m.resolved(id, 0, "completed")
	contains(t, m.artifact(id, 0, backing), "\numask 0022\n", "\nclosed\n")
	if rules, err := exec.CommandContext(t.Context(), "nft", "list", "ruleset").CombinedOutput(); err != nil || len(rules) > 0 {
		t.Errorf("the rules outlive the worker: %v\n%s", err, rules)
	}
}
