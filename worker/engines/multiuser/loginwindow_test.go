package multiuser

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/internal/accounts"
	"github.com/workerkit/workerkit/internal/secret"
)

// defaults remembers how it was asked.
type defaults struct {
	asked []string
	err   error
}

func (d *defaults) Run(_ context.Context, _, name string, args ...string) (string, error) {
	d.asked = append([]string{name}, args...)
	return "", d.err
}

func TestLoginWindow(t *testing.T) {
	path, tool := filepath.Join(t.TempDir(), "kcpassword"), &defaults{}
	window := LoginWindow{Run: tool, PasswordFile: path}
	account := accounts.Account{Name: "task_1", Password: secret.New("test")}
	if err := window.AutoLogin(t.Context(), account); err != nil {
		t.Fatal(err)
	}
	if want := []string{"defaults", "write", "/Library/Preferences/com.apple.loginwindow", "autoLoginUser", "task_1"}; !slices.Equal(tool.asked, want) {
		t.Errorf("asked %q", tool.asked)
	}
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("the password file is %v, %v", info, err)
	}
	// 't'^7d 'e'^89 's'^52 't'^23, and the key for the zeros behind.
	want := []byte{0x09, 0xec, 0x21, 0x57, 0xd2, 0xbc, 0xdd, 0xea, 0xa3, 0xb9, 0x1f, 0x7d}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("it has %x, %v", got, err)
	}
	tool.err = errTold
	if err := window.AutoLogin(t.Context(), account); !errors.Is(err, errTold) || strings.Contains(err.Error(), "test\"") {
		t.Errorf("without the tool: %v", err)
	}
}

// TestObscured: a password of any length has a zero behind it, where the reader stops.
func TestObscured(t *testing.T) {
	for length := range 40 {
		got := obscured(secret.New(strings.Repeat("x", length)))
		if len(got)%12 != 0 || len(got) <= length {
			t.Errorf("%d characters become %d bytes", length, len(got))
		}
	}
}

func TestLoginWindowSession(t *testing.T) {
	own, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{"0": "", own.Uid: own.Username} {
		if id == own.Uid && id == "0" {
			want = "" // the login window is root's
		}
		window := LoginWindow{Console: func() (string, error) { return id, nil }}
		if got, err := window.Session(t.Context()); err != nil || got != want {
			t.Errorf("the session of user %s is %q's, %v", id, got, err)
		}
	}
	broken := LoginWindow{Console: func() (string, error) { return "", errTold }}
	if _, err := broken.Session(t.Context()); !errors.Is(err, errTold) {
		t.Errorf("without a console: %v", err)
	}
}
