package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	packerbuild "github.com/workerkit/workerkit/packer/build"
)

// TestDryRun builds a real definition with a real packer against EC2's API, played by the real
// taskcluster-local.
func TestDryRun(t *testing.T) {
	for _, program := range []string{"packer", "sshd", "ssh-keygen"} {
		if _, err := exec.LookPath(program); err != nil && runtime.GOOS != "windows" {
			t.Skipf("%s is not there: a dry run needs packer and OpenSSH's server", program)
		}
	}
	if found, err := packerbuild.Find(t.Context(), ""); err != nil || !strings.HasPrefix(found.Version, "1.6.") {
		t.Skipf("packer 1.6 is not there (%s, %v): a newer one needs plugins from the network", found.Version, err)
	}
	if testing.Short() {
		t.Skip("builds the programs and an image; left out by -short")
	}
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", bin, "./cmd/worker-images", "./cmd/taskcluster-local", "./cmd/start-worker", "./cmd/generic-worker")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	output := t.TempDir()
	command := func(args ...string) (string, error) {
		cmd := exec.Command(filepath.Join(bin, "worker-images"), args...)
		cmd.Dir = filepath.Join("..", "..")
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		err := cmd.Run()
		return out.String(), err
	}
	out, err := command("build", "debian-12-worker-amd64", "--target", "aws", "--dry-run", "--allow-imdsv1", "--output", output)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(out, "\naws: ami-") {
		t.Errorf("no image came out:\n%s", out)
	}
	for _, secret := range []string{"PRIVATE KEY", "AWS_SECRET"} {
		if strings.Contains(out, secret) {
			t.Errorf("the output shows %s", secret)
		}
	}
	if out, err := command("build", "debian-12-worker-amd64", "--target", "aws", "--dry-run", "--output", output); err == nil || !strings.Contains(out, "IMDSv2") {
		t.Errorf("an old packer made an image without IMDSv2: %v\n%s", err, out)
	}
}
