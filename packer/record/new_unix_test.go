//go:build unix

package record_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/build"
	"github.com/workerkit/workerkit/packer/record"
	"github.com/workerkit/workerkit/packer/render"
)

// fakePacker builds a disk, takes an inventory and says a secret.
const fakePacker = `#!/bin/sh
[ "$1" = build ] || exit 0
for a; do case $a in output=*) output=${a#output=} ;; esac; done
mkdir "$output/disk"
printf disk >"$output/disk/linux.qcow2"
printf more >"$output/disk/other"
printf '%064d\tlinux.qcow2\n' 1 >"$output/disk/sha256sums"
echo '==> linux.qemu.image: Booting'
echo "    linux.qemu.image: token $PKR_VAR_secrets hunter2-sentinel"
cat >"$output/inventory.txt" <<'END'
[system]
name	Debian
taken	2026-11-22T09:00:00Z
[packages]
[services]
[files]
[folders]
[versions]
[tests]
[end]
END
printf '{"builds":[{"builder_type":"qemu","packer_run_uuid":"2","artifact_id":"VM","files":[{"name":"%s","size":4},{"name":"%s","size":4}]}],"last_run_uuid":"2"}' \
	"$output/disk/linux.qcow2" "$output/disk/other" >"$output/manifest.json"
`

// TestOfABuild: from what packer prints and leaves to the record; the secret that the build was
// given is not in it.
func TestOfABuild(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"packer": fakePacker, "rendered/" + render.VariablesFile: "", "rendered/" + render.SecretsFile: `{"secret_a": "env:BUILD_TOKEN"}`,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	image := packer.Image{Name: "linux", OS: "debian-12", Targets: []packer.Target{packer.QEMU}, Bases: map[packer.Target]packer.Base{packer.QEMU: {Disk: "a.qcow2", SHA256: sum}}}
	var said []build.Line
	results, err := build.Run(t.Context(), build.Options{
		Packer: build.Packer{Path: filepath.Join(dir, "packer"), Version: "1.6.6"}, Image: image, Targets: image.Targets,
		Dir: filepath.Join(dir, "rendered"), Output: filepath.Join(dir, "output"), Env: append(os.Environ(), "BUILD_TOKEN=hunter2-sentinel"),
		Progress: func(l build.Line) { said = append(said, l) },
	})
	if err != nil {
		t.Fatal(err)
	}
	source := record.Source{Image: image, Version: "1", Run: "r", Definition: "sha256:1", Packer: "1.6.6", Result: results[0], Lines: said}
	r, inv, err := record.New(source)
	if err != nil {
		t.Fatal(err)
	}
	want := []record.Artifact{
		{File: "linux.qcow2", Bytes: 4, SHA256: strings.Repeat("0", 63) + "1"},
		{File: "other", Bytes: 4, SHA256: hexSum("more")},
	}
	if len(r.Artifacts) != 2 || r.Artifacts[0] != want[0] || r.Artifacts[1] != want[1] {
		t.Errorf("artifacts: %+v", r.Artifacts)
	}
	if r.Base != "a.qcow2@sha256:"+sum || r.Took <= 0 || len(r.Steps) == 0 || inv.System != "Debian" || r.Began.IsZero() {
		t.Errorf("record: %+v", r)
	}
	folder := filepath.Join(dir, "records", "linux", "1", "qemu")
	if _, err := record.Write(folder, r, inv, results[0].Log, nil); err != nil {
		t.Fatal(err)
	}
	if log := read(t, folder, record.LogFile); !strings.Contains(log, "token") {
		t.Errorf("log: %s", log)
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.Contains(read(t, folder, e.Name()), "hunter2-sentinel") {
			t.Errorf("the secret is in %s", e.Name())
		}
	}
	if err := os.Remove(results[0].Inventory); err != nil {
		t.Fatal(err)
	}
	if _, _, err := record.New(source); err == nil || !strings.Contains(err.Error(), "has taken no inventory") {
		t.Errorf("without an inventory: %v", err)
	}
}
