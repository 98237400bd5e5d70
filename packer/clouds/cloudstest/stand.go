// Package cloudstest has what the tests of a cloud need: a stand on which the clouds' APIs are
// played, started as a process because packer does not import local, and the cases that every
// clouds.Cloud must pass.
package cloudstest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// program is the variable that tells Start where Main has put the program.
const program = "CLOUDSTEST_PROGRAM"

// Main is for TestMain: it builds taskcluster-local once, runs the tests, and returns their exit
// code.
//
//	func TestMain(m *testing.M) { os.Exit(cloudstest.Main(m)) }
func Main(m *testing.M) int {
	dir, err := os.MkdirTemp("", "cloudstest-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "taskcluster-local")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	const source = "github.com/workerkit/workerkit/cmd/taskcluster-local"
	if said, err := exec.Command("go", "build", "-o", path, source).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build taskcluster-local: %v\n%s\n", err, said)
		return 1
	}
	if err := os.Setenv(program, path); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// Stand is a running `taskcluster-local rehearse`, without a machine.
type Stand struct {
	URL string `json:"url"` // where all APIs answer without TLS
	// Env, as NAME=value, points a process at the stand; Variables are those of the templates.
	Env       []string          `json:"env"`
	Variables map[string]string `json:"variables"`
}

// Start starts a stand with nothing in it, which ends with the test. Main must have run.
func Start(t testing.TB) Stand {
	t.Helper()
	path := os.Getenv(program)
	if path == "" {
		t.Fatal("the package's TestMain does not call cloudstest.Main")
	}
	cmd := exec.Command(path, "rehearse", "--no-machine", "--data", t.TempDir())
	var said bytes.Buffer
	cmd.Stderr = &said
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close() // which ends the program
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Logf("taskcluster-local: %v: %s", err, said.Bytes())
		}
	})
	var s Stand
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &s)
	}
	if err != nil {
		t.Fatalf("taskcluster-local is not ready: %v", err)
	}
	return s
}

// Getenv is a value of Env.
func (s Stand) Getenv(name string) string {
	for _, entry := range s.Env {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

// Setenv gives a part of Env to this process for the test: the variables whose names begin with
// the prefix ("AWS_"). What concerns proxies and certificates is read once in a process, and must
// not be given.
func (s Stand) Setenv(t testing.TB, prefix string) {
	t.Helper()
	for _, entry := range s.Env {
		if name, value, _ := strings.Cut(entry, "="); strings.HasPrefix(name, prefix) {
			t.Setenv(name, value)
		}
	}
}

// Trouble makes the next calls of a name ("" is any) to a cloud ("aws", "gcp", "azure") fail, so
// many times, and for ever when times is 0. Kinds are "throttled", "no-capacity", "broken" and
// "forbidden".
func (s Stand) Trouble(t testing.TB, cloud, call, kind string, times int) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"cloud": cloud, "call": call, "kind": kind, "times": times})
	if err != nil {
		t.Fatal(err)
	}
	reply, err := http.Post(s.URL+"/troubles", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	if reply.StatusCode != http.StatusNoContent {
		t.Fatalf("trouble %s: %s", kind, reply.Status)
	}
}
