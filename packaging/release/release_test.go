package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"crypto/ed25519"
	"crypto/sha256"
	"debug/macho"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// TestRelease makes a whole release, signs it and looks at it as those do who get it.
func TestRelease(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("hooks are commands of a shell, and releases are made where there is one")
	}
	dir := checkout(t)
	run(t, dir, "tag", "v1.2.3")
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	seed := base64.StdEncoding.EncodeToString(key.Seed())
	t.Setenv("SIGN_KEY", put(t, filepath.Join(t.TempDir(), "key"), seed))
	// It makes another file, with another mode, as some signers do.
	t.Setenv("SIGN_WINDOWS", `sh -c 'cp "$1" "$1.new" && printf "signed ${1##*/}" >>"$1.new" && chmod 600 "$1.new" && mv "$1.new" "$1"' sh`)
	t.Setenv("GOFLAGS", "-tags=another") // and other habits of whoever makes the release
	t.Setenv("GOAMD64", "v3")
	code, stdout, stderr := call(t, "build", "-platforms", "linux/amd64,darwin/arm64,windows/amd64")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	said := base64.StdEncoding.EncodeToString(public)
	if strings.Contains(stdout+stderr, seed) || !strings.Contains(stderr, said) {
		t.Errorf("the private key is shown, or the public one is not: %s", stderr)
	}
	out := filepath.Join(dir, "dist", "1.2.3")
	names := []string{
		"LICENSE", "SHA256SUMS", "SHA256SUMS.sig", "THIRD-PARTY.txt", "workerkit-1.2.3-darwin-arm64-pkg.tar.gz",
		"workerkit-1.2.3-linux-amd64.tar.gz", "workerkit-1.2.3-darwin-arm64.tar.gz", "workerkit-1.2.3-windows-amd64.zip",
	}
	for _, p := range []string{"linux-amd64", "darwin-arm64", "windows-amd64"} {
		names = append(names, "start-worker-"+p, "generic-worker-insecure-"+p, "generic-worker-multiuser-"+p, "workerkit-1.2.3-"+p+".cdx.json")
	}
	if got := list(t, out); !slices.Equal(got, slices.Sorted(slices.Values(names))) {
		t.Errorf("the release has %q", got)
	}
	if left := list(t, filepath.Join(dir, "dist")); len(left) != 1 {
		t.Errorf("beside it there is %v", left)
	}
	if code, said, problem := call(t, "verify", out, "-key", said); code != 0 {
		t.Errorf("verify: %d, %s%s", code, said, problem)
	}
	t.Run("bills of materials", func(t *testing.T) { bills(t, out) })
	t.Run("linux", func(t *testing.T) { linuxRelease(t, out) })
	t.Run("macOS", func(t *testing.T) { macRelease(t, out) })
	t.Run("Windows", func(t *testing.T) { windowsRelease(t, out) })
}

