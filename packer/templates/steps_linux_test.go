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
echo false >tests/00-x.test; echo 'echo fine' >tests/01-y.test; step tests
`)
	for _, part := range []string{"A=1 TOKEN=hidden\nno other\n", "by its own program", "A=unset\nscripts failed with 1\n", "fine\ntests: failed: 00-x\n"} {
		if !strings.Contains(out, part) {
			t.Errorf("no %q in\n%s", part, out)
		}
	}
	if strings.Contains(out, "not reached") || strings.Contains(out, "never") {
		t.Errorf("goes on after an error:\n%s", out)
	}
}
