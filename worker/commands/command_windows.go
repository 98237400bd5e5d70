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

// process writes the command's batch file and the one around it, with the rights of the task: an earlier
// command may have put links there.
func (s *sandbox) process(i int, c command) (proc.Command, error) {
	b := batchOf(i, len(s.commands))
	err := s.config.as(func() error {
		const ownerOnly = 0o600
		err := os.WriteFile(filepath.Join(s.run.Dir, b.script), []byte(b.text(string(c))), ownerOnly)
		if err == nil {
			err = os.WriteFile(filepath.Join(s.run.Dir, b.wrapper), []byte(b.around(s.run.Dir)), ownerOnly)
		}
		return err //nolint:wrapcheck // names the file
	})
	if err != nil {
		return proc.Command{}, err
	}
	return proc.Command{
		Path: shellPath(), Line: b.run(s.run.Dir), Dir: s.run.Dir, Env: s.env, User: s.config.User,
		Window: s.config.Window && !s.run.Feature("hideCmdWindow", false),
	}, nil
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
