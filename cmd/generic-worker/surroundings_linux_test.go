package main

import (
	"net"
	"os/exec"
	"syscall"
	"testing"

	"github.com/workerkit/workerkit/internal/accounts/accountstest"
)

// What a task finds around it is not what the worker has: neither the way to the metadata service,
// when the configuration closes it, nor a umask that somebody gave to the worker.
func TestSurroundingsOfTasks(t *testing.T) {
	const metadata = "169.254.169.254"
	if !inside(t) || !accountstest.Network(t, metadata) {
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
