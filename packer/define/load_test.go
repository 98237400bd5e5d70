package define_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/internal/version"
	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/define"
)

// load reads definitions that are one file, which must be right.
func load(t *testing.T, text string, options define.Options) []packer.Image {
	t.Helper()
	t.Chdir(t.TempDir())
	write(t, "images/a.hcl", text)
	images, err := define.Load("images", options)
	if err != nil {
		t.Fatal(err)
	}
	return images
}

const qemu = `
  os   = "debian-12"
  arch = "amd64"
  base "qemu" {
    disk = "x.qcow2"
  }
`

func TestEverythingThatAnImageHas(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "images/files/motd", "hello\n")
	write(t, "images/images.lock.hcl", `
worker {
  version = "1.2.3"
}
base "aws" "r/amazon/al-*" {
  id = "ami-1"
}
download "https://example.com/x.tar.gz" {
  sha256 = "`+strings.Repeat("a", 64)+`"
}
`)
	write(t, "images/a.hcl", `
image "a" {
  description = "all of it"
  os          = "debian-12"
  arch        = "arm64"
  size        = 40
  packages    = ["git", "curl=8.*", "git"]
  environment = { A = "b", N = 7, F = true }
  tags        = { level = 3 }
  targets     = ["qemu", "aws"]
  base "aws" {
    owner  = "amazon"
    filter = "al-*"
    region = "r"
  }
  base "gcp" {
    project = "unused"
    zone    = "z"
  }
  base "qemu" {
    disk         = "x.qcow2"
    machine_type = "virt"
  }
  worker {
    engine = "insecure"
    config = { a = 1, b = [1.5, null, { c = true }] }
    runner = { d = "e" }
  }
  file "/etc/motd" {
    owner  = "root"
    group  = "root"
    mode   = "0644"
    source = "files/motd"
  }
  file "/etc/issue" {
    content = file("files/motd")
  }
  download "/opt/x" {
    url    = "https://example.com/x.tar.gz"
    unpack = true
  }
  script "build" {
    content     = "true"
    environment = { PLAIN = "p", TOKEN = secret("env:TOKEN") }
  }
  service "x" {
    unit = "[Unit]"
  }
  service "y" {
    enabled = false
  }
  storage {
    use = true
    for = ["caches"]
  }
  hardening {
    ssh = true
  }
  test "works" {
    command = "true"
  }
}`)
	images, err := define.Load("images", define.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := packer.Image{
		Name: "a", Description: "all of it", OS: "debian-12", Arch: "arm64", Size: 40,
		Bases: map[packer.Target]packer.Base{
			packer.AWS:  {Owner: "amazon", Filter: "al-*", Region: "r", ID: "ami-1", MachineType: "m6g.large"},
			packer.QEMU: {Disk: "x.qcow2", MachineType: "virt"},
		},
		Worker: packer.Worker{
			Engine: "insecure", Version: "1.2.3",
			Config: map[string]any{"a": int64(1), "b": []any{1.5, nil, map[string]any{"c": true}}},
			Runner: map[string]any{"d": "e"},
		},
		Packages: []string{"git", "curl=8.*"},
		Files: []packer.File{
			{Path: "/etc/motd", Owner: "root", Group: "root", Mode: "0644", Source: "files/motd"},
			{Path: "/etc/issue", Content: "hello\n"},
		},
		Downloads: []packer.Download{{URL: "https://example.com/x.tar.gz", SHA256: strings.Repeat("a", 64), Path: "/opt/x", Unpack: true}},
		Scripts: []packer.Script{{
			Name: "build", Content: "true",
			Environment: map[string]string{"PLAIN": "p"}, Secrets: map[string]packer.Secret{"TOKEN": "env:TOKEN"},
		}},
		Services:    []packer.Service{{Name: "x", Enabled: true, Unit: "[Unit]"}, {Name: "y"}},
		Environment: map[string]string{"A": "b", "N": "7", "F": "true"},
		Storage:     packer.Storage{Use: true, FileSystem: "ext4", Mount: "/mnt/ephemeral", For: []string{"caches"}},
		Hardening:   packer.Hardening{BlockMetadata: true, SSH: true, TimeSync: true},
		Tests:       []packer.Test{{Name: "works", Command: "true"}},
		Tags:        map[string]string{"level": "3"},
		Targets:     []packer.Target{packer.AWS, packer.QEMU},
	}
	from := images[0].From
	images[0].From = nil
	if diff := cmp.Diff([]packer.Image{want}, images); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for key, want := range map[string]string{
		"name": "images/a.hcl:2", "os": "images/a.hcl:4", "packages[1]": "images/a.hcl:7", "environment.N": "images/a.hcl:8",
		"targets[0]": "images/a.hcl:10", "targets[1]": "images/a.hcl:10", "base.aws.region": "images/a.hcl:14",
		"base.aws.id": "lock", "base.aws.machine_type": "default", "worker.version": "lock", "worker.config.b[2].c": "images/a.hcl:26",
		`file["/etc/motd"].mode`: "images/a.hcl:32", `download["/opt/x"].sha256`: "lock", "script.build.environment.TOKEN": "images/a.hcl:44",
		"service.x.enabled": "default", "storage.for[0]": "images/a.hcl:54", "hardening.time_sync": "default",
		"packages[2]": "", "base.gcp.project": "",
	} {
		if from[key] != want {
			t.Errorf("%s comes from %q, want %q", key, from[key], want)
		}
	}
}

