package multiuser

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/workerkit/workerkit/internal/accounts"
)

// GDM is the login manager's configuration file on Debian and Ubuntu. A machine without it has no
// desktop.
const GDM = "/etc/gdm3/custom.conf"

// AutoLogin has the login manager whose configuration is at path log an account in when the
// machine boots. Everything else in the file stays.
func AutoLogin(path, name string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("log %s in at the next boot: %w", name, err)
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("log %s in at the next boot: %w", name, err)
	}
	_, err = file.WriteString(autoLogin(string(text), name))
	for _, step := range []func() error{func() error { return file.Chmod(0o644) }, file.Sync, file.Close} { //nolint:gosec // as it was
		if failed := step(); err == nil {
			err = failed
		}
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
		return fmt.Errorf("log %s in at the next boot: %w", name, err)
	}
	return nil
}

// autoLogin changes the section daemon of the configuration.
func autoLogin(text, name string) string {
	const section = "[daemon]"
	wanted := section + "\nAutomaticLoginEnable=true\nAutomaticLogin=" + name + "\n"
	var out strings.Builder
	inside, written := false, false
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, "[") {
			inside = trimmed == section
			if inside && !written {
				out.WriteString(wanted)
				written = true
				continue
			}
		}
		key, _, _ := strings.Cut(trimmed, "=")
		if key = strings.TrimSpace(key); inside && (key == "AutomaticLoginEnable" || key == "AutomaticLogin") {
			continue
		}
		out.WriteString(strings.TrimRight(line, "\n") + "\n")
	}
	if !written {
		out.WriteString(wanted)
	}
	return out.String()
}

// Session asks the system whose session is at the first seat's screen.
func Session(ctx context.Context) (string, error) {
	id, err := ask(ctx, "show-seat", "--property=ActiveSession", "--value", "seat0")
	if err != nil || id == "" {
		return "", err
	}
	return ask(ctx, "show-session", "--property=Name", "--value", id)
}

// Display is how programs find the session at the screen of a Linux machine.
func Display(account accounts.Account) []string {
	return []string{"DISPLAY=:0", "XDG_RUNTIME_DIR=/run/user/" + strconv.FormatUint(uint64(account.UID), 10)}
}

func ask(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "loginctl", args...)
	var problem bytes.Buffer
	cmd.Stderr = &problem
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("loginctl: %w: %s", err, bytes.TrimSpace(problem.Bytes()))
	}
	return strings.TrimSpace(string(out)), nil
}
