package main

import (
	"flag"
	"fmt"
	"io"
	"strings"
)

// service is the worker as a Windows service that NSSM runs. Paths are Windows' on every system.
type service struct {
	nssm, name string
	program    string // this program's path
	config     string // absolute
}

// installService is the command "install service".
func installService(flags *flag.FlagSet, args []string, _, stderr io.Writer) int {
	var s service
	flags.StringVar(&s.nssm, "nssm", `C:\nssm-2.24\win64\nssm.exe`, "")
	flags.StringVar(&s.name, "service-name", "Generic Worker", "")
	flags.StringVar(&s.config, "config", defaultConfig, "")
	if len(args) == 0 || args[0] != "service" {
		fmt.Fprint(stderr, usage)
		return exitUsage
	}
	if !parse(flags, args[1:], stderr) {
		return exitUsage
	}
	if err := s.install(); err != nil {
		fmt.Fprintln(stderr, "generic-worker install service:", err)
		return exitService
	}
	return 0
}

// dir is the folder of the program, where the service runs and where its files are.
func (s service) dir() string { return s.program[:strings.LastIndex(s.program, `\`)] }

func (s service) script() string { return s.dir() + `\run-generic-worker.bat` }

func (s service) log() string { return s.dir() + `\generic-worker-service.log` }

// batch is the script that the service runs. It passes the worker's exit code on.
func (s service) batch() string {
	percent := strings.NewReplacer("%", "%%")
	return strings.Join([]string{
		"@echo off",
		`cd /d "` + percent.Replace(s.dir()) + `"`,
		`"` + percent.Replace(s.program) + `" run --config "` + percent.Replace(s.config) + `"`,
		"exit /b %ERRORLEVEL%", "",
	}, "\r\n")
}

// commands are the command lines that register the service: it starts with the machine, as the
// system's own account, is not started again when it ends, and has a new log each hour.
func (s service) commands() [][]string {
	all := [][]string{{s.nssm, "install", s.name, s.script()}}
	for _, setting := range [][]string{
		{"AppDirectory", s.dir()},
		{"DisplayName", s.name},
		{"Description", "A task worker for Taskcluster"},
		{"Start", "SERVICE_AUTO_START"},
		{"Type", "SERVICE_WIN32_OWN_PROCESS"},
		{"ObjectName", "LocalSystem"},
		{"AppPriority", "NORMAL_PRIORITY_CLASS"},
		{"AppNoConsole", "1"},
		{"AppExit", "Default", "Exit"},
		{"AppStdout", s.log()},
		{"AppStderr", s.log()},
		{"AppStdoutCreationDisposition", "4"}, // append
		{"AppStderrCreationDisposition", "4"},
		{"AppRotateFiles", "1"},
		{"AppRotateOnline", "1"},
		{"AppRotateSeconds", "3600"},
		{"AppRotateBytes", "0"},
	} {
		all = append(all, append([]string{s.nssm, "set", s.name}, setting...))
	}
	return all
}
