package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestMain lets the test binary be the program: check starts itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "build" {
		os.Exit(command(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// program is small, so that it is built fast, and says what a release put into it.
const program = `package main

import (
	"os"

	"` + module + `/internal/version"
)

var builtEngine = "any"

func main() { os.Stdout.WriteString("I am " + version.Text() + " for " + builtEngine + "\n") }
`

// checkout makes a repository with everything that a release needs, as small as it can be, and a
// commit in it. The test continues in its folder.
func checkout(t *testing.T) (dir string) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git, and releases are made from a checkout")
	}
	dir = filepath.Join(t.TempDir(), "check out") // a space, for those who forget quotes
	files := map[string]string{
		"go.mod":                                           "module " + module + "\n\ngo 1.26.0\n",
		"internal/version/version.go":                      "package version\n\nvar version = \"none\"\n\nfunc Text() string { return version }\n",
		"LICENSE":                                          "ours",
		"docs/reference/start-worker.md":                   "| code | |\n|---|---|\n| 0 | all is fine |\n",
		".gitignore":                                       "/dist/\n/secret\n",
		"packaging/linux/a.conf":                           "a\n",
		"packaging/linux/postinst.sh":                      "#!/bin/sh\n",
		"packer/templates/root/start-worker.service":       "[Unit]\n",
		"packer/templates/root/workerkit-key.service":      "[Unit]\n",
		"packaging/macos/newsyslog.d/start-worker.conf":    "log\n",
		"packaging/macos/org.workerkit.start-worker.plist": "<plist/>\n",
		"packaging/macos/LaunchAgents/org.workerkit.launch-agent.plist": "<plist/>\n",
	}
	for _, name := range []string{"start-worker", "generic-worker", "worker-images", "taskcluster-local"} {
		files["cmd/"+name+"/main.go"] = program
	}
	for _, name := range []string{"README.txt", "macos/build-pkg.sh", "macos/Distribution.xml", "macos/scripts/postinstall"} {
		data, err := os.ReadFile(filepath.FromSlash(name))
		if err != nil {
			t.Fatal(err)
		}
		files["packaging/release/"+name] = string(data)
	}
	for name, content := range files {
		put(t, filepath.Join(dir, filepath.FromSlash(name)), content)
	}
	if err := os.Chmod(filepath.Join(dir, "packaging/release/macos/build-pkg.sh"), 0o700); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "init", "-q")
	commit(t, dir)
	t.Chdir(dir)
	return dir
}

func commit(t *testing.T, dir string) {
	t.Helper()
	run(t, dir, "add", "-A")
	run(t, dir, "-c", "user.name=n", "-c", "user.email=n@example.org", "-c", "commit.gpgsign=false", "commit", "-q", "-m", "all of it")
}

// run runs git in a repository of a test.
func run(t *testing.T, dir string, args ...string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "git", args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "GIT_COMMITTER_DATE=2026-03-04T05:06:08Z", "GIT_CONFIG_GLOBAL=/dev/null")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("git %s: %v: %s", args[0], err, out)
	}
}

func put(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// call runs the program and returns what it said.
func call(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, problem strings.Builder
	code = command(t.Context(), args, &out, &problem)
	return code, out.String(), problem.String()
}
