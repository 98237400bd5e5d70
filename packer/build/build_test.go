//go:build unix

package build_test

import (
	"context"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/build"
	"github.com/workerkit/workerkit/packer/render"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script is a packer that does what a test wants: its steps are the functions of sh.
const script = `#!/bin/sh
version() { echo 'Packer v1.6.6'; }
validate() { :; }
manifest() { # BUILDER ID
	printf '{"builds":[{"builder_type":"old","packer_run_uuid":"1","artifact_id":"x"},{"builder_type":"%s","packer_run_uuid":"2","artifact_id":"%s","files":[{"name":"a","size":3}]}],"last_run_uuid":"2"}' "$1" "$2" >"$output/manifest.json"
}
`

const call = `
command=$1
for a; do
	case $a in
	output=*) output=${a#output=} ;;
	-only=*) only=${a#-only=*.} builder=${only%.image} ;;
	esac
done
"$command" "$@"
`

func write(t *testing.T, path, text string, mode os.FileMode) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// options are those of a build with a packer of the given functions.
func options(t *testing.T, functions string, targets ...packer.Target) build.Options {
	t.Helper()
	dir := t.TempDir()
	return build.Options{
		Packer:  build.Packer{Path: write(t, filepath.Join(dir, "bin", "packer"), script+functions+call, 0o700), Version: "1.6.6"},
		Image:   packer.Image{Name: "a", OS: "debian-12"},
		Targets: targets,
		Dir:     filepath.Dir(write(t, filepath.Join(dir, "rendered", render.VariablesFile), "", 0o600)),
		Output:  filepath.Join(dir, "output"),
		Env:     append(os.Environ(), "TMPDIR="+t.TempDir(), "WORKER_IMAGES_SSH_PASSWORD=of-the-base"),
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestArtifacts(t *testing.T) {
	o := options(t, `build() {
		case $builder in
		amazon-ebs) id=us-east-1:ami-1,eu-west-1:ami-2 ;;
		googlecompute) id=linux-1 ;;
		azure-arm) id=/subscriptions/s/images/linux-1 ;;
		qemu) id=VM ;;
		esac
		echo "building $builder, run $PWD"; echo "$*"
		manifest "$builder" "$id"
	}`, packer.Targets()...)
	o.Variables = map[string]string{"run": "r-1"}
	write(t, filepath.Join(o.Output, "aws", "manifest.json"), "stale", 0o600)
	write(t, filepath.Join(o.Output, "aws", "build.log"), "stale", 0o644)
	var lines []string
	o.Progress = func(l build.Line) { lines = append(lines, string(l.Target)+" "+l.Step+" "+l.Text) }
	results, err := build.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	want := map[packer.Target][]build.Artifact{
		packer.AWS: {{Region: "us-east-1", ID: "ami-1"}, {Region: "eu-west-1", ID: "ami-2"}}, packer.GCP: {{ID: "linux-1"}},
		packer.Azure: {{ID: "/subscriptions/s/images/linux-1"}}, packer.QEMU: nil,
	}
	if len(results) != 4 {
		t.Fatalf("got %v", results)
	}
	for _, r := range results {
		if !slices.Equal(r.Artifacts, want[r.Target]) || len(r.Files) != 1 || r.Files[0] != (build.File{Path: "a", Size: 3}) {
			t.Errorf("%s: %+v", r.Target, r)
		}
		if info, err := os.Stat(r.Log); err != nil || info.Mode() != 0o600 {
			t.Errorf("others may read the log: %v, %v", info.Mode(), err)
		}
		log := read(t, r.Log)
		for _, part := range []string{"-only=" + render.Source(o.Image, r.Target), "-var-file=image.pkrvars.hcl", "-var run=r-1", "run " + o.Dir} {
			if !strings.Contains(log, part) {
				t.Errorf("%s: no %q in %s", r.Target, part, log)
			}
		}
	}
	if !slices.Contains(lines, "aws build building amazon-ebs, run "+o.Dir) || len(lines) != 8 {
		t.Errorf("progress: %q", lines)
	}
}

func TestFailedTarget(t *testing.T) {
	o := options(t, `build() {
		if [ "$builder" = qemu ]; then manifest qemu VM; return; fi
		i=0; while [ $i -lt 40 ]; do i=$((i+1)); echo "line $i"; done
		echo "script exited with 1" >&2; exit 1
	}`, packer.AWS, packer.QEMU)
	results, err := build.Run(t.Context(), o)
	if len(results) != 1 || results[0].Target != packer.QEMU {
		t.Errorf("the other target: %v", results)
	}
	var failed *build.TargetError
	if !errors.As(err, &failed) {
		t.Fatal(err)
	}
	if len(failed.Tail) != 20 || failed.Tail[19] != "script exited with 1" || !strings.Contains(err.Error(), "\n  | line 40\n") || !strings.Contains(read(t, failed.Log), "line 1\n") {
		t.Errorf("got %q", err)
	}
}

// TestFormerDisk: what the ledger has of the build before is not lost by one that fails.
func TestFormerDisk(t *testing.T) {
	makes := `mkdir "$DISK"; echo new > "$DISK/linux.qcow2"; `
	for name, c := range map[string]struct {
		left   map[string]string // in the output of the target
		does   string
		want   string
		failed bool
	}{
		"first":              {nil, makes + "manifest qemu VM", "new\n", false},
		"again":              {map[string]string{"disk": "old"}, makes + "manifest qemu VM", "new\n", false},
		"fails":              {map[string]string{"disk": "old"}, makes + "exit 1", "old", true},
		"fails at first":     {nil, makes + "exit 1", "", true},
		"after one killed":   {map[string]string{"disk": "half", "disk.former": "old"}, makes + "exit 1", "old", true},
		"killed, then again": {map[string]string{"disk.former": "old"}, makes + "manifest qemu VM", "new\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t, "build() { "+c.does+"; }", packer.QEMU)
			output := filepath.Join(o.Output, "qemu")
			o.Env = append(o.Env, "DISK="+filepath.Join(output, "disk"))
			for folder, content := range c.left {
				write(t, filepath.Join(output, folder, "linux.qcow2"), content, 0o600)
			}
			if _, err := build.Run(t.Context(), o); (err != nil) != c.failed {
				t.Fatalf("got %v", err)
			}
			got, err := os.ReadFile(filepath.Join(output, "disk", "linux.qcow2"))
			if string(got) != c.want || err != nil && (c.want != "" || !errors.Is(err, fs.ErrNotExist)) {
				t.Errorf("the disk is %q, %v", got, err)
			}
			if _, err := os.Stat(filepath.Join(output, "disk.former")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the former disk still stands aside: %v", err)
			}
		})
	}
}

func TestInvalidIsNotBuilt(t *testing.T) {
	o := options(t, `validate() { if [ "$builder" = azure-arm ]; then echo "no subscription"; exit 1; fi; }
		build() { : >"$output/built"; }`, packer.Azure, packer.QEMU)
	if _, err := build.Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "build: azure: packer validate: exit status 1\n  | no subscription") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(o.Output); err == nil {
		t.Error("something is built")
	}
}

// TestTailIsText: what a machine prints cannot steer the terminal on which an error is read; the log
// has it as it was.
func TestTailIsText(t *testing.T) {
	o := options(t, `build() { printf '==> \033[2Jgone\a\n'; exit 1; }`, packer.GCP)
	var shown string
	o.Progress = func(l build.Line) { shown += l.Text }
	_, err := build.Run(t.Context(), o)
	var failed *build.TargetError
	if !errors.As(err, &failed) || !slices.Equal(failed.Tail, []string{"==>  [2Jgone "}) || shown != "==>  [2Jgone " {
		t.Errorf("got %q, %q", err, shown)
	}
	if log := read(t, failed.Log); log != "==> \x1b[2Jgone\a\n" {
		t.Errorf("the log is %q", log)
	}
}

// TestAdvice: the first line of the error says what to do; packer's own words are these.
func TestAdvice(t *testing.T) {
	for _, c := range []struct {
		target     packer.Target
		said, todo string
	}{
		{packer.AWS, "Error: NoCredentialProviders: no valid providers in chain. Deprecated.", "there are no credentials for AWS: set AWS_ACCESS_KEY_ID and"},
		{packer.GCP, "Build 'linux.googlecompute.image' errored: google: could not find default credentials. See https://developers.google.com", "there are no credentials for Google: set GOOGLE_APPLICATION_CREDENTIALS to"},
		{packer.Azure, "--> linux.azure-arm.image: error fetching subscriptionID from VM metadata service for Managed Identity authentication: EOF", "there are no credentials for Azure: set ARM_SUBSCRIPTION_ID, "},
		{packer.QEMU, "==> linux.qemu.image: Error waiting for SSH: Packer experienced an authentication error", "packer cannot log in to the base's disk: one without cloud-init needs WORKER_IMAGES_SSH_PASSWORD or"},
		{packer.QEMU, "==> linux.qemu.image: error downloading ISO: [Checksums did not match for /disks/base.qcow2.", "the base's disk is not the one of its sha256"},
	} {
		o := options(t, `build() { echo "`+c.said+`"; echo "==> Builds finished but no artifacts were created."; exit 1; }`, c.target)
		_, err := build.Run(t.Context(), o)
		if err == nil {
			t.Fatalf("%s: no error", c.target)
		}
		if first, _, _ := strings.Cut(err.Error(), "\n"); !strings.Contains(first, "packer build: exit status 1: "+c.todo) {
			t.Errorf("%s: %v", c.target, err)
		}
	}
}

func TestNothingBuilt(t *testing.T) {
	o := options(t, `build() { :; }`, packer.GCP)
	if _, err := build.Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "packer has built nothing") {
		t.Errorf("got %v", err)
	}
}

