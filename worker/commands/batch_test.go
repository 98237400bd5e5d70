package commands

import "testing"

func TestBatchFiles(t *testing.T) {
	const home = `C:\Users\task_a (1)\100%`
	for i, want := range []string{
		"@echo off\r\n" +
			"cd /d \"C:\\Users\\task_a (1)\\100%%\"\r\n" +
			"call \"C:\\Users\\task_a (1)\\100%%%%\\command_000000.bat\" 2>&1\r\n" +
			"@set tcexitcode=%errorlevel%\r\n" +
			"@echo off\r\n" +
			"set > \"C:\\Users\\task_a (1)\\100%%\\env.txt\"\r\n" +
			"cd > \"C:\\Users\\task_a (1)\\100%%\\dir.txt\"\r\n" +
			"exit %tcexitcode%\r\n",
		"@echo off\r\n" +
			"for /f \"usebackq delims=\" %%i in (\"C:\\Users\\task_a (1)\\100%%\\env.txt\") do set %%i\r\n" +
			"for /f \"usebackq delims=\" %%i in (\"C:\\Users\\task_a (1)\\100%%\\dir.txt\") do cd /d \"%%i\"\r\n" +
			"call \"C:\\Users\\task_a (1)\\100%%%%\\command_000001.bat\" 2>&1\r\n" +
			"@set tcexitcode=%errorlevel%\r\n" +
			"@echo off\r\n" +
			"exit %tcexitcode%\r\n",
	} {
		if got := batchOf(i, 2).around(home); got != want {
			t.Errorf("wrapper %d:\n%s\nwant\n%s", i, got, want)
		}
	}
	b := batchOf(0, 1)
	if got, want := b.text("one\ntwo\r\nthree"), "@echo on\r\none\r\ntwo\r\nthree"; got != want {
		t.Errorf("script %q, want %q", got, want)
	}
	if got, want := b.run(home), `cmd.exe /D /S /C ""C:\Users\task_a (1)\100%\command_000000_wrapper.bat""`; got != want {
		t.Errorf("command line %s, want %s", got, want)
	}
}
