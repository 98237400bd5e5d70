package plan_test

import (
	"errors"
	"io/fs"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/plan"
)

func image() packer.Image {
	return packer.Image{
		Name: "a", Description: "d", OS: "debian-12", Arch: "amd64", Size: 30,
		Bases: map[packer.Target]packer.Base{
			packer.AWS: {Region: "r", Owner: "o", Filter: "f-*", ID: "ami-1"}, packer.GCP: {Project: "p", Family: "f", ID: "g-1"},
		},
		Targets:     []packer.Target{packer.AWS, packer.GCP},
		Packages:    []string{"curl", "git"},
		Files:       []packer.File{{Path: "/etc/motd", Source: "motd"}, {Path: "/etc/x", Content: "x"}},
		Downloads:   []packer.Download{{URL: "https://x", SHA256: "s", Path: "/x"}},
		Scripts:     []packer.Script{{Name: "s", Source: "scripts/s.sh", Secrets: map[string]packer.Secret{"T": "env:T"}}},
		Services:    []packer.Service{{Name: "cron", Enabled: true}},
		Environment: map[string]string{"A": "1"},
		Storage:     packer.Storage{Use: true, For: []string{"tasks"}},
		Hardening:   packer.Hardening{BlockMetadata: true},
		Tests:       []packer.Test{{Name: "t", Command: "true"}},
		Tags:        map[string]string{"a": "b"},
		Worker:      packer.Worker{Version: "1", Config: map[string]any{"a": 1, "b": []any{"c"}}},
		From:        map[string]string{"name": "x.hcl:1"},
	}
}

func folder() fstest.MapFS {
	return fstest.MapFS{"motd": {Data: []byte("m")}, "moved": {Data: []byte("m")}, "scripts/s.sh": {Data: []byte("s")}}
}

func of(t *testing.T, i packer.Image, f fs.FS, target packer.Target) plan.Definition {
	t.Helper()
	d, err := plan.NewDefinitions(f).Of(i, target)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// changed lists the parts that differ.
func changed(a, b plan.Definition) []string {
	var names []string
	for name := range a.Parts {
		if a.Parts[name] != b.Parts[name] {
			names = append(names, name)
		}
	}
	for name := range b.Parts {
		if a.Parts[name] == "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func TestParts(t *testing.T) {
	first := of(t, image(), folder(), packer.AWS)
	if !regexp.MustCompile(`^sha256:[0-9a-f]{64}$`).MatchString(first.Hash) || first.Hash != plan.Hash(first.Parts) {
		t.Errorf("hash %s of %v", first.Hash, first.Parts)
	}
	want := []string{
		"base", "downloads", "environment", "files", "hardening", "os", "packages", "scripts",
		"services", "size", "storage", "tags", "templates", "tests", "worker",
	}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(first.Parts))); diff != "" {
		t.Error(diff)
	}
	for name, c := range map[string]struct {
		change func(*packer.Image, fstest.MapFS)
		want   []string
	}{
		"size":            {func(i *packer.Image, _ fstest.MapFS) { i.Size = 1 }, []string{"size"}},
		"base":            {func(i *packer.Image, _ fstest.MapFS) { i.Bases[packer.AWS] = packer.Base{ID: "ami-2"} }, []string{"base"}},
		"other base":      {func(i *packer.Image, _ fstest.MapFS) { i.Bases[packer.GCP] = packer.Base{ID: "g-2"} }, nil},
		"worker's config": {func(i *packer.Image, _ fstest.MapFS) { i.Worker.Config["a"] = 2 }, []string{"worker"}},
		"reference":       {func(i *packer.Image, _ fstest.MapFS) { i.Scripts[0].Secrets["T"] = "env:U" }, []string{"scripts"}},
		"file's content":  {func(_ *packer.Image, f fstest.MapFS) { f["motd"].Data = []byte("n") }, []string{"files"}},
		"script":          {func(_ *packer.Image, f fstest.MapFS) { f["scripts/s.sh"].Data = []byte("t") }, []string{"scripts"}},
		"file moved":      {func(i *packer.Image, _ fstest.MapFS) { i.Files[0].Source = "moved" }, nil},
		"place":           {func(i *packer.Image, _ fstest.MapFS) { i.From = map[string]string{"name": "y.hcl:7"} }, nil},
		"unused file":     {func(_ *packer.Image, f fstest.MapFS) { f["more"] = &fstest.MapFile{} }, nil},
		"system":          {func(i *packer.Image, _ fstest.MapFS) { i.OS = "ubuntu-24.04" }, []string{"os", "templates"}},
		"no packages":     {func(i *packer.Image, _ fstest.MapFS) { i.Packages = nil }, []string{"packages"}},
		"targets":         {func(i *packer.Image, _ fstest.MapFS) { *i = i.For(packer.AWS) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			i, f := image(), folder()
			c.change(&i, f)
			after := of(t, i, f, packer.AWS)
			if diff := cmp.Diff(c.want, changed(first, after)); diff != "" {
				t.Error(diff)
			}
			if (after.Hash == first.Hash) != (len(c.want) == 0) {
				t.Error("the hash does not go with the parts")
			}
		})
	}
	if of(t, image(), folder(), packer.GCP).Hash == first.Hash {
		t.Error("two targets have one hash")
	}
	if got := image(); cmp.Diff(got, image()) != "" || got.Files[0].Source != "motd" {
		t.Error("the image itself was changed")
	}
}