func TestNoSecretInLog(t *testing.T) {
	const token, key, word, given = "hunter2-token", "line one of a key\nline two of a key\n", "aws-secret-value", "more-to-hide"
	o := options(t, `build() {
		echo "got $PKR_VAR_secrets"; echo "$AWS_SECRET_ACCESS_KEY more-to-hide"; printf %s "user:$BUILD_TOKEN" | base64; printf %s "$BUILD_TOKEN"; exit 1
	}`, packer.QEMU)
	file := write(t, filepath.Join(t.TempDir(), "key"), key, 0o600)
	write(t, filepath.Join(o.Dir, render.SecretsFile), `{"secret_a": "env:BUILD_TOKEN", "secret_b": "file:`+file+`"}`, 0o600)
	o.Env = append(o.Env, "BUILD_TOKEN="+token, "AWS_SECRET_ACCESS_KEY="+word)
	o.Secrets = []secret.String{secret.New(given)}
	var progress strings.Builder
	o.Progress = func(l build.Line) { progress.WriteString(l.Text + "\n") }
	_, err := build.Run(t.Context(), o)
	var failed *build.TargetError
	if !errors.As(err, &failed) {
		t.Fatal(err)
	}
	for where, text := range map[string]string{"log": read(t, failed.Log), "progress": progress.String(), "error": err.Error()} {
		for _, hidden := range []string{token, "line one", "line two", word, given, base64.StdEncoding.EncodeToString([]byte("user:" + token))[8:20]} {
			if strings.Contains(text, hidden) {
				t.Errorf("%q is in the %s:\n%s", hidden, where, text)
			}
		}
		if !strings.Contains(text, `secret_a`) {
			t.Errorf("the secrets were not given: %s", text)
		}
	}
}

