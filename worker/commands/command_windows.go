package commands

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/workerkit/workerkit/internal/proc"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/task"
)

// command is the text of a batch file.
type command string

func commandFragment() payload.Fragment {
	return payload.Fragment{
		Required: []string{"command"},
		Properties: map[string]any{"command": map[string]any{
			"title":       "Commands to run",
			"description": "The commands, executed one after the other until one fails: each the text of a batch file. Environment and current directory carry over to the next.",
			"type":        "array", "minItems": 1, "items": map[string]any{"type": "string"},
		}},
	}
}

func decodeCommands(run *task.Run) ([]command, error) {
	var p struct {
		Command []command `json:"command"`
	}
	err := run.Decode(&p)
	return p.Command, err
}

// String is the text itself.
func (c command) String() string { return string(c) }

// process writes the command's batch file and the one around it, and reads what the command before has left,
// all with the rights of the task: an earlier command may have put links there.
func (s *sandbox) process(i int, c command) (proc.Command, error) {
	b := batchOf(i, len(s.commands))
	dir, env := s.run.Dir, s.env
	err := s.config.as(func() error {
		const ownerOnly = 0o600
		err := os.WriteFile(filepath.Join(s.run.Dir, b.script), []byte(b.text(string(c))), ownerOnly)
		if err == nil {
			err = os.WriteFile(filepath.Join(s.run.Dir, b.wrapper), []byte(b.around(s.run.Dir, filepath.Dir(shellPath()), string(c))), ownerOnly)
		}
		if i > 0 {
			dir, env = s.inherited(filepath.Join(s.run.Dir, b.left))
		}
		return err //nolint:wrapcheck // names the file
	})
	if err != nil {
		return proc.Command{}, err
	}
	return proc.Command{
		Path: shellPath(), Line: b.run(s.run.Dir), Dir: dir, Env: env, User: s.config.User,
		Window: s.config.Window && !s.run.Feature("hideCmdWindow", false),
	}, nil
}

// inherited is the directory and the environment that the last command has left which did leave some, or
// those of the task.
func (s *sandbox) inherited(path string) (dir string, env []string) {
	const most = 32 << 20 // bytes; a variable has 64 KiB at most
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() || info.Size() > most {
		return s.run.Dir, s.env
	}
	saved, err := os.ReadFile(path)
	if err != nil {
		return s.run.Dir, s.env
	}
	dir, env, ok := restore(saved)
	if !ok {
		return s.run.Dir, s.env
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() { // it has removed it
		dir = s.run.Dir
	}
	return dir, env
}

// shellPath is the system's own shell, whatever a task's PATH is.
func shellPath() string {
	if path := os.Getenv("ComSpec"); path != "" {
		return path
	}
	return `C:\Windows\System32\cmd.exe`
}

// Variable is what names a variable: names do not differ by case.
func Variable(name string) string { return strings.ToUpper(name) }

// What becomes of a task that uses too much memory, and what the limit of processes is about.
const (
	overMemory  = "failed when the system refused it more"
	limitedKind = "processes"
)
