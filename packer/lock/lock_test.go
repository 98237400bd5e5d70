package lock_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/workerkit/workerkit/internal/version"
	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/lock"
)

func sum(letter string) string { return strings.Repeat(letter, 64) }

func read(t *testing.T, text string) (lock.Lock, error) {
	t.Helper()
	name := filepath.Join(t.TempDir(), lock.FileName)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return lock.Load(name)
}

func TestText(t *testing.T) {
	l := lock.Lock{
		Worker: "1.2.3",
		Bases: map[lock.BaseKey]string{
			{packer.GCP, "p/f"}: "f-1", {packer.AWS, "r/o/z-*"}: "ami-2", {packer.AWS, "r/o/a-*"}: "ami-1",
		},
		Downloads: map[string]string{"https://b": sum("b"), "https://a": sum("a")},
	}
	want := `worker {
  version = "1.2.3"
}

base "aws" "r/o/a-*" {
  id = "ami-1"
}

base "aws" "r/o/z-*" {
  id = "ami-2"
}

base "gcp" "p/f" {
  id = "f-1"
}

download "https://a" {
  sha256 = "` + sum("a") + `"
}

download "https://b" {
  sha256 = "` + sum("b") + `"
}
`
	if diff := cmp.Diff(want, string(l.Text())); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestWhatIsWrittenIsRead: whatever the names of bases and the URLs are.
func TestWhatIsWrittenIsRead(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		l := lock.Lock{Bases: map[lock.BaseKey]string{}, Downloads: map[string]string{}}
		for _, query := range rapid.SliceOf(rapid.StringMatching(`[ -~é]{1,20}`)).Draw(r, "queries") {
			l.Bases[lock.BaseKey{Target: rapid.SampledFrom(packer.Targets()).Draw(r, "target"), Query: query}] = "id-" + query
		}
		for _, url := range rapid.SliceOf(rapid.StringMatching(`https://[!-~]{1,20}`)).Draw(r, "urls") {
			l.Downloads[url] = sum("c")
		}
		got, err := read(t, string(l.Text()))
		if err != nil {
			r.Fatal(err)
		}
		if diff := cmp.Diff(l, got); diff != "" {
			r.Fatal(diff)
		}
	})
}

