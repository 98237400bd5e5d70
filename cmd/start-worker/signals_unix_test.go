//go:build unix

package main

import (
	"strings"
	"syscall"
	"testing"
)

func TestDrainBySignal(t *testing.T) {
	r := newRig(t)
	r.config("controlSocket: false\n")
	s := r.start("await:welcome say:ready await:graceful-termination exit:72")
	s.until("ready")
	if err := s.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	if code := s.wait(); code != 0 || !strings.Contains(r.inbox(), `"finish-tasks":true`) {
		t.Errorf("exit %d, the worker heard %s\n%s", code, r.inbox(), s.stderr.String())
	}
}