func TestExtends(t *testing.T) {
	images := load(t, `
image "root" {
  abstract = true
  `+qemu+`
  packages = ["a", "b"]
  tags     = { kept = "k", changed = "old" }
  worker {
    config = { deep = { list = [1], kept = true }, scalar = 1, gone = "g" }
  }
  file "/a" {
    mode    = "0600"
    content = "a"
  }
  script "first" {
    content = "1"
  }
  matrix {
    level = [1]
  }
}
image "middle" {
  extends  = "root"
  packages = ["b", "c"]
  arch     = "arm64"
  file "/a" {
    source = "a.txt"
  }
  script "second" {
    content = "2"
  }
}
image "leaf" {
  extends  = "middle"
  replace  = ["packages", "worker.config.gone", "script.first"]
  packages = ["d"]
  arch     = null
  tags     = { changed = "new", level = matrix.level }
  matrix {
    level = [3]
  }
  worker {
    config = { deep = { list = [2] }, scalar = [2] }
  }
}`, define.Options{})
	if len(images) != 2 || images[0].Name != "middle-1" || images[1].Name != "leaf-3" {
		t.Fatalf("got %v", names(images))
	}
	middle, leaf := images[0], images[1]
	if diff := cmp.Diff([]string{"a", "b", "c"}, middle.Packages); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"d"}, leaf.Packages); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"kept": "k", "changed": "new", "level": "3"}, leaf.Tags); diff != "" {
		t.Error(diff)
	}
	config := map[string]any{"deep": map[string]any{"list": []any{int64(1), int64(2)}, "kept": true}, "scalar": []any{int64(2)}}
	if diff := cmp.Diff(config, leaf.Worker.Config); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]packer.File{{Path: "/a", Mode: "0600", Source: "a.txt"}}, leaf.Files); diff != "" {
		t.Error(diff)
	}
	if len(middle.Scripts) != 2 || len(leaf.Scripts) != 1 || leaf.Scripts[0].Name != "second" {
		t.Errorf("scripts: %v, %v", middle.Scripts, leaf.Scripts)
	}
	if leaf.Arch != "arm64" {
		t.Errorf("null is as if nothing were there, not %q", leaf.Arch)
	}
}

func TestMatrix(t *testing.T) {
	images := load(t, `
locals {
  levels = [1, 3]
}
image "a" {
  matrix {
    arch  = ["amd64", "arm64"]
    level = local.levels
  }
  os   = "debian-12"
  arch = matrix.arch
  tags = { level = matrix.level }
  base "qemu" {
    disk = "${matrix.arch}.qcow2"
  }
}
image "b" {
  extends = "a"
  name    = "b-${matrix.level}-x"
  matrix {
    level = local.levels
    arch  = ["amd64"]
  }
}`, define.Options{})
	want := []string{"a-amd64-1", "a-amd64-3", "a-arm64-1", "a-arm64-3", "b-1-x", "b-3-x"}
	if diff := cmp.Diff(want, names(images)); diff != "" {
		t.Fatal(diff)
	}
	if i := images[3]; i.Arch != "arm64" || i.Tags["level"] != "3" || i.Bases[packer.QEMU].Disk != "arm64.qcow2" {
		t.Errorf("got %+v", i)
	}
}

