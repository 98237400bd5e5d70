package packaging_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/workerkit/workerkit/packer/templates"
	"github.com/workerkit/workerkit/runner"
	"github.com/workerkit/workerkit/runner/policy"
)

// unit reads the settings of start-worker's unit; of a name that is there twice, both values.
func unit(t *testing.T) map[string]string {
	t.Helper()
	data, err := fs.ReadFile(templates.Files(), "root/start-worker.service")
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string]string{}
	for line := range strings.Lines(string(data)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if ok && !strings.HasPrefix(line, "#") {
			settings[name] = strings.TrimSpace(settings[name] + " " + value)
		}
	}
	return settings
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestTheUnitFollowsTheTable: systemd starts start-worker again as often as that does a worker, and
// never when start-worker has decided what becomes of the machine.
func TestTheUnitFollowsTheTable(t *testing.T) {
	u, table := unit(t), policy.Defaults(policy.Place{})
	rule := table[policy.Crashed]
	if got := number(t, u["StartLimitIntervalSec"]); got != int(rule.Within.Seconds()) {
		t.Errorf("within %d s, want %s", got, rule.Within)
	}
	if got := number(t, u["StartLimitBurst"]); got != 1+rule.Restarts {
		t.Errorf("%d starts, want one and %d restarts", got, rule.Restarts)
	}
	if got := number(t, u["RestartSec"]); got != int(rule.BackOff.Seconds()) {
		t.Errorf("after %d s, want %s", got, rule.BackOff)
	}
	again := strings.Fields(u["RestartForceExitStatus"])
	for row, rule := range table {
		for _, code := range again {
			if number(t, code) == rule.Exit {
				t.Errorf("%s ends with %s, which starts it again", row, code)
			}
		}
	}
	if code := strconv.Itoa(runner.ExitAgain); !strings.Contains(" "+u["RestartForceExitStatus"]+" ", " "+code+" ") || u["SuccessExitStatus"] != code {
		t.Errorf("%s does not start it again, or is a failure: %q, %q", code, again, u["SuccessExitStatus"])
	}
}

// unprivileged are the commands for a worker that is not root, which its example has in a comment.
func unprivileged(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash("linux/unprivileged.conf"))
	if err != nil {
		t.Fatal(err)
	}
	var commands []string
	for line := range strings.Lines(string(text)) {
		if command, ok := strings.CutPrefix(line, "#   "); ok {
			commands = append(commands, strings.TrimSpace(command))
		}
	}
	return commands
}

// TestThePageOfPackages has the commands for a worker that is not root in the same words.
func TestThePageOfPackages(t *testing.T) {
	page, err := os.ReadFile(filepath.FromSlash("../docs/packages.md"))
	if err != nil {
		t.Fatal(err)
	}
	commands := unprivileged(t)
	if len(commands) == 0 || !strings.Contains(string(page), "\n"+strings.Join(commands, "\n")+"\n") {
		t.Errorf("docs/packages.md does not have %q one after the other", commands)
	}
}

// TestTheExampleIsWhatThePackageInstalls: its paths are those of the package and its tmpfiles.
func TestTheExampleIsWhatThePackageInstalls(t *testing.T) {
	read := func(name string) string {
		data, err := os.ReadFile(filepath.FromSlash(name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	var example struct {
		Worker struct {
			Path       string `yaml:"path"`
			ConfigPath string `yaml:"configPath"`
		} `yaml:"worker"`
		State string `yaml:"cacheOverRestarts"`
	}
	if err := yaml.Unmarshal([]byte(read("linux/start-worker.yml")), &example); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(read("nfpm.yaml"), "dst: "+example.Worker.Path+"}") {
		t.Errorf("no package has %s", example.Worker.Path)
	}
	for _, path := range []string{example.Worker.ConfigPath, example.State} {
		if dir := filepath.ToSlash(filepath.Dir(path)); !strings.Contains(read("linux/tmpfiles.conf"), "\nd "+dir+" 0700 root root") {
			t.Errorf("%s is in no folder that only root reads", path)
		}
	}
}
