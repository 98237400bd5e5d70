package record_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/record"
)

// TestNoSecrets: a definition refers to secrets; a record has the reference, and neither what is
// behind it, nor what somebody wrote into a URL, nor the key that signs.
func TestNoSecrets(t *testing.T) {
	const sentinel = "hunter2-sentinel"
	t.Setenv("BUILD_TOKEN", sentinel)
	r, inv := sample()
	r.Resolved.Downloads[0].URL = "https://user:" + sentinel + "@example.com/one?X-Signature=" + sentinel
	r.Target = packer.QEMU
	disk := packer.Base{Disk: "https://:" + sentinel + "@example.com/disk.qcow2"}
	r.Resolved.Bases = map[packer.Target]packer.Base{packer.QEMU: disk}
	r.Base = record.BaseOf(packer.QEMU, r.Resolved, nil)
	dir := filepath.Join(t.TempDir(), "record")
	if _, err := record.Write(dir, r, inv, os.DevNull, key()); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 8 {
		t.Fatalf("%v, %v", entries, err)
	}
	references := 0
	for _, e := range entries {
		data := []byte(read(t, dir, e.Name()))
		for _, hidden := range [][]byte{[]byte(sentinel), key().Seed(), []byte("PRIVATE KEY")} {
			if bytes.Contains(data, hidden) {
				t.Errorf("%q is in %s", hidden, e.Name())
			}
		}
		if bytes.Contains(data, []byte("env:BUILD_TOKEN")) {
			references++
		}
	}
	if references != 1 {
		t.Errorf("%d files have the reference, want the manifest", references)
	}
	if r.Resolved.Downloads[0].URL == "https://example.com/one" || r.Resolved.Bases[packer.QEMU].Disk != disk.Disk {
		t.Error("the caller's definition was changed")
	}
}
