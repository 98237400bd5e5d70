package loopback

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestMachineRunsModprobe(t *testing.T) {
	dir := t.TempDir()
	script := "#!/bin/sh\necho \"$@\" > " + dir + "/asked\n[ \"$1\" = v4l2loopback ] || { echo no such module >&2; exit 1; }\n"
	if err := os.WriteFile(filepath.Join(dir, "modprobe"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	m := machine{dir}
	if err := m.Load(t.Context(), "v4l2loopback", "devices=2", "video_nr=0,1"); err != nil {
		t.Fatal(err)
	}
	if asked, err := os.ReadFile(dir + "/asked"); err != nil || string(asked) != "v4l2loopback devices=2 video_nr=0,1\n" {
		t.Errorf("%s, %v", asked, err)
	}
	var exit *exec.ExitError
	if err := m.Load(t.Context(), "snd-aloop"); !errors.As(err, &exit) || !strings.Contains(err.Error(), "no such module") {
		t.Error(err)
	}
	if err := m.Configure("snd-aloop", "enable=1 index=16"); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(dir + "/snd-aloop.conf"); err != nil || string(text) != "options snd-aloop enable=1 index=16\n" {
		t.Errorf("%s, %v", text, err)
	}
}

// Only devices are shared: neither a file nor what a link leads to.
func TestMachineSharesDevices(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	for _, err := range []error{os.WriteFile(path, nil, 0o600), os.Symlink("/dev/null", link)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	m := machine{dir}
	for _, device := range []string{path, link} {
		if err := m.Share(device, "root"); !errors.Is(err, errNoDevice) {
			t.Errorf("%s: %v", device, err)
		}
	}
	if err := m.Share(filepath.Join(dir, "none"), "root"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if err := m.Share("/dev/null", "no-such-group-here"); err == nil {
		t.Error("a group that there is not")
	}
}