func names(images []packer.Image) (all []string) {
	for _, i := range images {
		all = append(all, i.Name)
	}
	return all
}

func TestDefaults(t *testing.T) {
	linux := load(t, "image \"a\" {\n"+qemu+"}", define.Options{})[0]
	if linux.Size != 30 || linux.Worker.Version != version.String() || linux.From["worker.version"] != "default" || linux.Storage.Use || linux.Storage.Mount != "" {
		t.Errorf("Linux: %+v", linux)
	}
	windows := load(t, `image "w" {
  os   = "windows-2022"
  arch = "amd64"
  base "azure" {
    gallery = "/subscriptions/x"
    region  = "r"
  }
  file "C:\\worker\\x" {
    content = ""
  }
  storage {
    use = true
  }
}`, define.Options{})[0]
	if windows.Size != 128 || windows.Storage.FileSystem != "ntfs" || windows.Storage.Mount != `Z:\` || !windows.Windows() || linux.Windows() {
		t.Errorf("Windows: %+v", windows)
	}
	if !slices.Equal(windows.Targets, []packer.Target{packer.Azure}) || windows.From["targets[0]"] != "default" {
		t.Errorf("targets %v from %q", windows.Targets, windows.From["targets[0]"])
	}
}

func TestFoldersThatCannotBeRead(t *testing.T) {
	t.Chdir(t.TempDir())
	if _, err := define.Load("nowhere", define.Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
	write(t, "empty/README.md", "x")
	if _, err := define.Load("empty", define.Options{}); err == nil || !strings.Contains(err.Error(), "no .hcl file") {
		t.Errorf("no definitions: %v", err)
	}
	write(t, "large/a.hcl", strings.Repeat("#", 1<<18+1))
	if _, err := define.Load("large", define.Options{}); err == nil || !strings.Contains(err.Error(), "larger") {
		t.Errorf("large file: %v", err)
	}
	write(t, "lock/a.hcl", "image \"a\" {\n"+qemu+"}")
	write(t, "lock/images.lock.hcl", "what")
	if _, err := define.Load("lock", define.Options{}); err == nil || !strings.Contains(err.Error(), "lock file") {
		t.Errorf("bad lock file: %v", err)
	}
}

// TestBracketsWithoutEnd: the largest file that is read does not end the program.
func TestBracketsWithoutEnd(t *testing.T) {
	for _, c := range []string{"(", "[", "{a=", "f(", "!", "\"${", "a{\n", "true?1:", "-", "-(", "${-", "%{if true}"} {
		dir := t.TempDir()
		text := "locals {\n x = "
		if c[0] == '%' || c[0] == '$' {
			text += "\"a"
		}
		write(t, filepath.Join(dir, "a.hcl"), text+strings.Repeat(c, (1<<18-len(text))/len(c)))
		_, err := define.Load(dir, define.Options{})
		if _, ok := errors.AsType[*define.Error](err); !ok || len(err.Error()) > 1000 {
			t.Errorf("%q: %.1000v", c, err)
		}
	}
}

func TestTheImagesOfThisRepository(t *testing.T) {
	images, err := define.Load("../../images", define.Options{Vars: []string{`aws_copies=["eu-west-1"]`, `aws_accounts=["123456789012"]`}})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range images {
		if got := i.Publish[packer.AWS]; !slices.Equal(got.Regions, []string{"eu-west-1"}) || !slices.Equal(got.Accounts, []string{"123456789012"}) {
			t.Errorf("%s is published to %+v", i.Name, got)
		}
	}
	for _, name := range []string{"debian-12-worker-amd64", "debian-12-worker-arm64", "ubuntu-24-04-worker-amd64", "windows-2022-worker"} {
		if !slices.Contains(names(images), name) {
			t.Errorf("there is no %s in %v", name, names(images))
		}
	}
	for _, i := range images {
		if _, err := packer.Hash(i, os.DirFS("../../images")); err != nil {
			t.Error(err)
		}
	}
}

// TestEnginesAreThoseOfTheWorker: the definition cannot ask the worker, which it must not import.
func TestEnginesAreThoseOfTheWorker(t *testing.T) {
	entries, err := os.ReadDir("../../worker/engines")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !e.IsDir() || strings.HasSuffix(e.Name(), "test") {
			continue
		}
		load(t, fmt.Sprintf("image \"a\" {\n%s\nworker {\nengine = %q\n}\n}", qemu, e.Name()), define.Options{})
	}
}
