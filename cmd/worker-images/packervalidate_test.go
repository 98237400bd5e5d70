package main

import (
	"bytes"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestComplaints(t *testing.T) {
	many := strings.Repeat("Error: again\n", 7)
	for name, c := range map[string]struct{ said, want string }{
		"nothing":     {"", ""},
		"no errors":   {"a\nb\nc\nd", "b; c; d"},
		"a count":     {"Error: 2 error(s) occurred:\n* one\n* two\n  on a.pkr.hcl line 3:", "one (a.pkr.hcl line 3); two (a.pkr.hcl line 3)"},
		"two places":  {"Error: one\n  on a.pkr.hcl line 3:\nError: two\n  on b.pkr.hcl line 4:", "one (a.pkr.hcl line 3); two (b.pkr.hcl line 4)"},
		"without any": {"Error: one\nfurther words", "one"},
		"many":        {many, "again; again; again; again; again; and 2 more"},
	} {
		got := strings.Join(complaints(slices.DeleteFunc(strings.Split(c.said, "\n"), func(s string) bool { return s == "" })), "; ")
		if got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// TestOurImagesWithPacker: the packer that is installed takes the images of this repository.
func TestOurImagesWithPacker(t *testing.T) {
	if _, err := exec.LookPath("packer"); err != nil {
		t.Skip("packer is not installed (apt-get install packer): ", err)
	}
	var stdout, stderr bytes.Buffer
	if code := run([]string{"validate", "--images", "../../images", "--packer", "packer"}, &stdout, &stderr); code != exitFine {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
}

// TestNoPacker: the rest is validated, and what was not is said.
func TestNoPacker(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	var stdout, stderr bytes.Buffer
	code := run([]string{"validate", "--images", "../../images"}, &stdout, &stderr)
	if code != exitFine || !strings.Contains(stdout.String(), "debian-12-worker-amd64: fine for aws, gcp, azure, qemu\n") {
		t.Errorf("exit code %d: %s%s", code, stdout.String(), stderr.String())
	}
	if got := strings.Count(stderr.String(), "note: templates were not validated: build: packer 1.6.6 or newer is needed: install"); got != 1 {
		t.Errorf("said %d times:\n%s", got, stderr.String())
	}
}
