package disk

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/internal/secret"
)

// key is a private key's shape, of no use.
func key(letters string) string {
	return "-----BEGIN OPENSSH " + "PRIVATE KEY-----\n" + strings.Repeat(letters, 3) + "\n-----END OPENSSH PRIVATE KEY-----\n"
}

const (
	letters = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ"
	token   = "kv7/Zq+hidden~value"
)

// image makes a disk with an MBR, a partition of ext4 with the files, and those that are made
// and removed again.
func image(t *testing.T, files, removed map[string]string) string {
	t.Helper()
	for _, program := range []string{"mke2fs", "debugfs", "qemu-img"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not there: a disk is made and looked into with e2fsprogs and qemu-utils", program)
		}
	}
	const offset, size = 1 << 20, 24 << 20
	dir := t.TempDir()
	root, disk := filepath.Join(dir, "root"), filepath.Join(dir, "disk")
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	table := make([]byte, 512)
	copy(table[446:], []byte{0x80, 0, 0, 0, 0x83, 0, 0, 0, 0, 8, 0, 0, 0, 0xC0, 0, 0}) // 2048, 49152
	table[510], table[511] = 0x55, 0xAA
	if err := os.WriteFile(disk, table, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(disk, offset+size); err != nil {
		t.Fatal(err)
	}
	run(t, "mke2fs", "-q", "-t", "ext4", "-O", "^inline_data", "-E", fmt.Sprintf("offset=%d", offset), "-d", root, disk, fmt.Sprintf("%dk", size/1024))
	part := fmt.Sprintf("%s?offset=%d", disk, offset)
	for name, text := range removed {
		from := filepath.Join(dir, "removed")
		if err := os.WriteFile(from, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		run(t, "debugfs", "-w", "-R", "write "+from+" "+name, part)
	}
	for name := range removed {
		run(t, "debugfs", "-w", "-R", "rm "+name, part)
	}
	return disk
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

func open(t *testing.T, path string) *Disk {
	t.Helper()
	d, err := Open(t.Context(), path, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func shown(all []Finding) []string {
	var lines []string
	for _, f := range all {
		lines = append(lines, f.String())
	}
	slices.Sort(lines)
	return lines
}

func compare(t *testing.T, got []Finding, want ...string) {
	t.Helper()
	if lines := shown(got); !slices.Equal(lines, want) {
		t.Errorf("found\n  %s\nwant\n  %s", strings.Join(lines, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestScan(t *testing.T) {
	packaged := "tests have keys\n" + key(strings.ToUpper(letters)+letters)
	sum := md5.Sum([]byte(packaged))
	sums := hex.EncodeToString(sum[:]) + "  usr/lib/python3/test.pem\n" + hex.EncodeToString(sum[:]) + "  usr/lib/python3/changed.pem\n"
	d := open(t, image(t, map[string]string{
		"etc/plain":                            "user:" + token + "\n",
		"etc/encoded file":                     base64.StdEncoding.EncodeToString([]byte("x" + token)),
		"opt/hex":                              hex.EncodeToString([]byte(token)),
		"etc/key.pem":                          key(letters),
		"srv/account.json":                     `{"private_key": "-----BEGIN ` + `PRIVATE KEY-----\n` + letters + `\n` + letters + `\n-----END"}`,
		"etc/aws":                              "id = AKIA" + "Q3EGRIDNVYWE2XLK\n",
		"etc/aws.example":                      "id = AKIA" + "IOSFODNN7EXAMPLE and XAKIA" + "Q3EGRIDNVYWE2XLK\n",
		"etc/hub":                              "ghp_" + "aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5",
		"etc/hub.example":                      "ghp_" + strings.Repeat("x", 36),
		"etc/lab":                              "glpat-" + "Zq8sT2xWvB4nM6kL9pRd",
		"usr/bin/ssh":                          "-----BEGIN OPENSSH " + "PRIVATE KEY-----\x00-----END",
		"usr/lib/python3/test.pem":             packaged,
		"usr/lib/python3/changed.pem":          packaged + "changed",
		"var/lib/dpkg/info/python3.md5sums":    sums,
		"usr/share/unknown.pem":                key(letters),
		"usr/share/doc/openssh/README.example": "A key begins with\n-----BEGIN " + "PRIVATE KEY-----\nand ends with\n",
	}, map[string]string{"gone": "# " + token + "\n" + strings.Repeat("padding\n", 20), "theirs": packaged}))
	r, err := d.Scan(t.Context(), []Secret{{"env:TOKEN", secret.New(token)}, {"env:PIN", secret.New("1234")}})
	if err != nil {
		t.Fatal(err)
	}
	compare(t, r.Findings,
		"(a deleted file): secret env:TOKEN",
		"/etc/aws: key of AWS",
		"/etc/encoded file: secret env:TOKEN",
		"/etc/hub: token of GitHub",
		"/etc/key.pem: private key",
		"/etc/lab: token of GitLab",
		"/etc/plain: secret env:TOKEN",
		"/opt/hex: secret env:TOKEN",
		"/srv/account.json: private key",
		"/usr/lib/python3/changed.pem: private key",
		"/usr/share/unknown.pem: private key",
	)
	if !slices.Equal(r.Short, []string{"env:PIN"}) {
		t.Errorf("too short are %v", r.Short)
	}
	if r.Bytes == 0 {
		t.Error("nothing was looked at")
	}
}

// TestScanOutside: a boot loader's gap is part of the disk.
func TestScanOutside(t *testing.T) {
	path := image(t, map[string]string{"etc/passwd": "root"}, nil)
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteAt([]byte(token), 4096-5); err != nil {
		t.Fatal(err)
	}
	r, err := open(t, path).Scan(t.Context(), []Secret{{"x", secret.New(token)}})
	if err != nil {
		t.Fatal(err)
	}
	compare(t, r.Findings, "(outside of the file system): secret x")
}

func TestHygiene(t *testing.T) {
	d := open(t, image(t, map[string]string{
		"etc/ssh/ssh_host_rsa_key.pub": "ssh-rsa", "etc/machine-id": "", "root/.bash_history": "ls", "var/log/syslog": "built",
		"var/lib/dpkg/info/a.md5sums": "", "opt/config": "password=" + token, "usr/share/config": token,
	}, nil))
	secrets := []Secret{{"x", secret.New(token)}}
	want := []string{
		"/etc/ssh/ssh_host_rsa_key.pub: host key of the machine that built it",
		"/opt/config: secret of the build",
		"/root/.bash_history: history",
		"/var/log/syslog: log of the build",
	}
	for range 2 { // what an earlier look has unpacked is not in the way
		found, err := d.Hygiene(t.Context(), secrets)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, found, want...)
	}
}

func TestHygieneOfACleanDisk(t *testing.T) {
	found, err := open(t, image(t, map[string]string{"etc/machine-id": "", "var/log/journal/.keep": ""}, nil)).Hygiene(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, found)
}

func TestOpenWhatIsNoDisk(t *testing.T) {
	image(t, map[string]string{"etc/x": ""}, nil) // skips
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, what := range map[string]string{path: "no partition table", path + "x": "no such file"} {
		if _, err := Open(t.Context(), name, t.TempDir()); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("error %v, want %q", err, what)
		}
	}
}
