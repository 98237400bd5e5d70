//go:build unix

package main

import (
	"context"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/launchagent"
)

// TestLaunchAgent: it answers until it is told to end, and takes its socket with it.
func TestLaunchAgent(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	socket := filepath.Join(t.TempDir(), "agent.sock")
	var running sync.WaitGroup
	running.Go(func() {
		if err := agent(ctx, socket); err != nil {
			t.Error(err)
		}
	})
	client := launchagent.Agent{Path: socket, UID: uint32(os.Getuid())} //nolint:gosec // not negative
	waiting, done := context.WithTimeout(t.Context(), time.Minute)
	defer done()
	if err := client.Await(waiting, time.Millisecond); err != nil {
		t.Error(err)
	}
	cancel()
	running.Wait()
	if _, err := os.Lstat(socket); !os.IsNotExist(err) {
		t.Errorf("the socket is left: %v", err)
	}
}

// TestLaunchAgentFails with the public worker's exit code.
func TestLaunchAgentFails(t *testing.T) {
	for _, v := range verbs() {
		if v.name != "launch-agent" {
			continue
		}
		v.do = func([]string) (string, error) { return "", agent(t.Context(), "no/such/folder/agent.sock") }
		var stderr strings.Builder
		if code := v.run(flag.NewFlagSet("", flag.ContinueOnError), nil, io.Discard, &stderr); code != 83 || !strings.Contains(stderr.String(), "no/such") {
			t.Errorf("code %d, %s", code, stderr.String())
		}
		return
	}
	t.Error("there is no such verb")
}