func TestLoad(t *testing.T) {
	l, err := lock.Load(filepath.Join(t.TempDir(), "nowhere"))
	if err != nil || l.Worker != "" || len(l.Bases) != 0 {
		t.Errorf("no file: %+v, %v", l, err)
	}
	for name, c := range map[string]struct{ text, want string }{
		"syntax":            {`base {`, "images.lock.hcl:1"},
		"unknown attribute": {"worker {\n version = \"1\"\n x = 1\n}", "images.lock.hcl:3"},
		"unknown target":    {`base "asw" "q" { id = "x" }`, "no such target"},
		"empty id":          {`base "aws" "q" { id = "" }`, "empty id"},
		"base twice":        {"base \"aws\" \"q\" {\n id = \"x\"\n}\nbase \"aws\" \"q\" {\n id = \"y\"\n}", "there twice"},
		"download twice":    {"download \"u\" {\n sha256 = \"" + sum("a") + "\"\n}\ndownload \"u\" {\n sha256 = \"" + sum("b") + "\"\n}", "there twice"},
		"bad digest":        {`download "u" { sha256 = "xyz" }`, "64 digits"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := read(t, c.text); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
}

func image() packer.Image {
	return packer.Image{
		Name: "a",
		Bases: map[packer.Target]packer.Base{
			packer.AWS:   {Region: "r", Owner: "o", Filter: "f-*"},
			packer.GCP:   {Project: "p", Family: "f"},
			packer.Azure: {Publisher: "P", Offer: "O", SKU: "S"},
			packer.QEMU:  {Disk: "https://d"},
		},
		Downloads: []packer.Download{{Path: "/x", URL: "https://x"}},
		Targets:   packer.Targets(),
		From: map[string]string{
			"base.aws.filter": "a.hcl:1", "base.gcp.family": "a.hcl:2", "base.azure.publisher": "a.hcl:3",
			"base.qemu.disk": "a.hcl:4", `download["/x"].url`: "a.hcl:5",
		},
	}
}

func TestMissingPins(t *testing.T) {
	i := image()
	want := []lock.Missing{
		{Key: "base.aws.id", From: "a.hcl:1", Text: `base "aws" "r/o/f-*"`},
		{Key: "base.gcp.id", From: "a.hcl:2", Text: `base "gcp" "p/f"`},
		{Key: "base.azure.id", From: "a.hcl:3", Text: `base "azure" "P/O/S"`},
		{Key: "base.qemu.sha256", From: "a.hcl:4", Digest: true, Text: `download "https://d"`},
		{Key: `download["/x"].sha256`, From: "a.hcl:5", Digest: true, Text: `download "https://x"`},
	}
	if diff := cmp.Diff(want, lock.MissingPins(i)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	lock.Lock{
		Bases: map[lock.BaseKey]string{
			{packer.AWS, "r/o/f-*"}: "ami-1", {packer.GCP, "p/f"}: "f-1", {packer.Azure, "P/O/S"}: "1.0",
		},
		Downloads: map[string]string{"https://d": sum("d"), "https://x": sum("e")},
	}.Apply(&i)
	if left := lock.MissingPins(i); left != nil {
		t.Errorf("left: %v", left)
	}
	if i.Bases[packer.AWS].ID != "ami-1" || i.Bases[packer.QEMU].SHA256 != sum("d") || i.Downloads[0].SHA256 != sum("e") {
		t.Errorf("got %+v", i)
	}
	var pinned []string
	for _, key := range slices.Sorted(maps.Keys(i.From)) {
		if i.From[key] == "lock" {
			pinned = append(pinned, key)
		}
	}
	if diff := cmp.Diff([]string{"base.aws.id", "base.azure.id", "base.gcp.id", "base.qemu.sha256", `download["/x"].sha256`}, pinned); diff != "" {
		t.Error(diff)
	}
}

// TestTheDefinitionCounts: what it says is not replaced, and needs no pin.
func TestTheDefinitionCounts(t *testing.T) {
	i := image()
	i.Bases = map[packer.Target]packer.Base{
		packer.AWS:   {Region: "r", Owner: "o", Filter: "f-*", ID: "ami-own"},
		packer.Azure: {Publisher: "P", Offer: "O", SKU: "S", Version: "2.0"},
		packer.QEMU:  {Disk: "disk.qcow2"},
		packer.GCP:   {Project: "p", ID: "g"},
	}
	i.Downloads[0].SHA256 = sum("0")
	i.Worker.Version = "9.9.9"
	if left := lock.MissingPins(i); left != nil {
		t.Errorf("missing: %v", left)
	}
	lock.Lock{
		Worker:    "1.2.3",
		Bases:     map[lock.BaseKey]string{{packer.AWS, "r/o/f-*"}: "ami-1", {packer.Azure, "P/O/S"}: "1.0"},
		Downloads: map[string]string{"https://x": sum("e")},
	}.Apply(&i)
	if i.Bases[packer.AWS].ID != "ami-own" || i.Bases[packer.Azure].ID != "" || i.Downloads[0].SHA256 != sum("0") || i.Worker.Version != "9.9.9" {
		t.Errorf("got %+v", i)
	}
}

func TestVersionOfTheWorker(t *testing.T) {
	i := image()
	lock.Lock{}.Apply(&i)
	if i.Worker.Version != version.String() || i.From["worker.version"] != "default" {
		t.Errorf("without a lock: %s from %s", i.Worker.Version, i.From["worker.version"])
	}
	i = image()
	lock.Lock{Worker: "1.2.3"}.Apply(&i)
	if i.Worker.Version != "1.2.3" || i.From["worker.version"] != "lock" {
		t.Errorf("with a lock: %s from %s", i.Worker.Version, i.From["worker.version"])
	}
}
