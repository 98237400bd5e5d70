package inventory_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/packer/inventory"
)

// machine is a script that makes a small system out of a few files of this one and takes its
// inventory: with a dpkg and a systemctl of its own, and no systemd that runs.
const machine = `root=$1 script=$2
mount -t tmpfs tmpfs "$root"
cd "$root"
mkdir -p usr etc/systemd/system etc/workerkit boot dev proc var/tmp/workerkit/image/units var/log opt/tool home tmp
mount --bind -o ro /usr usr
: >dev/null; mount --bind /dev/null dev/null
cp -a /etc/alternatives etc/ # where awk is
for link in bin sbin lib lib64; do if [ -L /$link ]; then cp -a /$link .; fi; done
mount -t tmpfs tmpfs usr/local
mount -t tmpfs tmpfs usr/share/doc
mkdir -p usr/local/bin usr/share/doc/git
printf 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nFiles: *\nLicense: GPL-2\n\nLicense:  Expat \nFiles: a\nLicense: GPL-2\n' >usr/share/doc/git/copyright
echo 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"' >etc/os-release
: >boot/vmlinuz-6.1.0-9-amd64; : >boot/vmlinuz-6.1.0-28-amd64
printf '#!/bin/sh\necho "${0##*/} 1.2.3"\n' >usr/local/bin/start-worker
chmod 755 usr/local/bin/start-worker
cat >usr/local/bin/dpkg-query <<'END'
#!/bin/sh
printf 'installed\tgit\t1:2.39.5-0\tamd64\t10\tgit\nconfig-files\tgone\t1\tall\t\tgone\n'
END
cat >usr/local/bin/systemctl <<'END'
#!/bin/sh
case " $* " in *' --root=/ '*) ;; *) echo 'System has not been booted with systemd' >&2; exit 1 ;; esac
echo 'chrony.service enabled enabled'
END
chmod 755 usr/local/bin/*
echo motd >etc/motd; chmod 640 etc/motd
echo unit >etc/systemd/system/a.service
cd var/tmp/workerkit
printf '0640\troot\troot\t000-motd\t/etc/motd\n0640\troot\troot\t001-gone\t/etc/gone\n' >image/files.list
printf 'x\t0644\tyes\t/opt/tool\thttps://example.com/tool.tar\nx\t0644\tno\t/opt/one\thttps://example.com/one\n' >image/downloads
echo one >"$root/opt/one"
: >image/units/a.service
printf 'first\tpassed\t0.5\n' >tests.tsv
head -c 3000000 /dev/zero >"$root/var/log/big"
before=$(cd "$root"; find . -xdev | sort)
PATH=/usr/local/bin:/usr/sbin:/usr/bin:/bin chroot "$root" sh -s <"$script"
test "$before" = "$(cd "$root"; find . -xdev | sort)" || echo 'it leaves something' >&2
`

// TestScript: inventory.sh tells what there is in a system where no systemd runs.
func TestScript(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to change the root folder")
	}
	if err := exec.CommandContext(t.Context(), "unshare", "--mount", "true").Run(); err != nil {
		t.Skip("no mount namespaces here: ", err)
	}
	script, err := filepath.Abs("../templates/scripts/linux/inventory.sh")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "unshare", "--mount", "sh", "-eu", "-c", machine, "machine", t.TempDir(), script)
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		t.Fatalf("%v: %s", err, exit.Stderr)
	}
	if err != nil {
		t.Fatal(err)
	}
	got, err := inventory.Parse(bytes.NewReader(out))
	if err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	check(t, got)
}

func check(t *testing.T, got inventory.Inventory) {
	t.Helper()
	if got.System != "Debian GNU/Linux 12 (bookworm)" || got.Kernel != "6.1.0-28-amd64" || got.Versions["start-worker"] != "1.2.3" {
		t.Errorf("system: %+v", got)
	}
	if want := []inventory.Package{{Name: "git", Version: "1:2.39.5-0", Arch: "amd64", Bytes: 10240, Source: "git", Licence: "GPL-2, Expat"}}; !slices.Equal(got.Packages, want) {
		t.Errorf("packages: %+v", got.Packages)
	}
	if want := []inventory.Service{{Name: "chrony.service", State: "enabled"}}; !slices.Equal(got.Services, want) {
		t.Errorf("services: %+v", got.Services)
	}
	var files []string
	for _, f := range got.Files {
		files = append(files, f.Path+" "+f.Mode)
	}
	if all := strings.Join(files, ", "); all != "/etc/motd 0640, /etc/systemd/system/a.service 0644, /opt/one 0644, /usr/local/bin/start-worker 0755" {
		t.Errorf("files: %s", all)
	}
	if want := []inventory.Test{{Name: "first", Passed: true, Took: 0.5}}; !slices.Equal(got.Tests, want) {
		t.Errorf("tests: %+v", got.Tests)
	}
	if got.Folders["/"] == 0 || got.Folders["/"] > 1<<20 || got.Folders["/opt"] == 0 {
		t.Errorf("folders: %v (a log is not part of the image)", got.Folders)
	}
}
