package main

import "testing"

func TestChooseEngine(t *testing.T) {
	for _, c := range []struct {
		configured, program string
		built               string
		privileged          bool
		want                string
	}{
		{"", "generic-worker", "", false, "insecure"},
		{"", "generic-worker", "", true, "multiuser"},
		{"", "/usr/local/bin/generic-worker-insecure", "", true, "insecure"},
		{"", "./generic-worker-insecure-linux-amd64", "", true, "insecure"},
		{"", "generic-worker-simple-darwin-amd64", "", true, "insecure"},
		{"", "generic-worker-multiuser", "", false, "multiuser"},
		{"", "generic-worker-multiuser-darwin-arm64", "", false, "multiuser"},
		{"", `C:\generic-worker\generic-worker-multiuser-windows-amd64.exe`, "", false, "multiuser"},
		{"", `C:\generic-worker\Generic-Worker-Insecure.EXE`, "", true, "insecure"},
		{"", `C:\generic-worker-insecure\generic-worker.exe`, "", true, "multiuser"},
		{"", "/opt/multiuser/generic-worker", "", false, "insecure"},
		{"", "", "", false, "insecure"},
		{"mock", "generic-worker-multiuser", "", true, "mock"},
		{"insecure", "generic-worker-multiuser", "", true, "insecure"},
		// A release's generic-worker-insecure-linux-amd64, as an image stores it.
		{"", "/usr/local/bin/generic-worker", "insecure", true, "insecure"},
		{"", "/usr/local/bin/generic-worker", "multiuser", false, "multiuser"},
		{"", "generic-worker-multiuser", "insecure", true, "multiuser"},
		{"multiuser", "generic-worker", "insecure", true, "multiuser"},
	} {
		if got := chooseEngine(c.configured, c.program, c.built, c.privileged); got != c.want {
			t.Errorf("%q, %q, %v: %s, want %s", c.configured, c.program, c.privileged, got, c.want)
		}
	}
}
