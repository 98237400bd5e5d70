package build

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/workerkit/workerkit/internal/private"
	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/render"
)

// errNoISO says that nothing makes the disk from which cloud-init reads.
var errNoISO = errors.New("no program makes the disk that gives cloud-init packer's key: install xorriso (apt-get install xorriso), or give the login of the base in WORKER_IMAGES_SSH_PASSWORD or PKR_VAR_qemu_ssh_private_key_file")

// needsSeed tells whether packer would not know how to log in to the base of a local disk: nobody
// has given it a password, a key or a seed of one's own.
func needsSeed(o Options) bool {
	if !slices.Contains(o.Targets, packer.QEMU) {
		return false
	}
	for _, name := range []string{"qemu_ssh_password", "qemu_ssh_private_key_file", "qemu_cd_files"} {
		if o.Variables[name] != "" || lookup(o.Env, "PKR_VAR_"+name) != "" {
			return false
		}
	}
	rendered, err := os.ReadFile(filepath.Join(o.Dir, render.VariablesFile))
	given := regexp.MustCompile(`(?m)^\s*qemu_(ssh_password|ssh_private_key_file|cd_files)\s*=`)
	return err == nil && lookup(o.Env, "WORKER_IMAGES_SSH_PASSWORD") == "" && !given.Match(rendered)
}

// seed gives packer a seed of its own, in a folder that the caller removes once packer has ended.
func (r *run) seed() (remove func() error, err error) {
	remove = func() error { return nil }
	if !slices.ContainsFunc([]string{"xorriso", "mkisofs", "hdiutil", "oscdimg"}, installed) { // those that packer knows
		return remove, errNoISO
	}
	dir, err := os.MkdirTemp("", "wk-seed-")
	if err != nil {
		return remove, err
	}
	remove = func() error { return os.RemoveAll(dir) }
	variables, err := writeSeed(dir)
	if err != nil {
		return remove, err
	}
	r.Variables = maps.Clone(r.Variables)
	if r.Variables == nil {
		r.Variables = map[string]string{}
	}
	maps.Copy(r.Variables, variables)
	return remove, nil
}

// writeSeed writes into dir, which must be of the owner only, what makes cloud-init of a stock
// image let packer in as root: a key for this one build, and NoCloud's two files. It returns the
// templates' variables.
func writeSeed(dir string) (map[string]string, error) {
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make packer's key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("write packer's key: %w", err)
	}
	files := map[string][]byte{
		"key":       pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
		"user-data": []byte("#cloud-config\ndisable_root: false\nssh_pwauth: false\nusers: []\nssh_authorized_keys:\n  - " + authorized(public) + "\n"),
		"meta-data": []byte("instance-id: worker-images\nlocal-hostname: localhost\n"),
	}
	for name, data := range files {
		if err := private.Write(filepath.Join(dir, name), data); err != nil {
			return nil, err
		}
	}
	path := func(name string) string { return filepath.ToSlash(filepath.Join(dir, name)) }
	return map[string]string{
		"qemu_ssh_user":             "root",
		"qemu_ssh_private_key_file": path("key"),
		"qemu_cd_files":             fmt.Sprintf("[%q, %q]", path("user-data"), path("meta-data")),
	}, nil
}

func installed(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}

// authorized is a public key as a line of authorized_keys.
func authorized(key ed25519.PublicKey) string {
	const kind = "ssh-ed25519"
	var blob []byte
	for _, part := range [][]byte{[]byte(kind), key} {
		blob = binary.BigEndian.AppendUint32(blob, uint32(len(part))) //nolint:gosec // a few bytes
		blob = append(blob, part...)
	}
	return strings.Join([]string{kind, base64.StdEncoding.EncodeToString(blob), "worker-images"}, " ")
}
