package main

import (
	"runtime"
	"slices"
	"strings"
	"testing"
)

func TestService(t *testing.T) {
	s := service{nssm: `D:\nssm.exe`, name: "My Worker", program: `C:\generic worker\generic-worker.exe`, config: `C:\generic worker\100%.config`}
	want := "@echo off\r\ncd /d \"C:\\generic worker\"\r\n" +
		"\"C:\\generic worker\\generic-worker.exe\" run --config \"C:\\generic worker\\100%%.config\"\r\nexit /b %ERRORLEVEL%\r\n"
	if got := s.batch(); got != want {
		t.Errorf("the script is %q", got)
	}
	commands := s.commands()
	if want := []string{`D:\nssm.exe`, "install", "My Worker", `C:\generic worker\run-generic-worker.bat`}; !slices.Equal(commands[0], want) {
		t.Errorf("it begins with %q", commands[0])
	}
	set := map[string]string{}
	for _, c := range commands[1:] {
		if len(c) < 5 || c[0] != s.nssm || c[1] != "set" || c[2] != s.name {
			t.Fatalf("%q", c)
		}
		set[c[3]] = strings.Join(c[4:], " ")
	}
	for key, want := range map[string]string{
		"AppDirectory": `C:\generic worker`, "Start": "SERVICE_AUTO_START", "ObjectName": "LocalSystem", "AppExit": "Default Exit",
		"AppRotateFiles": "1", "AppRotateOnline": "1", "AppRotateSeconds": "3600", "AppRotateBytes": "0",
		"AppStdout": `C:\generic worker\generic-worker-service.log`, "AppStderr": `C:\generic worker\generic-worker-service.log`,
	} {
		if set[key] != want {
			t.Errorf("%s is %q, want %q", key, set[key], want)
		}
	}
}

func TestInstallElsewhere(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("this would install a service")
	}
	code, _, stderr := call(&off{}, "install", "service", "--nssm", "x", "--service-name", "y", "--config", "z")
	if code != exitService || strings.Count(stderr, "\n") != 1 {
		t.Errorf("code %d, %s", code, stderr)
	}
}
