package packer_test

import (
	"errors"
	"io/fs"
	"regexp"
	"testing"
	"testing/fstest"

	"github.com/workerkit/workerkit/packer"
)

func image() packer.Image {
	return packer.Image{
		Name: "a", OS: "debian-12", Arch: "amd64",
		Bases:   map[packer.Target]packer.Base{packer.AWS: {ID: "ami-1"}, packer.GCP: {ID: "g-1"}},
		Targets: []packer.Target{packer.AWS, packer.GCP},
		Files:   []packer.File{{Path: "/etc/motd", Source: "motd"}},
		Scripts: []packer.Script{{Name: "s", Source: "scripts/s.sh", Secrets: map[string]packer.Secret{"T": "env:T"}}},
		Worker:  packer.Worker{Config: map[string]any{"a": 1, "b": []any{"c"}}},
		From:    map[string]string{"name": "x.hcl:1"},
	}
}

func folder() fstest.MapFS {
	return fstest.MapFS{"motd": {Data: []byte("m")}, "scripts/s.sh": {Data: []byte("s")}}
}

func hash(t *testing.T, i packer.Image, f fs.FS) string {
	t.Helper()
	h, err := packer.Hash(i, f)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHash(t *testing.T) {
	first := hash(t, image(), folder())
	if !regexp.MustCompile(`^sha256:[0-9a-f]{64}$`).MatchString(first) {
		t.Errorf("got %s", first)
	}
	for name, change := range map[string]func(*packer.Image, fstest.MapFS){
		"a value":               func(i *packer.Image, _ fstest.MapFS) { i.Size = 1 },
		"a base":                func(i *packer.Image, _ fstest.MapFS) { i.Bases[packer.AWS] = packer.Base{ID: "ami-2"} },
		"a value of the worker": func(i *packer.Image, _ fstest.MapFS) { i.Worker.Config["a"] = 2 },
		"where it goes": func(i *packer.Image, _ fstest.MapFS) {
			i.Publish = map[packer.Target]packer.Publish{packer.AWS: {Encrypt: true}}
		},
		"a reference": func(i *packer.Image, _ fstest.MapFS) { i.Scripts[0].Secrets["T"] = "env:U" },
		"a file":      func(_ *packer.Image, f fstest.MapFS) { f["motd"].Data = []byte("n") },
		"a script":    func(_ *packer.Image, f fstest.MapFS) { f["scripts/s.sh"].Data = []byte("t") },
	} {
		i, f := image(), folder()
		change(&i, f)
		if hash(t, i, f) == first {
			t.Errorf("%s changes, and not the hash", name)
		}
	}
	moved := image()
	moved.From = map[string]string{"name": "y.hcl:7"}
	other := folder()
	other["unused"] = &fstest.MapFile{Data: []byte("x")}
	if hash(t, moved, other) != first {
		t.Error("the hash depends on where a value is written, or on files that are not used")
	}
}

// TestHashOfATarget: a new base in one cloud builds nothing anew in another.
func TestHashOfATarget(t *testing.T) {
	before, after := image(), image()
	after.Bases[packer.AWS] = packer.Base{ID: "ami-2"}
	after.Publish = map[packer.Target]packer.Publish{packer.AWS: {Regions: []string{"us-west-2"}}}
	if hash(t, before.For(packer.GCP), folder()) != hash(t, after.For(packer.GCP), folder()) {
		t.Error("GCP's hash depends on the base in AWS")
	}
	if hash(t, before.For(packer.AWS), folder()) == hash(t, after.For(packer.AWS), folder()) {
		t.Error("AWS's hash does not depend on its base")
	}
	if len(before.Bases) != 2 || len(before.Targets) != 2 {
		t.Error("For changes the image itself")
	}
}

func TestHashOfAMissingFile(t *testing.T) {
	f := folder()
	delete(f, "motd")
	if _, err := packer.Hash(image(), f); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestSources(t *testing.T) {
	got := image().Sources()
	if len(got) != 2 || got[0] != (packer.Source{Path: "motd", Key: `file["/etc/motd"].source`}) || got[1] != (packer.Source{Path: "scripts/s.sh", Key: "script.s.source"}) {
		t.Errorf("got %v", got)
	}
}

func TestKey(t *testing.T) {
	for want, parts := range map[string][]string{
		"worker.engine": {"worker", "engine"}, `file["/a b"].mode`: {"file", "/a b", "mode"},
		`service["a.timer"]`: {"service", "a.timer"}, `file["C:\\x"]`: {"file", `C:\x`}, `tags[""]`: {"tags", ""},
	} {
		if got := packer.Key(parts...); got != want {
			t.Errorf("%q is %s, want %s", parts, got, want)
		}
	}
}