// TestNoSignatureInLog: packer prints the URL of a disk that it fetches.
func TestNoSignatureInLog(t *testing.T) {
	o := options(t, `build() { echo "Trying https://example.com/d.qcow2?X-Signature=hunter2"; exit 1; }`, packer.QEMU)
	o.Image.Bases = map[packer.Target]packer.Base{packer.QEMU: {Disk: "https://example.com/d.qcow2?X-Signature=hunter2"}}
	_, err := build.Run(t.Context(), o)
	if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "Trying https://example.com/d.qcow2?[masked]") {
		t.Errorf("got %v", err)
	}
}

func TestMissingSecrets(t *testing.T) {
	o := options(t, "", packer.QEMU)
	empty := write(t, filepath.Join(t.TempDir(), "empty"), "\n", 0o600)
	write(t, filepath.Join(o.Dir, render.SecretsFile), `{"a": "env:NO_SUCH_TOKEN", "b": "file:/no/such/file", "c": "vault:x", "d": "file:`+empty+`"}`, 0o600)
	_, err := build.Run(t.Context(), o)
	for _, part := range []string{"env:NO_SUCH_TOKEN: the environment does not have it", "/no/such/file", "vault:x", empty + ": the file is empty"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("no %q in %v", part, err)
		}
	}
}

