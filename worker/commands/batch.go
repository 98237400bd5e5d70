package commands

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf16"
)

// batch is the files by which one command of Windows runs.
type batch struct {
	script, wrapper string // names in the task directory
	left            string // of the file there with what a command has left for the next one
	last            bool
}

// batchOf is that of command i of n.
func batchOf(i, n int) batch {
	return batch{
		script: fmt.Sprintf("command_%06d.bat", i), wrapper: fmt.Sprintf("command_%06d_wrapper.bat", i),
		left: "env.txt", last: i == n-1,
	}
}

// text is the script: the command's lines, which are shown as they are executed.
func (batch) text(command string) string {
	return "@echo on\r\n" + strings.ReplaceAll(strings.ReplaceAll(command, "\r\n", "\n"), "\n", "\r\n")
}

// around is the wrapper, which runs the script and saves the directory and the environment that it leaves.
// home is the task directory, and system that of Windows' own programs.
//
// The shell reads batch files, and writes what its own commands say, in the code page of its console, which
// is another one on every machine. So a script that is not plain has it read in UTF-8, as it was written; and
// what is saved is written by a further shell that is told to write UTF-16 (/U), for the worker to read.
func (b batch) around(home, system, command string) string {
	var w strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&w, format+"\r\n", args...) }
	line("@echo off")
	if !plain(command) {
		line(`"%s\chcp.com" 65001 >nul`, system)
	}
	line(`call "%s" 2>&1`, b.called(home))
	line("@set tcexitcode=%%errorlevel%%")
	line("@echo off")
	if !b.last {
		line(`"%s\cmd.exe" /D /U /C "cd & set" > "%s"`, system, place(home, b.left))
	}
	line("exit %%tcexitcode%%") // with /b the shell itself would not always end with it
	return w.String()
}

// called is the script's path for call, which reads its line twice.
func (b batch) called(home string) string {
	if !plain(home) {
		return place(home, b.script)
	}
	return literal(place(home, b.script))
}

// place is the path of a file in the task directory for a batch file that is there as well.
func place(home, name string) string {
	if !plain(home) {
		return "%~dp0" + name // as the shell itself knows it, whatever the code page
	}
	return literal(home + `\` + name)
}

// plain tells whether a text is the same in all code pages.
func plain(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r > '~' })
}

// literal keeps a path from being taken for one with variables in a batch file.
func literal(path string) string { return strings.ReplaceAll(path, "%", "%%") }

// run is the command line that runs a batch file. With /S the shell takes away the outer quotes alone,
// whatever characters are in the path.
func (b batch) run(home string) string { return `cmd.exe /D /S /C ""` + home + `\` + b.wrapper + `""` }

// restore reads what a wrapper has saved: a line with the directory, and the variables. A value may have
// lines of its own. ok is false when it is not whole, as when the command has ended its shell.
func restore(saved []byte) (dir string, env []string, ok bool) {
	const unit = 2 // bytes
	units := make([]uint16, len(saved)/unit)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(saved[unit*i:])
	}
	const end = "\r\n"
	text, whole := strings.CutSuffix(string(utf16.Decode(units)), end)
	dir, text, _ = strings.Cut(text, end)
	for line := range strings.SplitSeq(text, end) {
		if strings.Index(line, "=") > 0 {
			env = append(env, line)
		} else if len(env) > 0 {
			env[len(env)-1] += end + line
		}
	}
	return dir, env, whole && dir != "" && len(env) > 0
}
