package commands

import (
	"fmt"
	"strings"
)

// batch is the files by which one command of Windows runs.
type batch struct {
	script, wrapper string // names in the task directory
	env, dir        string // of files there, for the next command
	first, last     bool
}

// batchOf is that of command i of n.
func batchOf(i, n int) batch {
	return batch{
		script: fmt.Sprintf("command_%06d.bat", i), wrapper: fmt.Sprintf("command_%06d_wrapper.bat", i),
		env: "env.txt", dir: "dir.txt", first: i == 0, last: i == n-1,
	}
}

// text is the script: the command's lines, which are shown as they are executed.
func (batch) text(command string) string {
	return "@echo on\r\n" + strings.ReplaceAll(strings.ReplaceAll(command, "\r\n", "\n"), "\n", "\r\n")
}

// around is the wrapper, which restores the environment and directory that the command before has left, and
// saves those that this one leaves. home is the task directory.
func (b batch) around(home string) string {
	at := func(name string) string { return `"` + literal(home+`\`+name) + `"` }
	var w strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&w, format+"\r\n", args...) }
	line("@echo off")
	if b.first {
		line(`cd /d "%s"`, literal(home))
	} else {
		line(`for /f "usebackq delims=" %%%%i in (%s) do set %%%%i`, at(b.env))
		line(`for /f "usebackq delims=" %%%%i in (%s) do cd /d "%%%%i"`, at(b.dir))
	}
	line(`call "%s" 2>&1`, literal(literal(home+`\`+b.script))) // which reads its line twice
	line("@set tcexitcode=%%errorlevel%%")
	line("@echo off")
	if !b.last {
		line("set > %s", at(b.env))
		line("cd > %s", at(b.dir))
	}
	line("exit %%tcexitcode%%") // with /b the shell itself would not always end with it
	return w.String()
}

// literal keeps a path from being taken for one with variables in a batch file.
func literal(path string) string { return strings.ReplaceAll(path, "%", "%%") }

// run is the command line that runs a batch file. With /S the shell takes away the outer quotes alone,
// whatever characters are in the path.
func (b batch) run(home string) string { return `cmd.exe /D /S /C ""` + home + `\` + b.wrapper + `""` }
