package commands

import (
	"fmt"
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

// process writes the command's batch file and one around it, which restores the environment
// and directory that the command before left, and saves those that this one leaves.
func (s *sandbox) process(i int, c command) (proc.Command, error) {
	script := filepath.Join(s.run.Dir, fmt.Sprintf("command_%06d.bat", i))
	wrapper := filepath.Join(s.run.Dir, fmt.Sprintf("command_%06d_wrapper.bat", i))
	env, dir := filepath.Join(s.run.Dir, "env.txt"), filepath.Join(s.run.Dir, "dir.txt")
	var w strings.Builder
	w.WriteString("@echo off\r\n")
	if i == 0 {
		fmt.Fprintf(&w, "cd /d \"%s\"\r\n", s.run.Dir)
	} else {
		fmt.Fprintf(&w, "for /f \"usebackq delims=\" %%%%i in (\"%s\") do set %%%%i\r\n", env)
		fmt.Fprintf(&w, "for /f \"usebackq delims=\" %%%%i in (\"%s\") do cd /d \"%%%%i\"\r\n", dir)
	}
	fmt.Fprintf(&w, "call \"%s\" 2>&1\r\n@echo off\r\nset tcexitcode=%%errorlevel%%\r\n", script)
	if i < len(s.commands)-1 {
		fmt.Fprintf(&w, "set > \"%s\"\r\ncd > \"%s\"\r\n", env, dir)
	}
	w.WriteString("exit /b %tcexitcode%\r\n")
	text := "@echo on\r\n" + strings.ReplaceAll(strings.ReplaceAll(string(c), "\r\n", "\n"), "\n", "\r\n")
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		return proc.Command{}, err
	}
	if err := os.WriteFile(wrapper, []byte(w.String()), 0o600); err != nil {
		return proc.Command{}, err
	}
	shell := os.Getenv("ComSpec")
	if shell == "" {
		shell = `C:\Windows\System32\cmd.exe`
	}
	return proc.Command{Path: shell, Line: `cmd.exe /D /C "` + wrapper + `"`, Dir: s.run.Dir, Env: s.env, User: s.config.User}, nil
}

// Variable is what names a variable: names do not differ by case.
func Variable(name string) string { return strings.ToUpper(name) }
