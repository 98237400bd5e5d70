package commands

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

func TestBatchFiles(t *testing.T) {
	const home, system = `C:\Users\task_a (1)\100%`, `C:\Windows\System32`
	for i, want := range []string{
		"@echo off\r\n" +
			"call \"C:\\Users\\task_a (1)\\100%%%%\\command_000000.bat\" 2>&1\r\n" +
			"@set tcexitcode=%errorlevel%\r\n" +
			"@echo off\r\n" +
			"\"C:\\Windows\\System32\\cmd.exe\" /D /U /C \"cd & set\" > \"C:\\Users\\task_a (1)\\100%%\\env.txt\"\r\n" +
			"exit %tcexitcode%\r\n",
		"@echo off\r\n" +
			"call \"C:\\Users\\task_a (1)\\100%%%%\\command_000001.bat\" 2>&1\r\n" +
			"@set tcexitcode=%errorlevel%\r\n" +
			"@echo off\r\n" +
			"exit %tcexitcode%\r\n",
	} {
		if got := batchOf(i, 2).around(home, system, "echo"); got != want {
			t.Errorf("wrapper %d:\n%s\nwant\n%s", i, got, want)
		}
	}
	const foreign = "@echo off\r\n" +
		"\"C:\\Windows\\System32\\chcp.com\" 65001 >nul\r\n" +
		"call \"%~dp0command_000000.bat\" 2>&1\r\n" +
		"@set tcexitcode=%errorlevel%\r\n" +
		"@echo off\r\n" +
		"\"C:\\Windows\\System32\\cmd.exe\" /D /U /C \"cd & set\" > \"%~dp0env.txt\"\r\n" +
		"exit %tcexitcode%\r\n"
	if got := batchOf(0, 2).around(`D:\Übung`, system, "echo ä"); got != foreign {
		t.Errorf("wrapper\n%s\nwant\n%s", got, foreign)
	}
	b := batchOf(0, 1)
	if got, want := b.text("one\ntwo\r\nthree"), "@echo on\r\none\r\ntwo\r\nthree"; got != want {
		t.Errorf("script %q, want %q", got, want)
	}
	if got, want := b.run(home), `cmd.exe /D /S /C ""C:\Users\task_a (1)\100%\command_000000_wrapper.bat""`; got != want {
		t.Errorf("command line %s, want %s", got, want)
	}
}

// What a command has left is what the next one has, whatever the characters.
func TestRestore(t *testing.T) {
	for name, c := range map[string]struct {
		text, dir string
		env       []string
		ok        bool
	}{
		"plain":                {"C:\\a\r\nA=1\r\nB=x=y & %z% ^ \"q\"\r\n", `C:\a`, []string{"A=1", `B=x=y & %z% ^ "q"`}, true},
		"not plain":            {"D:\\Übung\r\nNAME=Jürgen ☃ 𝄞\r\n", `D:\Übung`, []string{"NAME=Jürgen ☃ 𝄞"}, true},
		"lines":                {"C:\\\r\nA=one\ntwo\r\nthree\r\n=four\r\nB=2\r\n", `C:\`, []string{"A=one\ntwo\r\nthree\r\n=four", "B=2"}, true},
		"nothing":              {"", "", nil, false},
		"the directory alone":  {"C:\\\r\n", `C:\`, nil, false},
		"no directory":         {"\r\nA=1\r\n", "", []string{"A=1"}, false},
		"it was not completed": {"C:\\\r\nA=1\r\nPATH=C:\\Win", `C:\`, []string{"A=1", `PATH=C:\Win`}, false},
	} {
		var saved []byte
		for _, unit := range utf16.Encode([]rune(c.text)) {
			saved = binary.LittleEndian.AppendUint16(saved, unit)
		}
		if dir, env, ok := restore(saved); dir != c.dir || !slices.Equal(env, c.env) || ok != c.ok {
			t.Errorf("%s: %q, %q, %v", name, dir, env, ok)
		}
	}
	if _, _, ok := restore([]byte("C:\\\r\nA=1\r\n" + strings.Repeat("x", 3))); ok {
		t.Error("what is not UTF-16 was taken for it")
	}
}
