package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/workerkit/workerkit/packer"
)

// checkScripts has shells read the scripts and tests that they would run. What is written for another
// program, or for a shell that is not on this computer, is taken as it is.
func checkScripts(ctx context.Context, folder string, image packer.Image) []problem {
	if image.Windows() {
		return nil
	}
	var problems []problem
	for _, s := range image.Scripts {
		text, attribute := s.Content, "content"
		if s.Source != "" {
			data, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(s.Source)))
			if err != nil {
				continue // checkSources says so
			}
			text, attribute = string(data), "source"
		}
		if wrong := syntax(ctx, text); wrong != "" {
			problems = append(problems, problem{image.From[packer.Key("script", s.Name, attribute)], fmt.Sprintf("script %q: %s", s.Name, wrong)})
		}
	}
	for _, test := range image.Tests {
		if wrong := syntax(ctx, test.Command); wrong != "" {
			problems = append(problems, problem{image.From[packer.Key("test", test.Name, "command")], fmt.Sprintf("test %q: %s", test.Name, wrong)})
		}
	}
	return problems
}

// syntax is what a shell finds wrong with a script, in one line.
func syntax(ctx context.Context, script string) string {
	shell, err := exec.LookPath(shellOf(script))
	if err != nil {
		return ""
	}
	cmd := exec.CommandContext(ctx, shell, "-n") //nolint:gosec // one of the shells below
	cmd.Stdin = strings.NewReader(script)
	out, err := cmd.CombinedOutput()
	if err == nil || ctx.Err() != nil {
		return ""
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return strings.TrimPrefix(first, shell+": ")
}

// shellOf is the shell that runs a script: sh unless its first line names a program. It is empty
// for one that is no shell.
func shellOf(script string) string {
	line, _, _ := strings.Cut(script, "\n")
	program, named := strings.CutPrefix(line, "#!")
	words := strings.Fields(program)
	if !named || len(words) == 0 {
		return "sh"
	}
	name := path.Base(words[0])
	if name == "env" && len(words) > 1 {
		name = words[1]
	}
	if slices.Contains([]string{"sh", "bash", "dash"}, name) {
		return name
	}
	return ""
}