// bills have every program by its checksum, also those that are in no archive.
func bills(t *testing.T, out string) {
	for _, p := range []string{"linux-amd64", "darwin-arm64", "windows-amd64"} {
		bill, err := os.ReadFile(filepath.Join(out, "workerkit-1.2.3-"+p+".cdx.json"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"start-worker", "generic-worker-insecure", "generic-worker-multiuser"} {
			data, err := os.ReadFile(filepath.Join(out, name+"-"+p))
			if err != nil {
				t.Fatal(err)
			}
			if sum := sha256.Sum256(data); !strings.Contains(string(bill), hex.EncodeToString(sum[:])) || !strings.Contains(string(bill), `"program:`+name+`"`) {
				t.Errorf("%s-%s is not in the bill", name, p)
			}
		}
	}
}

// TestBuiltEngine: generic-worker keeps the engine that a release builds it for, as plain
// generic-worker and whoever calls it. It builds the real program.
func TestBuiltEngine(t *testing.T) {
	if testing.Short() {
		t.Skip("it links a large program twice")
	}
	tools, err := openToolchain(t.Context(), filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	here := platform{runtime.GOOS, runtime.GOARCH}
	for _, engine := range []string{"insecure", "multiuser"} { // one of them is what this user gets without
		dir := t.TempDir()
		if err := tools.build(t.Context(), here, dir, source{version: "1.2.3"}, []string{"generic-worker"}, builtFor(engine)); err != nil {
			t.Fatal(err)
		}
		said, err := exec.CommandContext(t.Context(), filepath.Join(dir, here.program("generic-worker")), "--version").CombinedOutput()
		if err != nil || !strings.HasPrefix(string(said), "generic-worker ("+engine+" engine) 1.2.3 ") {
			t.Errorf("built for %s: %v: %s", engine, err, said)
		}
	}
}

func linuxRelease(t *testing.T, out string) {
	files := unpacked(t, filepath.Join(out, "workerkit-1.2.3-linux-amd64.tar.gz"))
	for _, name := range []string{
		"LICENSE", "README.txt", "THIRD-PARTY.txt", "start-worker", "generic-worker", "worker-images", "taskcluster-local",
		"completions/worker-images.bash", "completions/_worker-images", "completions/worker-images.ps1",
		"man/man1/start-worker.1", "man/man1/generic-worker.1", "man/man1/worker-images.1", "man/man1/taskcluster-local.1",
		"packaging/a.conf", "packaging/start-worker.service", "packaging/workerkit-key.service",
	} {
		if files["workerkit-1.2.3-linux-amd64/"+name] == "" {
			t.Errorf("%s is not in the archive", name)
		}
	}
	if page := files["workerkit-1.2.3-linux-amd64/man/man1/start-worker.1"]; !strings.Contains(page, "workerkit 1.2.3") || !strings.Contains(page, "I am 1.2.3") || !strings.Contains(page, "all is fine") {
		t.Errorf("the manual page is\n%s", page)
	}
	if files["workerkit-1.2.3-linux-amd64/packaging/postinst.sh"] != "" {
		t.Error("a script of the packages is in the archive")
	}
	if !strings.Contains(files["workerkit-1.2.3-linux-amd64/THIRD-PARTY.txt"], "\nstd ") {
		t.Error("Go's own licence is not in the list")
	}
	bare := filepath.Join(out, "start-worker-linux-amd64")
	if data, err := os.ReadFile(bare); err != nil || string(data) != files["workerkit-1.2.3-linux-amd64/start-worker"] {
		t.Errorf("the program by its public name is another: %v", err)
	}
	if runtime.GOOS+runtime.GOARCH != "linuxamd64" {
		t.Skip("these programs do not run here")
	}
	for name, engine := range map[string]string{"start-worker": "any", "generic-worker-insecure": "insecure", "generic-worker-multiuser": "multiuser"} {
		got, err := exec.CommandContext(t.Context(), filepath.Join(out, name+"-linux-amd64")).Output() //nolint:gosec // made here
		commit, ok := strings.CutPrefix(strings.TrimSuffix(string(got), " for "+engine+"\n"), "I am 1.2.3+")
		if err != nil || !ok || len(commit) != 40 {
			t.Errorf("%s: %v: %s", name, err, got)
		}
	}
}

func macRelease(t *testing.T, out string) {
	program, err := macho.Open(filepath.Join(out, "start-worker-darwin-arm64"))
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	const uuid = 0x1b // LC_UUID
	if !slices.ContainsFunc(program.Loads, func(l macho.Load) bool { return program.ByteOrder.Uint32(l.Raw()) == uuid }) {
		t.Error("the program has no UUID: macOS will not let it reach the local network")
	}
	files := unpacked(t, filepath.Join(out, "workerkit-1.2.3-darwin-arm64-pkg.tar.gz"))
	top := "workerkit-1.2.3-darwin-arm64-pkg/"
	for _, name := range []string{
		"root/usr/local/bin/start-worker", "root/usr/local/bin/generic-worker", "root/Library/LaunchDaemons/org.workerkit.start-worker.plist",
		"root/Library/LaunchAgents/org.workerkit.launch-agent.plist", "scripts/postinstall", "build-pkg.sh",
		"root/private/etc/newsyslog.d/start-worker.conf",
		"root/usr/local/share/man/man1/start-worker.1", "root/usr/local/share/man/man1/generic-worker.1",
	} {
		if files[top+name] == "" {
			t.Errorf("%s is not in the layout", name)
		}
	}
	if d := files[top+"Distribution.xml"]; !strings.Contains(d, `version="1.2.3"`) || !strings.Contains(d, `hostArchitectures="arm64"`) || strings.Contains(d, "@") {
		t.Errorf("Distribution.xml: %s", d)
	}
}

func windowsRelease(t *testing.T, out string) {
	bare, err := os.ReadFile(filepath.Join(out, "start-worker-windows-amd64"))
	if err != nil {
		t.Fatal(err)
	}
	for name, signedAs := range map[string]string{"start-worker": "start-worker", "generic-worker-insecure": "generic-worker", "generic-worker-multiuser": "generic-worker"} {
		path := filepath.Join(out, name+"-windows-amd64")
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if data, err := os.ReadFile(path); err != nil || !strings.HasSuffix(string(data), "signed "+signedAs+".exe") || info.Mode().Perm() != 0o755 {
			t.Errorf("%s is not signed, or not executable: %v, %v", name, info.Mode(), err)
		}
	}
	r, err := zip.OpenReader(filepath.Join(out, "workerkit-1.2.3-windows-amd64.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	file, err := r.Open("workerkit-1.2.3-windows-amd64/start-worker.exe")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if data, err := io.ReadAll(file); err != nil || string(data) != string(bare) {
		t.Errorf("the program in the archive is another: %v", err)
	}
}

// TestNothingHalfWritten: whatever goes wrong is said in a line, and leaves nothing behind.
func TestNothingHalfWritten(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("hooks are commands of a shell, and releases are made where there is one")
	}
	dir := checkout(t)
	there := filepath.Join(t.TempDir(), "there")
	put(t, filepath.Join(there, "precious"), "")
	for _, c := range []struct {
		name, want string
		args       []string
		env        map[string]string
	}{
		{"a platform that there is not", `platform "linux/386": there are [linux/amd64`, []string{"-platforms", "linux/386"}, nil},
		{"no version", `version "one": it must be like 1.2.3`, []string{"-version", "one"}, nil},
		{"a folder that is there", "is there already", []string{"-out", there}, nil},
		{"a key that is none", "it is no ed25519 key", nil, map[string]string{"SIGN_KEY": filepath.Join(dir, "LICENSE")}},
		{"a hook that fails", "SIGN_DARWIN: sign ", []string{"-platforms", "darwin/amd64"}, map[string]string{"SIGN_DARWIN": "false"}},
		{"a hook that does nothing", "changed nothing", []string{"-platforms", "darwin/amd64"}, map[string]string{"SIGN_DARWIN": "true"}},
		{"no nfpm", "the .deb for linux/amd64: ", []string{"-platforms", "linux/amd64", "-nfpm", "nowhere/nfpm"}, nil},
		{"an argument", `what is "now" for?`, []string{"now"}, nil},
		{"a broken program", "build for ", nil, map[string]string{"": "cmd/start-worker/main.go"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for name, value := range c.env {
				if name != "" {
					t.Setenv(name, value)
					continue
				}
				put(t, filepath.Join(dir, value), "package main")
				commit(t, dir)
			}
			code, stdout, stderr := call(t, append([]string{"build"}, c.args...)...)
			if code != 1 || stdout != "" || !strings.Contains(stderr, c.want) {
				t.Errorf("exit code %d: %s%s", code, stdout, stderr)
			}
			if left, err := filepath.Glob(filepath.Join(dir, "dist", "*")); err != nil || len(left) > 0 {
				t.Errorf("left: %v, %v", left, err)
			}
			if left := list(t, filepath.Dir(there)); !slices.Equal(left, []string{"there"}) {
				t.Errorf("left: %v", left)
			}
		})
	}
	t.Run("no checkout", func(t *testing.T) {
		t.Chdir(t.TempDir())
		if code, _, stderr := call(t, "build"); code != 1 || !strings.Contains(stderr, "a release is made from a git checkout") {
			t.Errorf("exit code %d: %s", code, stderr)
		}
	})
}

func TestVerifySaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "SHA256SUMS"), strings.Repeat("0", 64)+"  a\n")
	for _, c := range []struct {
		want string
		args []string
		code int
	}{
		{"a is missing", []string{"verify", dir}, 1},
		{"the folder of one release", []string{"verify"}, 1},
		{"the folder of one release", []string{"verify", "-key", "", ""}, 1}, // make without DIR
		{"public key", []string{"verify", dir, "-key", "nonsense"}, 1},
		{"not signed", []string{"verify", "-key", base64.StdEncoding.EncodeToString(make([]byte, 32)), dir}, 1},
		{"usage", nil, 2},
		{"usage", []string{"publish"}, 2},
		{"not defined", []string{"verify", "-keys"}, 2},
	} {
		if code, _, stderr := call(t, c.args...); code != c.code || !strings.Contains(stderr, c.want) {
			t.Errorf("%q: exit code %d: %s", c.args, code, stderr)
		}
	}
}

func list(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// unpacked reads a tar.gz: name → content.
func unpacked(t *testing.T, path string) map[string]string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	plain, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for r := tar.NewReader(plain); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[h.Name] = string(data)
	}
}
