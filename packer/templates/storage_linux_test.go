package templates_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// alone runs a shell script in namespaces of its own, with what it needs.
func alone(t *testing.T, script string, namespaces []string, tools ...string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	for _, tool := range append(tools, "unshare") {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	if out, err := exec.CommandContext(t.Context(), "unshare", append(namespaces, "true")...).CombinedOutput(); err != nil {
		t.Skipf("no namespaces here: %s", out)
	}
	out, err := exec.CommandContext(t.Context(), "unshare", append(namespaces, "sh", "-eu", "-c", script)...).CombinedOutput()
	if strings.Contains(string(out), "losetup: ") {
		t.Skipf("no loop devices here: %s", out)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// TestStorage boots twice with one disk, then with two: a new disk is formatted, one of before
// is mounted again with what is on it, and a disk in use is left alone.
func TestStorage(t *testing.T) {
	for _, fs := range []string{"ext4", "xfs"} {
		t.Run(fs, func(t *testing.T) {
			dir := t.TempDir()
			for _, name := range []string{"one", "two"} {
				if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
					t.Fatal(err)
				}
				if err := os.Truncate(filepath.Join(dir, name), 320<<20); err != nil {
					t.Fatal(err)
				}
			}
			out := alone(t, fmt.Sprintf(`cd %s
one=$(losetup -f --show one)
two=
trap 'umount m other 2>/dev/null || true; losetup -d $one $two' EXIT
two=$(losetup -f --show two)
config() { printf "FILE_SYSTEM=%s\nMOUNT=$PWD/m\nFOLDERS='tasks caches'\nDEVICES='%%s'\n" "$*" >conf; }
boot() { sh %s/root/storage.sh $PWD/conf; }
config $one; boot
ls -d m/tasks m/caches
echo kept >m/tasks/x
boot
umount m; boot
cat m/tasks/x
umount m
mkdir other; mkfs.ext4 -q $two; mount $two other
config $two; boot
umount other
config; sed -i '/^DEVICES/d' conf; mkdir -p sys/block dev; STORAGE_SYS=$PWD/sys STORAGE_DEV=$PWD/dev boot
`, dir, fs, here(t)), []string{"--mount"}, "losetup", "mkfs."+fs, "mkfs.ext4", "blkid", "wipefs", "findmnt")
			for _, part := range []string{"is new, with " + fs, "m/tasks\n", "m is mounted\n", "is mounted again", "kept\n", "and is left alone", "no ephemeral disk"} {
				if !strings.Contains(out, part) {
					t.Errorf("no %q in\n%s", part, out)
				}
			}
			if strings.Count(out, "is new, with") != 1 {
				t.Errorf("formatted again:\n%s", out)
			}
		})
	}
}

// TestFindsEphemeralDisks takes what disks say of themselves: of these only the first four are
// ephemeral.
func TestFindsEphemeralDisks(t *testing.T) {
	dir := t.TempDir()
	for name, model := range map[string]string{
		"nvme1n1": "Amazon EC2 NVMe Instance Storage        ", "nvme2n1": "nvme_card0", "sdb": "EphemeralDisk   ", "nvme3n1": "Microsoft NVMe Direct Disk v2",
		"nvme0n1": "Amazon Elastic Block Store              ", "sda": "PersistentDisk  ", "nvme4n1": "nvme_card-pd", "sdc": "Virtual Disk    ",
	} {
		path := filepath.Join(dir, "sys", "block", name, "device", "model")
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(model+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "dev", "disk", "azure"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "dev", "sdd"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../../sdd", filepath.Join(dir, "dev", "disk", "azure", "resource")); err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile("root/storage.sh")
	if err != nil {
		t.Fatal(err)
	}
	functions, _, ok := strings.Cut(string(script), "\nmain\n")
	if !ok {
		t.Fatal("storage.sh no longer ends with main")
	}
	conf := filepath.Join(dir, "conf")
	if err := os.WriteFile(conf, []byte("MOUNT=/none\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", functions+"\ndisks | sort", "storage.sh", conf)
	cmd.Env = append(os.Environ(), "STORAGE_SYS="+dir+"/sys", "STORAGE_DEV="+dir+"/dev")
	out, err := cmd.CombinedOutput()
	want := strings.ReplaceAll("D/nvme1n1\nD/nvme2n1\nD/nvme3n1\nD/sdb\nD/sdd\n", "D", dir+"/dev")
	if err != nil || string(out) != want {
		t.Errorf("%v: got %s, want %s", err, out, want)
	}
}

// TestMetadataIsClosedToUsers: a user cannot open the port, root can, and DNS stays open to all.
func TestMetadataIsClosedToUsers(t *testing.T) {
	out := alone(t, `ip link set lo up
ip addr add 169.254.169.254/32 dev lo
nft -f root/metadata.nft
nft -f root/metadata.nft # again, as when the unit is restarted
ask() { if "$@" curl --silent --output /dev/null --max-time 2 http://169.254.169.254/; then echo open; else echo "error $?"; fi; }
ask env
ask setpriv --reuid 1234 --clear-groups
nft list table inet workerkit_metadata
`, []string{"--net"}, "nft", "ip", "curl", "setpriv")
	// Nothing listens: root is refused by the kernel, the user by the rule, which counts him.
	if !strings.HasPrefix(out, "error 7\nerror 7\n") || !strings.Contains(out, "ip daddr 169.254.169.254 tcp dport 80 counter packets 1 ") {
		t.Errorf("got\n%s", out)
	}
}

func here(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
