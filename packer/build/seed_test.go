//go:build unix

package build_test

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/build"
	"github.com/workerkit/workerkit/packer/render"
)

// tools is a PATH with these programs alone, which do nothing.
func tools(t *testing.T, names ...string) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		write(t, filepath.Join(dir, name), "#!/bin/sh\n", 0o700)
	}
	for _, name := range []string{"sh", "cat", "stat", "mkdir"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Skipf("%s is not installed", name)
		}
		if err := os.Symlink(path, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
}

// stock is a build upon an image that knows no password; its packer shows what it was given.
func stock(t *testing.T, targets ...packer.Target) build.Options {
	t.Helper()
	o := options(t, `build() {
		for a; do case $a in qemu_*) echo "got $a" ;; esac; done
		for name in key user-data meta-data; do if [ -e "$TMPDIR"/../wk-seed-*/$name ]; then echo "$name:"; cat "$TMPDIR"/../wk-seed-*/$name; fi; done
		manifest "$builder" VM
	}`, targets...)
	t.Setenv("TMPDIR", t.TempDir()) // where the seed is
	o.Env = slices.DeleteFunc(o.Env, func(entry string) bool {
		return strings.HasPrefix(entry, "WORKER_IMAGES_SSH_PASSWORD=") || strings.HasPrefix(entry, "PKR_VAR_qemu_ssh_")
	})
	return o
}

func TestSeed(t *testing.T) {
	tools(t, "mkisofs")
	o := stock(t, packer.QEMU)
	o.Variables = map[string]string{"run": "r-1"}
	results, err := build.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	log := read(t, results[0].Log)
	for _, part := range []string{
		"got qemu_ssh_user=root\n", "got qemu_ssh_private_key_file=" + os.Getenv("TMPDIR"), `/user-data", "` + os.Getenv("TMPDIR"),
		"-----BEGIN PRIVATE KEY-----", "user-data:\n#cloud-config\n", "\n  - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI", "instance-id: ",
	} {
		if !strings.Contains(log, part) {
			t.Errorf("no %q in\n%s", part, log)
		}
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
	if len(o.Variables) != 1 {
		t.Errorf("the caller's variables are changed: %v", o.Variables)
	}
}

// TestNoSeed: who gives a login, or builds in a cloud, needs neither a seed nor a program for it.
func TestNoSeed(t *testing.T) {
	tools(t)
	for name, give := range map[string]func(*build.Options){
		"password": func(o *build.Options) { o.Env = append(o.Env, "WORKER_IMAGES_SSH_PASSWORD=of-the-base") },
		"key":      func(o *build.Options) { o.Env = append(o.Env, "PKR_VAR_qemu_ssh_private_key_file=/key") },
		"variable": func(o *build.Options) { o.Variables = map[string]string{"qemu_cd_files": `["/user-data"]`} },
		"rendered": func(o *build.Options) {
			write(t, filepath.Join(o.Dir, render.VariablesFile), "qemu_ssh_password = \"x\"\n", 0o600)
		},
		"another cloud": func(o *build.Options) { o.Targets = []packer.Target{packer.GCP} },
	} {
		o := stock(t, packer.QEMU)
		give(&o)
		results, err := build.Run(t.Context(), o)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if log := read(t, results[0].Log); strings.Contains(log, "wk-seed") {
			t.Errorf("%s: there is a seed:\n%s", name, log)
		}
	}
	_, err := build.Run(t.Context(), stock(t, packer.QEMU))
	if err == nil || !strings.Contains(err.Error(), "build: qemu: no program") || !strings.Contains(err.Error(), "apt-get install xorriso") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
}

// TestRealPackerTakesTheSeed: the packer that is installed reads the key and finds the files. A
// script in the place of QEMU then sees the disk that cloud-init would.
func TestRealPackerTakesTheSeed(t *testing.T) {
	found, err := build.Find(t.Context(), "")
	if err != nil {
		t.Skip("packer is not installed: ", err)
	}
	for _, program := range []string{"xorriso", "qemu-img"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed: packer makes no disk for cloud-init (apt-get install xorriso qemu-utils)", program)
		}
	}
	o := stock(t, packer.QEMU)
	o.Packer = found
	base := filepath.Join(t.TempDir(), "base.qcow2")
	if out, err := exec.CommandContext(t.Context(), "qemu-img", "create", "-q", "-f", "qcow2", base, "1M").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	seen := filepath.Join(t.TempDir(), "seen")
	fake := write(t, filepath.Join(t.TempDir(), "qemu"), `#!/bin/sh
case $1 in -version | --version) echo 'QEMU emulator version 7.2.0'; exit ;; esac
for a; do
	case $a in file=*.iso,*)
		iso=${a#file=}
		xorriso -osirrox on -indev "${iso%%,*}" -pvd_info -extract / '`+seen+`' >'`+seen+`.pvd' 2>&1
		cp "$TMPDIR"/../wk-seed-*/key '`+seen+`.key'
		;;
	esac
done
exit 1
`, 0o700)
	programs := t.TempDir()
	for _, p := range []string{"start-worker", "generic-worker"} {
		write(t, filepath.Join(programs, p), "", 0o600)
	}
	image := packer.Image{Name: "real", OS: "debian-12", Arch: "amd64", Bases: map[packer.Target]packer.Base{packer.QEMU: {Disk: base}}}
	o.Image = image
	if _, err := render.Render(o.Dir, image, []packer.Target{packer.QEMU}, render.Options{PackerVersion: found.Version, Programs: programs, Variables: map[string]any{"qemu_binary": fake}}); err != nil {
		t.Fatal(err)
	}
	_, err = build.Run(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), "Qemu failed to start") {
		t.Fatalf("got %v", err)
	}
	if volume := read(t, seen+".pvd"); !strings.Contains(strings.ToLower(volume), "cidata") {
		t.Errorf("cloud-init does not look at a disk that is called so:\n%s", volume)
	}
	public := opens(t, read(t, seen+".key"))
	if user := read(t, filepath.Join(seen, "user-data")); !strings.Contains(user, public) {
		t.Errorf("%s is not let in by\n%s", public, user)
	}
	if meta := read(t, filepath.Join(seen, "meta-data")); !strings.Contains(meta, "instance-id: ") {
		t.Errorf("meta-data is\n%s", meta)
	}
}

// opens is the public half of a key, as ssh-keygen would write it, without its comment.
func opens(t *testing.T, key string) string {
	t.Helper()
	block, _ := pem.Decode([]byte(key))
	if block == nil {
		t.Fatal("the key is none")
	}
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	const head = "\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20"
	return "ssh-ed25519 " + base64.StdEncoding.EncodeToString(append([]byte(head), private.(ed25519.PrivateKey).Public().(ed25519.PublicKey)...))
}
