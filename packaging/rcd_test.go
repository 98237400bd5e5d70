//go:build unix

package packaging_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const rcScript = "freebsd/rc.d/start_worker"

// stub stands for rc.subr: it takes what is set, and does what the command line wants.
const stub = `
load_rc_config() { . ./rc.conf; }
err() { shift; echo "$*" >&2; exit 1; }
run_rc_command() {
	case "$1" in
	start)
		for file in $required_files; do [ -r "$file" ] || err 1 "$file is not readable"; done
		$start_precmd || exit 1
		cd "$start_worker_chdir" || exit 1
		echo "$command $command_args" ;;
	drain) $drain_cmd ;;
	show) echo "$name $rcvar $start_worker_enable $pidfile $extra_commands" ;;
	esac
}
`

// rc runs the script with rc.subr's stub and a configuration.
func rc(t *testing.T, conf string, args ...string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	script, err := os.ReadFile(rcScript)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(script), ". /etc/rc.subr\n", ". ./rc.subr\n", 1)
	for name, data := range map[string]string{"script": text, "rc.subr": stub, "rc.conf": conf} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "/bin/sh", append([]string{"script"}, args...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func TestRCScript(t *testing.T) {
	if got, err := rc(t, "", "show"); err != nil || got != "start_worker start_worker_enable NO /var/run/start_worker.pid drain" {
		t.Errorf("the script says %q, %v", got, err)
	}
	dir := t.TempDir()
	config, binary := filepath.Join(dir, "c.yml"), filepath.Join(dir, "program")
	for path, text := range map[string]string{config: "", binary: "#!/bin/sh\necho \"asked: $*\"\n"} {
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil { //nolint:gosec // a program
			t.Fatal(err)
		}
	}
	conf := "start_worker_enable=YES\nstart_worker_config=" + config + "\nstart_worker_binary=" + binary + "\nstart_worker_dir=" + dir + "/new\n"
	want := "/usr/sbin/daemon -H -f -P /var/run/start_worker.pid -t start_worker -o /var/log/start-worker.log " + binary + " " + config
	if got, err := rc(t, conf, "start"); err != nil || got != want {
		t.Errorf("it starts %q, %v", got, err)
	}
	if info, err := os.Stat(dir + "/new"); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the worker's folder is %v, %v", info, err)
	}
	if got, err := rc(t, conf, "drain"); err != nil || got != "asked: drain "+config {
		t.Errorf("drain does %q, %v", got, err)
	}
	if got, err := rc(t, conf+"start_worker_binary=/no/such\n", "start"); err == nil || !strings.Contains(got, "/no/such") {
		t.Errorf("without the program: %q, %v", got, err)
	}
	if got, err := rc(t, conf+"start_worker_config=/no/such.yml\n", "start"); err == nil || !strings.Contains(got, "/no/such.yml") {
		t.Errorf("without a configuration: %q, %v", got, err)
	}
}

// TestRCScriptForm: the order of the boot, and that a shutdown stops it; the log is rotated.
func TestRCScriptForm(t *testing.T) {
	script, err := os.ReadFile(rcScript)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"#!/bin/sh", "# PROVIDE: start_worker", "# REQUIRE: NETWORKING LOGIN", "# KEYWORD: shutdown"} {
		if !strings.Contains(string(script), line+"\n") {
			t.Errorf("there is no line %q", line)
		}
	}
	if info, err := os.Stat(rcScript); err != nil || info.Mode()&0o111 == 0 {
		t.Error("it cannot be executed")
	}
	if !rotated(t, "freebsd/newsyslog.conf.d/start-worker.conf", "/var/log/start-worker.log") {
		t.Error("the log grows for ever")
	}
	shellcheck, err := exec.LookPath("shellcheck")
	if err != nil {
		t.Skip("there is no shellcheck: the script's form was looked at no further")
	}
	if out, err := exec.CommandContext(t.Context(), shellcheck, rcScript).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
