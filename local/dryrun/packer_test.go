package dryrun_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/local/clouds"
	"github.com/workerkit/workerkit/local/dryrun"
	"github.com/workerkit/workerkit/local/dryrun/machine"
	"github.com/workerkit/workerkit/packer/templates"
)

const subscription = "/subscriptions/00000000-0000-4000-8000-000000000003"

// targets are the clouds that packer builds in, with what the id of their artifact is.
func targets() map[string]string {
	return map[string]string{
		"aws":           `^eu-central-1:ami-[0-9a-f]{17}$`,
		"gcp":           `^worker-1$`,
		"azure":         `^` + subscription + `/resourceGroups/images/providers/Microsoft\.Compute/images/worker-1$`,
		"azure-gallery": `^` + subscription + `/resourceGroups/images/providers/Microsoft\.Compute/images/worker-1$`,
	}
}

// cloud is the name of a target's cloud in reports.
func cloud(target string) string {
	name, _, _ := strings.Cut(target, "-")
	return name
}

// TestVarsAreOfTheTemplates: packer takes a variable that no template has for an error.
func TestVarsAreOfTheTemplates(t *testing.T) {
	known, err := templates.Variables()
	if err != nil {
		t.Fatal(err)
	}
	for name := range plain(t, dryrun.Options{}).Vars() {
		if _, ok := known[name]; !ok {
			t.Errorf("no template has a variable %q", name)
		}
	}
}

// stand starts a stand for real packer builds.
func stand(t *testing.T, o dryrun.Options) *dryrun.Stand {
	t.Helper()
	if _, err := exec.LookPath("packer"); err != nil {
		t.Skip("packer is not installed: whole builds cannot be tried (apt-get install packer)")
	}
	return plain(t, o)
}

// plain starts a stand.
func plain(t *testing.T, o dryrun.Options) *dryrun.Stand {
	t.Helper()
	o.Dir = t.TempDir()
	o.Existing = []string{subscription + "/resourceGroups/images/providers/Microsoft.Compute/galleries/workers/images/linux"}
	o.Log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	s, err := dryrun.Start(context.WithoutCancel(t.Context()), o) // its end is Close's
	if errors.Is(err, machine.ErrNoSSHD) {
		t.Skip("sshd is not installed: there is no machine to provision (apt-get install openssh-server)")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// build is packer's build of a target, with a provisioner that runs the command.
func build(t *testing.T, s *dryrun.Stand, target, dir, command string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "packer", "build", "-color=false", "-var=dir="+dir, "-var=command="+command,
		filepath.Join("testdata", target))
	c.Env = append(os.Environ(), s.Env()...)
	inGroup(c)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	return c, &out
}

// artifact is the id of what packer says that it made.
func artifact(t *testing.T, dir string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		Builds []struct {
			ID string `json:"artifact_id"`
		}
	}
	if err := json.Unmarshal(data, &manifest); err != nil || len(manifest.Builds) != 1 {
		t.Fatalf("manifest: %v: %s", err, data)
	}
	return manifest.Builds[0].ID
}

func TestBuilds(t *testing.T) {
	for target, id := range targets() {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			s := stand(t, dryrun.Options{Run: true})
			dir := t.TempDir()
			started := time.Now()
			c, out := build(t, s, target, dir, "pwd; echo here > proof")
			if err := c.Run(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			t.Logf("packer build: %.2f s", time.Since(started).Seconds())
			made := artifact(t, dir)
			if !regexp.MustCompile(id).MatchString(made) {
				t.Errorf("artifact %q, want %s", made, id)
			}
			report := s.Reports()[cloud(target)]
			if len(report.Leftovers) > 0 {
				t.Errorf("left over: %v", report.Leftovers)
			}
			if !slices.ContainsFunc(report.Images, func(i clouds.Resource) bool {
				return strings.HasSuffix(made, i.ID[strings.LastIndex(i.ID, "/")+1:]) && i.Tags["workerkit-run"] == "r1"
			}) {
				t.Errorf("no image %s with its tag among %v", made, report.Images)
			}
			if !strings.Contains(out.String(), "machine") {
				t.Errorf("the command ran elsewhere:\n%s", out)
			}
		})
	}
}

// TestNothingIsLeft breaks builds where they hold most: when the machine is being provisioned.
func TestNothingIsLeft(t *testing.T) {
	for target := range targets() {
		t.Run(target+" failed", func(t *testing.T) {
			t.Parallel()
			s := stand(t, dryrun.Options{Run: true})
			c, out := build(t, s, target, t.TempDir(), "exit 7")
			if err := c.Run(); err == nil {
				t.Fatalf("a build whose provisioner fails succeeded\n%s", out)
			}
			if !strings.Contains(out.String(), "Script exited with non-zero exit status: 7") {
				t.Errorf("it failed for another reason:\n%s", out)
			}
			nothing(t, s, cloud(target))
		})
		t.Run(target+" interrupted", func(t *testing.T) {
			t.Parallel()
			s := stand(t, dryrun.Options{Run: true})
			mark := filepath.Join(t.TempDir(), "started")
			c, out := build(t, s, target, t.TempDir(), "touch "+mark+"; exec sleep 60")
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			await(t, mark)
			if left := s.Reports()[cloud(target)].Leftovers; len(left) == 0 {
				t.Error("nothing is there while packer provisions: this test proves nothing")
			}
			if err := interrupt(c); err != nil {
				t.Fatal(err)
			}
			if err := c.Wait(); err == nil {
				t.Errorf("an interrupted build succeeded\n%s", out)
			}
			nothing(t, s, cloud(target))
		})
	}
}

// await waits for a file to appear.
func await(t *testing.T, name string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(name); err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s did not appear", name)
		}
	}
}

// nothing checks that neither images nor anything else is there.
func nothing(t *testing.T, s *dryrun.Stand, cloud string) {
	t.Helper()
	if r := s.Reports()[cloud]; len(r.Images)+len(r.Leftovers) > 0 {
		t.Errorf("left over: %v, and images: %v", r.Leftovers, r.Images)
	}
}