// TestInterrupt: packer is told once, has time to clean up, and leaves nothing.
func TestInterrupt(t *testing.T) {
	for name, c := range map[string]struct {
		trap  string
		grace time.Duration
		says  string
	}{
		"obeys":    {`trap 'echo cleaned up; kill $child; exit 1' TERM`, time.Minute, "cleaned up"},
		"does not": {`trap 'echo not yet' TERM`, 100 * time.Millisecond, "was killed"},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t, `build() { `+c.trap+`; sleep 600 & child=$!; echo "pid $child"; while :; do wait $child; done; }`, packer.AWS)
			o.Grace = c.grace
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			var once sync.Once
			var pid string
			o.Progress = func(l build.Line) {
				once.Do(func() { pid = strings.TrimPrefix(l.Text, "pid "); cancel(errors.New("the user wants so")) })
			}
			_, err := build.Run(ctx, o)
			if !errors.Is(err, build.ErrInterrupted) || !strings.Contains(err.Error(), "the user wants so") || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v", err)
			}
			if left, _ := filepath.Glob(filepath.Join("/proc", pid, "cmdline")); len(left) > 0 && strings.Contains(read(t, left[0]), "sleep") {
				t.Errorf("process %s is left", pid)
			}
			if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "wk-*")); len(left) > 0 {
				t.Logf("scratch folders, perhaps of others: %s", left)
			}
		})
	}
}

// TestInterruptedTooLate: what is built all the same when the interrupt comes is a result, or nobody
// would know of the image.
func TestInterruptedTooLate(t *testing.T) {
	o := options(t, `build() { trap 'manifest "$builder" us-east-1:ami-1; exit 0' TERM; echo begun; while :; do sleep 0.01; done; }`, packer.AWS)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	o.Progress = func(build.Line) { cancel(errors.New("the user wants so")) }
	if results, err := build.Run(ctx, o); err != nil || len(results) != 1 || results[0].Artifacts[0].ID != "ami-1" {
		t.Errorf("got %+v, %v", results, err)
	}
}

