//go:build !windows

package commands

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/proc"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/engines/enginetest"
	"github.com/workerkit/workerkit/worker/task"
	"github.com/workerkit/workerkit/worker/tasklog"
)

// execute runs commands with a script, tool, in the folder bin of the task directory.
func execute(t *testing.T, path string, commands ...[]string) (engines.Status, string) {
	t.Helper()
	log, err := tasklog.New(t.TempDir(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Remove() })
	run := &task.Run{Payload: json.RawMessage(enginetest.Commands(commands...)), Dir: t.TempDir(), Log: log}
	bin := filepath.Join(run.Dir, "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bin, "tool"), []byte("#!/bin/sh\necho \"tool: $*\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	builder, err := NewBuilder(run, Config{Engine: "test", Trees: proc.New(slog.New(slog.DiscardHandler)), Env: os.Environ()})
	if err != nil {
		t.Fatal(err)
	}
	if err := builder.Setenv("PATH", strings.ReplaceAll(path, "DIR", run.Dir)); err != nil {
		t.Fatal(err)
	}
	sandbox, err := builder.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	result, err := sandbox.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.Close(); err != nil {
		t.Fatal(err)
	}
	reader := log.NewReader(t.Context(), 0)
	defer reader.Close()
	var text strings.Builder
	if _, err := io.Copy(&text, reader); err != nil {
		t.Fatal(err)
	}
	return result.Status(), text.String()
}

func TestProgramsAreFound(t *testing.T) {
	const arg = "a 'b' $c *"
	for name, test := range map[string]struct {
		path, program string
		found         bool
	}{
		"in the task's PATH":   {"/nowhere:DIR/bin", "tool", true},
		"in a relative folder": {"bin", "tool", true},
		"by a relative path":   {"/nowhere", "bin/tool", true},
		"not in PATH":          {"/nowhere", "tool", false},
		"not in an empty PATH": {"", "tool", false},
	} {
		status, log := execute(t, test.path, []string{test.program, arg})
		if status.Success != test.found || strings.Contains(log, "\ntool: "+arg+"\n") != test.found {
			t.Errorf("%s: %+v\n%s", name, status, log)
		}
		if !test.found && status.ExitCode != engines.ExitNotStarted {
			t.Errorf("%s: %+v", name, status)
		}
		if want := "Executing command 0: " + test.program + ` 'a '\''b'\'' $c *'` + "\n"; !strings.Contains(log, want) {
			t.Errorf("%s: the log lacks %q:\n%s", name, want, log)
		}
	}
}

// What a command leaves behind may have its last words, as the tee of a shell's
// process substitution, which ends after the shell.
func TestLastWordsOfWhatIsLeft(t *testing.T) {
	status, log := execute(t, "/usr/bin:/bin", []string{"sh", "-c", "(sleep 0.05; echo last) & echo first"})
	if !status.Success || !strings.Contains(log, "first\nlast\n") {
		t.Errorf("%+v\n%s", status, log)
	}
}

func TestFooter(t *testing.T) {
	_, log := execute(t, "/usr/bin:/bin", []string{"sh", "-c", "exit 3"})
	for label, want := range map[string]string{"Exit Code": "3\n", "User Time": "", "Kernel Time": "", "Wall Time": "", "Result": "FAILED\n"} {
		if want = fmt.Sprintf("] %32s: %s", label, want); !strings.Contains(log, want) {
			t.Errorf("the log lacks %q:\n%s", want, log)
		}
	}
}
