package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcauth"

	"github.com/workerkit/workerkit/local/api"
)

// started is a running serve command.
type started struct {
	env  map[string]string // what it exports
	stop func() error
}

// start runs serve with those arguments until stop, and reads its three lines.
func start(t *testing.T, args ...string) started {
	t.Helper()
	reader, writer := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	command := newCommand()
	command.SetArgs(append([]string{"serve"}, args...))
	command.SetOut(writer)
	command.SetErr(t.Output())
	go func() {
		err := command.ExecuteContext(ctx)
		writer.Close()
		ended <- err
	}()
	s := started{env: map[string]string{}, stop: func() error {
		cancel()
		rest, err := io.ReadAll(reader)
		if err != nil || len(rest) > 0 {
			t.Errorf("more output: %q, %v", rest, err)
		}
		return <-ended
	}}
	lines := bufio.NewReader(reader)
	export := regexp.MustCompile(`^export ([A-Z_]+)=([A-Za-z0-9:/._-]+)\n$`) // nothing that a shell would touch
	for range 3 {
		line, err := lines.ReadString('\n')
		m := export.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("output %q, %v, %v", line, err, <-ended)
		}
		s.env[m[1]] = m[2]
	}
	return s
}

func TestServe(t *testing.T) {
	dir, calls := t.TempDir(), filepath.Join(t.TempDir(), "calls")
	s := start(t, "--data", dir, "--delay", "5ms", "--calls", calls)
	client := tcauth.New(&tcclient.Credentials{
		ClientID: s.env["TASKCLUSTER_CLIENT_ID"], AccessToken: s.env["TASKCLUSTER_ACCESS_TOKEN"],
	}, s.env["TASKCLUSTER_ROOT_URL"])
	if set, err := client.CurrentScopes(); err != nil || len(set.Scopes) != 1 {
		t.Errorf("scopes: %v, %v", set, err)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	data, err := os.ReadFile(calls)
	if err != nil {
		t.Fatal(err)
	}
	var call api.Call
	if err := json.Unmarshal(data, &call); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	if call.Service != "auth" || call.Method != "currentScopes" || call.Status != http.StatusOK || call.End.Sub(call.Start) < 5*time.Millisecond {
		t.Errorf("call %+v", call)
	}

	again := start(t, "--data", dir)
	if again.env["TASKCLUSTER_ACCESS_TOKEN"] != s.env["TASKCLUSTER_ACCESS_TOKEN"] {
		t.Error("the token has changed")
	}
	if err := again.stop(); err != nil {
		t.Error(err)
	}
}

// TestServeRefuses has what ends in one line.
func TestServeRefuses(t *testing.T) {
	held := t.TempDir()
	s := start(t, "--data", held)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	port := s.env["TASKCLUSTER_ROOT_URL"][strings.LastIndex(s.env["TASKCLUSTER_ROOT_URL"], ":")+1:]
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "--data DIR is required"},
		{[]string{"--data", held}, "another process uses this data folder"},
		{[]string{"--data", filepath.Join(file, "sub")}, "make the data folder"},
		{[]string{"--data", t.TempDir(), "--port", port}, "bind: "},
		{[]string{"--data", t.TempDir(), "--port", "-1"}, "invalid port"},
		{[]string{"--data", t.TempDir(), "--calls", filepath.Join(file, "x")}, "record calls"},
		{[]string{"--data", t.TempDir(), "more"}, "unknown command"},
	} {
		command := newCommand()
		command.SetArgs(append([]string{"serve"}, c.args...))
		command.SetOut(io.Discard)
		err := command.ExecuteContext(t.Context())
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", c.args, err)
		}
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}

func TestExitCode(t *testing.T) {
	for want, err := range map[int]error{0: nil, 1: io.EOF, 3: &exitError{code: 3, err: io.EOF}, 2: &exitError{code: 2}} {
		if got := exitCode(err); got != want {
			t.Errorf("%v: %d", err, got)
		}
	}
}

// TestHelp shows that the program explains itself on standard output.
func TestHelp(t *testing.T) {
	var out bytes.Buffer
	command := newCommand()
	command.SetArgs([]string{"serve", "--help"})
	command.SetOut(&out)
	if err := command.ExecuteContext(t.Context()); err != nil || !strings.Contains(out.String(), "--delay") {
		t.Errorf("%v: %s", err, out.String())
	}
}
