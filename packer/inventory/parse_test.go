package inventory_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/packer/inventory"
)

const sum = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

const whole = "[system]\nname\tDebian GNU/Linux 12 (bookworm)\nkernel\t6.1.0-28-cloud-amd64\ntaken\t2026-11-22T09:00:00Z\n" +
	"[packages]\nzstd\t1.5.4\tamd64\t2048\tlibzstd\tBSD-3-clause, GPL-2\ngit\t1:2.39.5-0\tamd64\t0\tgit\t\n" +
	"[services]\nssh.service\tdisabled\nchrony.service\tenabled\n" +
	"[files]\n/usr/local/bin/start-worker\t9\t0755\t" + sum + "\n/etc/a b\t1\t0640\t" + sum + "\n" +
	"[folders]\n/\t4096\n/usr\t1024\n[versions]\nstart-worker\t0.1.0\n[tests]\nz\tpassed\t0.25\na\tfailed\t1\n[end]\n"

func TestParse(t *testing.T) {
	want := inventory.Inventory{
		System: "Debian GNU/Linux 12 (bookworm)", Kernel: "6.1.0-28-cloud-amd64", Taken: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC),
		Packages: []inventory.Package{
			{Name: "git", Version: "1:2.39.5-0", Arch: "amd64", Source: "git"},
			{Name: "zstd", Version: "1.5.4", Arch: "amd64", Bytes: 2048, Source: "libzstd", Licence: "BSD-3-clause, GPL-2"},
		},
		Services: []inventory.Service{{Name: "chrony.service", State: "enabled"}, {Name: "ssh.service", State: "disabled"}},
		Files: []inventory.File{
			{Path: "/etc/a b", Bytes: 1, Mode: "0640", SHA256: sum},
			{Path: "/usr/local/bin/start-worker", Bytes: 9, Mode: "0755", SHA256: sum},
		},
		Folders: map[string]int64{"/": 4096, "/usr": 1024}, Versions: map[string]string{"start-worker": "0.1.0"},
		Tests: []inventory.Test{{Name: "z", Passed: true, Took: 0.25}, {Name: "a", Took: 1}},
	}
	for name, text := range map[string]string{"linux": whole, "windows": strings.ReplaceAll(whole, "\n", "\r\n")} {
		got, err := inventory.Parse(strings.NewReader(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	if f, ok := want.Program("start-worker"); !ok || f.Bytes != 9 {
		t.Errorf("start-worker: %v, %v", f, ok)
	}
	if _, ok := want.Program("worker"); ok {
		t.Error("another program was found")
	}
}

func TestParseIsStrict(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"[end]\n", "", "[end] is missing"},
		{"[end]\n", "[end]\nmore\n", "line 23: there is something after [end]"},
		{"[folders]", "[folder]", "line 14: there is no section [folder]"},
		{"[folders]", "[files]", "line 14: the section [files] is there twice"},
		{"[folders]\n/\t4096\n/usr\t1024\n", "", "the section [folders] is missing"},
		{"[system]\n", "", "line 1: a section, such as [packages], must come first"},
		{"name\tDebian", "nome\tDebian", "line 2: [system]: nome: this is not known here"},
		{"taken\t2026-11-22T09:00:00Z\n", "", "[system] does not have both name and taken"},
		{"2026-11-22T09:00:00Z", "yesterday", "line 4: [system]: taken"},
		{"\tlibzstd\tBSD-3-clause, GPL-2", "\tlibzstd", "line 6: [packages] has 6 columns, and this line 5"},
		{"\t2048\t", "\t-1\t", `line 6: [packages]: zstd: "-1" is no number of bytes`},
		{"zstd\t1.5.4", "zstd\t", "zstd: the version is missing"},
		{"zstd\t1.5.4", "git\t1:2.39.5-0", "line 7: [packages] has git twice"},
		{"\t0755\t", "\t755\t", `"755" is no mode`},
		{"\t0755\t" + sum, "\t0755\t" + sum[1:] + "G", "is no sha256"},
		{"passed", "fine", `line 20: [tests]: z: "fine" is neither passed nor failed`},
		{"0.25", "NaN", `"NaN" is no number of seconds`},
		{"ssh.service", "", "line 9: [services]: the first column is empty"},
		{"ssh.service\tdisabled", "ssh.service\t", "[services]: ssh.service: the state is missing"},
		{"ssh.service", "\xff", "line 9: that is not UTF-8"},
		{"ssh.service", strings.Repeat("x", 70_000), "line 9: bufio.Scanner: token too long"},
		{"[services]\n", "[services]\n\n", "line 9: [services] has 2 columns, and this line 1"},
	} {
		text := strings.Replace(whole, c.old, c.new, 1)
		if text == whole {
			t.Fatalf("nothing is replaced: %q", c.old)
		}
		if _, err := inventory.Parse(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q for %q: got %v, want %q", c.new[:min(len(c.new), 50)], c.old, err, c.want)
		}
	}
}

// endless is a machine that never stops to talk.
type endless struct{ n int }

func (e *endless) Read(p []byte) (int, error) {
	if e.n++; e.n == 1 {
		return copy(p, "[services]\n"), nil
	}
	line := []byte(strings.Repeat("x", 100) + "\n")
	return copy(p, line[:min(len(p), len(line))]), nil
}

func TestParseEnds(t *testing.T) {
	if _, err := inventory.Parse(&endless{}); err == nil {
		t.Error("no error")
	}
	lines := strings.NewReader("[services]\n" + strings.Repeat(strings.Repeat("x", 1000)+"\n", 34_000))
	if _, err := inventory.Parse(lines); err == nil {
		t.Error("no error")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(whole)
	f.Add("[system]\n[end]\n")
	if data, err := os.ReadFile("testdata/debian-12.txt"); err == nil {
		f.Add(string(data))
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := inventory.Parse(strings.NewReader(text))
		if err != nil {
			return
		}
		data, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		var again inventory.Inventory
		if err := json.Unmarshal(data, &again); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(got, again); d != "" {
			t.Error(d)
		}
	})
}
