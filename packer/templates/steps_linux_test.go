package templates_test

import (
	"strings"
	"testing"
)

// begin makes an empty work folder, over that of the machine.
const begin = `mount -t tmpfs tmpfs /var/tmp
mkdir -p /var/tmp/workerkit/image/scripts /var/tmp/workerkit/image/tests
cd /var/tmp/workerkit/image
step() { sh "$HERE/scripts/linux/$1.sh" || echo "$1 failed with $?"; }
`

func steps(t *testing.T, script string, tools ...string) string {
	t.Helper()
	return alone(t, "HERE='"+here(t)+"'\n"+begin+script, []string{"--mount"}, tools...)
}

// TestDownloads: a wrong digest ends the build and leaves nothing in place.
func TestDownloads(t *testing.T) {
	out := steps(t, `mkdir /var/tmp/from; cd /var/tmp/from
echo hello >file; tar -cz -f archive.tar.gz file; cd -
sum() { sha256sum "/var/tmp/from/$1" | cut -d ' ' -f 1; }
printf '%s\t0755\tno\t/var/tmp/to/tool\tfile:///var/tmp/from/file\n' "$(sum file)" >downloads
printf '%s\t0644\tyes\t/var/tmp/to/tree\tfile:///var/tmp/from/archive.tar.gz\n' "$(sum archive.tar.gz)" >>downloads
step downloads; step downloads
cat /var/tmp/to/tree/file; stat -c %a /var/tmp/to/tool
printf '%064d\t0644\tno\t/var/tmp/to/bad\tfile:///var/tmp/from/file\n' 0 >downloads
step downloads
printf '%064d\t0644\tno\t/var/tmp/to/bad\tfile:///var/tmp/from/none\n' 0 >downloads
step downloads
printf '%064d\t0644\tno\t/var/tmp/to/bad\tfile:///var/tmp/from/file?signature=hidden\n' 0 >downloads
step downloads
ls /var/tmp/to
`, "curl", "tar")
	for _, part := range []string{"/var/tmp/to/tool is there\n", "hello\n755\n", "downloads: file:///var/tmp/from/file: its sha256 is", "downloads failed with 1", "downloads failed with 37"} {
		if !strings.Contains(out, part) {
			t.Errorf("no %q in\n%s", part, out)
		}
	}
	if !strings.HasSuffix(out, "tool\ntree\n") {
		t.Errorf("something bad is in place:\n%s", out)
	}
	if strings.Contains(out, "hidden") {
		t.Errorf("a signature is shown:\n%s", out)
	}
}

// TestScripts: each has its own environment, and the first that fails in the middle is the last.
func TestScripts(t *testing.T) {
	out := steps(t, `export secret_a="$(printf hidden | base64)" secret_b=x
echo 'export A=1
TOKEN=$(printf %s "$secret_a" | base64 -d)
export TOKEN' >scripts/00-a.script.env
echo 'echo "A=$A TOKEN=$TOKEN"; env | grep ^secret_ || echo no other' >scripts/00-a.script
printf '#!/bin/cat\nby its own program\n' >scripts/01-b.script
printf 'echo "A=${A-unset}"\nfalse\necho not reached\n' >scripts/02-c.script
echo 'echo never' >scripts/03-d.script
step scripts
echo 'sleep 0.02; false' >tests/00-x.test; echo 'echo fine' >tests/01-y.test; step tests
sed 's/0[.][0-9]*/TIME/' ../tests.tsv
`)
	for _, part := range []string{"A=1 TOKEN=hidden\nno other\n", "by its own program", "A=unset\nscripts: 02-c.script has failed with exit code 1\nscripts failed with 1\n",
		"test 00-x: failed, 0.0", "fine\ntest 01-y: passed, 0.0", "tests: failed: 00-x\n", "00-x\tfailed\tTIME\n01-y\tpassed\tTIME\n"} {
		if !strings.Contains(out, part) {
			t.Errorf("no %q in\n%s", part, out)
		}
	}
	if strings.Contains(out, "not reached") || strings.Contains(out, "never") {
		t.Errorf("goes on after an error:\n%s", out)
	}
}

// TestPackages: what is there is not fetched again, unless another version of it is wanted.
func TestPackages(t *testing.T) {
	out := steps(t, `mkdir /var/tmp/bin; PATH=/var/tmp/bin:$PATH
cat >/var/tmp/bin/dpkg-query <<'END'
#!/bin/sh
for name; do :; done
case $name in git) echo 'installed 1:2.39.5-0' ;; gone) echo 'config-files 1.0' ;; *) exit 1 ;; esac
END
printf '#!/bin/sh\necho "apt-get $*"\n' >/var/tmp/bin/apt-get
chmod +x /var/tmp/bin/*
echo 'BLOCK_METADATA=no TIME_SYNC=no' >settings; : >downloads
try() { printf '%s\n' "$@" >packages; step packages | grep -o 'all packages.*\|recommends .*'; }
try git git:amd64 git=1:2.39.5-0 'git=1:2.39.*'
try git git=1:2.47.0-1 gone zstd
printf 'x\t0644\t%s\t/opt\thttps://a/b.%s\n' yes zip yes 'tar.xz?a=b.bz2' no bz2 >downloads; try git
rm settings; step packages 2>/dev/null
`)
	const want = "all packages are installed\nrecommends --allow-downgrades git=1:2.47.0-1 gone zstd\nrecommends --allow-downgrades ca-certificates curl unzip xz-utils\npackages failed with "
	if !strings.HasPrefix(out, want) {
		t.Errorf("got\n%s\nwant\n%s", out, want)
	}
}