// TestInterruptedAgain: a further interrupt ends packer, and not this process, which says so.
func TestInterruptedAgain(t *testing.T) {
	o := options(t, `build() { trap 'echo cleaning' TERM; sleep 600 & child=$!; echo begun; while :; do wait $child; done; }`, packer.AWS)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	o.Progress = func(l build.Line) {
		switch l.Text {
		case "begun":
			cancel(errors.New("the user wants so"))
		case "cleaning":
			if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := build.Run(ctx, o); !errors.Is(err, build.ErrInterrupted) || !strings.Contains(err.Error(), "interrupted again") || !strings.Contains(err.Error(), "look for what it left") {
		t.Errorf("got %v", err)
	}
}

// TestRehearsal: in clouds that are played an invalid target does not keep the others back.
func TestRehearsal(t *testing.T) {
	o := options(t, `validate() { echo "nobody asked"; exit 1; }
		build() { manifest "$builder" us-east-1:ami-1; }`, packer.AWS, packer.GCP)
	o.Rehearsal = true
	if results, err := build.Run(t.Context(), o); err != nil || len(results) != 2 {
		t.Errorf("got %v, %v", results, err)
	}
}

func TestCredentials(t *testing.T) {
	for entry, want := range map[string][]string{
		"AWS_SECRET_ACCESS_KEY=aws-value":                             {"aws-value"},
		"GITHUB_TOKEN=short":                                          nil,
		"TOKEN_FILE=/run/token":                                       nil,
		"HTTPS_PROXY=http://builder:hunter2%21@proxy:3128":            {"hunter2%21", "hunter2!"},
		"http_proxy=builder:pa:ss@rd-long@proxy:3128/":                {"pa:ss@rd-long"},
		"HTTP_PROXY=http://builder:pw@proxy:3128":                     {":pw@"},
		"NO_PROXY=127.0.0.1,localhost":                                nil,
		"DATABASE=postgres://u:first-word@a/x,redis://:second-word@b": {"first-word", "second-word"},
		"HOME=http://proxy:3128/a:b@c":                                nil,
		"https_proxy=http://builder@proxy:3128":                       nil,
	} {
		var got []string
		for _, s := range build.Credentials([]string{entry}) {
			got = append(got, s.Reveal())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", entry, got, want)
		}
	}
}

// TestRealPackerIsInterrupted: the packer that is installed ends what it runs, and ends.
func TestRealPackerIsInterrupted(t *testing.T) {
	found, err := build.Find(t.Context(), "")
	if err != nil {
		t.Skip("packer is not installed: ", err)
	}
	o := options(t, "", "null") // a builder that makes no machine
	o.Packer = found
	write(t, filepath.Join(o.Dir, "a.pkr.hcl"), `variable "output" {
  type = string
}
source "null" "image" {
  communicator = "none"
}
build {
  name    = "linux"
  sources = ["source.null.image"]
  provisioner "shell-local" {
    inline = ["echo begun", "exec sleep 600"]
  }
}
`, 0o600)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	o.Progress = func(l build.Line) {
		if strings.HasSuffix(l.Text, "begun") {
			cancel(errors.New("the user wants so"))
		}
	}
	o.Grace = time.Minute
	if _, err := build.Run(ctx, o); !errors.Is(err, build.ErrInterrupted) || strings.Contains(err.Error(), "was killed") {
		t.Errorf("got %v", err)
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct{ text, says string }{
		"old":    {"echo Packer v1.5.6", "is version 1.5.6"},
		"other":  {"cat", "is not packer (it does not tell its version): "},
		"broken": {"exit 3", "is not packer (exit status 3): "},
		"newest": {"echo Packer v1.11.2; echo 'Your version of Packer is out of date!'", ""},
	} {
		path := write(t, filepath.Join(dir, name), "#!/bin/sh\n"+c.text+"\n", 0o700)
		p, err := build.Find(t.Context(), path)
		switch {
		case c.says == "" && (err != nil || p.Version != "1.11.2"):
			t.Errorf("%s: %+v, %v", name, p, err)
		case c.says != "" && (!errors.Is(err, build.ErrPacker) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "apt-get install packer")):
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := build.Find(t.Context(), filepath.Join(dir, "none")); !errors.Is(err, build.ErrPacker) || !errors.Is(err, syscall.ENOENT) {
		t.Errorf("none: %v", err)
	}
}

// TestFindIsInterrupted: an interrupt is not taken for a program that is no packer, and what packer
// had begun to write goes.
func TestFindIsInterrupted(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	begun := filepath.Join(t.TempDir(), "begun")
	path := write(t, filepath.Join(t.TempDir(), "packer"), "#!/bin/sh\n: >\"$TMPDIR/packer-log\"; : >"+begun+"; exec sleep 600\n", 0o700)
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		for {
			if _, err := os.Stat(begun); err == nil {
				cancel(errors.New("the user wants so"))
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	if _, err := build.Find(ctx, path); !errors.Is(err, build.ErrInterrupted) || errors.Is(err, build.ErrPacker) || !strings.Contains(err.Error(), "the user wants so") {
		t.Errorf("got %v", err)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestRealPackerFails has the packer that is installed try to build from a disk that is not
// there: its words are in the error.
func TestRealPackerFails(t *testing.T) {
	found, err := build.Find(t.Context(), "")
	if err != nil {
		t.Skip("packer is not installed: ", err)
	}
	image := packer.Image{Name: "real", OS: "debian-12", Arch: "amd64", Bases: map[packer.Target]packer.Base{packer.QEMU: {Disk: "/no/such/disk.qcow2"}}}
	dir := filepath.Join(t.TempDir(), "rendered")
	programs := t.TempDir()
	for _, p := range []string{"start-worker", "generic-worker"} {
		write(t, filepath.Join(programs, p), "", 0o600)
	}
	o := render.Options{PackerVersion: found.Version, Programs: programs, Variables: map[string]any{"qemu_ssh_password": "x-password", "qemu_binary": "/bin/true"}}
	if _, err := render.Render(dir, image, []packer.Target{packer.QEMU}, o); err != nil {
		t.Fatal(err)
	}
	_, err = build.Run(t.Context(), build.Options{Packer: found, Image: image, Targets: []packer.Target{packer.QEMU}, Dir: dir, Output: filepath.Join(t.TempDir(), "out")})
	if err != nil && strings.Contains(err.Error(), "packer init") {
		t.Skip("this packer's plugins are not installed: ", err)
	}
	var failed *build.TargetError
	if !errors.As(err, &failed) || !strings.Contains(strings.Join(failed.Tail, "\n"), "/no/such/disk.qcow2") {
		t.Errorf("got %v", err)
	}
}