// TestNothingIsLeftOut: every field of an image that a definition can set is in a part.
func TestNothingIsLeftOut(t *testing.T) {
	empty := packer.Image{OS: "debian-12", Arch: "amd64", Bases: map[packer.Target]packer.Base{packer.AWS: {}}, Targets: []packer.Target{packer.AWS}}
	before := of(t, empty, folder(), packer.AWS)
	kind := reflect.TypeFor[packer.Image]()
	for n := range kind.NumField() {
		name := kind.Field(n).Name
		if name == "From" || name == "Targets" { // where values come from; the target is chosen
			continue
		}
		full := empty
		fill(t, reflect.ValueOf(&full).Elem().Field(n))
		switch name { // what must be one that there is
		case "OS":
			full.OS = "debian-13"
		case "Arch":
			full.Arch = "arm64"
		}
		for i := range full.Files {
			full.Files[i].Source = "motd"
		}
		for i := range full.Scripts {
			full.Scripts[i].Source = "motd"
		}
		if len(changed(before, of(t, full, folder(), packer.AWS))) == 0 {
			t.Errorf("%s is in no part", name)
		}
	}
}

// fill gives a value, and all that it has, something that is not zero.
func fill(t *testing.T, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.String:
		v.SetString("text")
		if v.Type() == reflect.TypeFor[packer.Target]() {
			v.SetString(string(packer.AWS))
		}
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(t, v.Index(0))
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(t, key)
		fill(t, value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem())
	case reflect.Struct:
		for _, field := range v.Fields() {
			fill(t, field)
		}
	case reflect.Interface:
		v.Set(reflect.ValueOf("text"))
	default:
		t.Fatalf("nobody knows how to fill a %s", v.Type())
	}
}

// TestTemplates: what this program makes of every image is another for each system and cloud, and
// does not depend on what a definition says.
func TestTemplates(t *testing.T) {
	seen := map[string]string{}
	for _, system := range []string{"debian-12", "windows-2022"} {
		for _, target := range []packer.Target{packer.AWS, packer.GCP, packer.Azure} {
			i := packer.Image{Name: system, OS: system, Arch: "amd64", Bases: map[packer.Target]packer.Base{target: {}}}
			digest := of(t, i, folder(), target).Parts["templates"]
			if before := seen[digest]; digest == "" || before != "" {
				t.Errorf("%s in %s has the digest %q of %s", system, target, digest, before)
			}
			seen[digest] = system + " in " + string(target)
		}
	}
}

func TestAMissingFile(t *testing.T) {
	f := folder()
	delete(f, "motd")
	if _, err := plan.NewDefinitions(f).Of(image(), packer.AWS); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