// TestFiles: a file is put where it was said, with its mode, over one of before, and never into
// a folder that has its name.
func TestFiles(t *testing.T) {
	out := steps(t, `mkdir -p files /var/tmp/to/folder; echo hello >files/000-a
printf '0640\troot\troot\t000-a\t/var/tmp/to/new/a b\n' >files.list
step files; step files
stat -c '%a %n' '/var/tmp/to/new/a b'
printf '0644\troot\troot\t000-a\t/var/tmp/to/folder\n' >files.list
step files
ls /var/tmp/to/folder
`)
	if !strings.HasPrefix(out, "640 /var/tmp/to/new/a b\n") || !strings.HasSuffix(out, "files failed with 1\n") {
		t.Errorf("got\n%s", out)
	}
}

// TestProvision: the steps are announced, the one that fails is named and is the last, and secrets
// are only where scripts can use them.
func TestProvision(t *testing.T) {
	out := steps(t, `mkdir ../linux; cd ../linux
for name in packages downloads files worker storage harden scripts services tests inventory; do
	echo "env | grep ^secret_ || echo '$name: no secret'" >$name.sh
done
export secret_a=x
step provision
cat ../inventory.txt; stat -c %a ../inventory.txt
echo 'echo begun; exit 7' >harden.sh
step provision
`)
	if !strings.HasPrefix(out, "==> step packages\npackages: no secret\n==> step downloads\n") || strings.Count(out, "secret_a=x") != 1 {
		t.Errorf("got\n%s", out)
	}
	for _, part := range []string{"==> step scripts\nsecret_a=x\n==> step services\n", "==> step inventory\ninventory: no secret\n644\n"} {
		if !strings.Contains(out, part) {
			t.Errorf("no %q in\n%s", part, out)
		}
	}
	if !strings.HasSuffix(out, "==> step harden\nbegun\nprovision: step harden has failed: harden.sh ended with exit code 7\nprovision failed with 7\n") {
		t.Errorf("got\n%s", out)
	}
}

// TestClean: in a root of its own the script leaves what the definition wants, and no traces; what
// it would have to erase is an error.
func TestClean(t *testing.T) {
	out := alone(t, "HERE='"+here(t)+"'\n"+`mount -t tmpfs tmpfs /mnt
cd /mnt
mkdir -p usr dev/shm etc/ssh etc/generic-worker etc/apt/apt.conf.d etc/apt/preferences.d var/log var/tmp tmp
: >etc/fstab; : >etc/hosts
mount --bind -o ro /usr usr
mount -t tmpfs tmpfs usr/local
: >dev/null; mount --bind /dev/null dev/null
cp -a /etc/alternatives etc/
for link in bin sbin lib lib64; do if [ -L /$link ]; then cp -a /$link .; fi; done
work=var/tmp/workerkit
clean() {
	mkdir -p $work/image $work/linux root/.ssh var/lib/cloud/instance
	cp "$HERE/scripts/linux/hygiene.sh" $work/linux/
	for path; do printf '0644\troot\troot\t000-a\t%s\n' "$path"; mkdir -p ".${path%/*}"; : >".$path"; done >$work/image/files.list
	printf 'SUM\t0644\tyes\t%s\tURL\n' /etc/generic-worker/tree >$work/image/downloads
	mkdir -p etc/generic-worker/tree/a etc/generic-worker/gone/b "etc/generic-worker/a b"; : >etc/generic-worker/tree/a/file
	for path in "etc/generic-worker/a b/c" etc/generic-worker/gone/b/c etc/generic-worker/config etc/ssh/ssh_host_rsa_key root/.ssh/authorized_keys var/log/syslog var/lib/cloud/instance/x dev/shm/varfile_1.sh; do echo x >"$path"; done
	PATH=/usr/sbin:/usr/bin TARGET=qemu chroot . sh -s <"$HERE/scripts/linux/clean.sh" || echo "clean failed with $?"
}
clean /etc/generic-worker/extra.json /etc/generic-worker/in/folder.json /tmp/passed-on
find etc/ssh etc/generic-worker root tmp var dev/shm ! -type d | sort; find etc/generic-worker -type d | sort
clean /etc/generic-worker/extra.json /var/log/app.conf
clean /etc/generic-worker/ed25519.key
`, []string{"--mount"}, "chroot")
	want := `==> step clean
hygiene: clean
etc/generic-worker/extra.json
etc/generic-worker/in/folder.json
etc/generic-worker/tree/a/file
etc/generic-worker
etc/generic-worker/in
etc/generic-worker/tree
etc/generic-worker/tree/a
==> step clean
clean: /var/log/app.conf of the definition is in a place that is emptied at the end of every build: put it elsewhere
clean failed with 1
==> step clean
`
	if !strings.HasPrefix(out, want) || !strings.Contains(out, "trace: /etc/generic-worker/ed25519.key: key that all machines would share\n") {
		t.Errorf("got\n%s", out)
	}
}
