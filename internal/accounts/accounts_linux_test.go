package accounts_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/workerkit/workerkit/internal/accounts"
	"github.com/workerkit/workerkit/internal/accounts/accountstest"
)

func create(t *testing.T, a *accounts.Accounts) accounts.Account {
	t.Helper()
	account, err := a.Create(t.Context(), "/home")
	if err != nil {
		t.Fatal(err)
	}
	return account
}

func remove(t *testing.T, a *accounts.Accounts, account accounts.Account) {
	t.Helper()
	if err := a.Delete(t.Context(), account); err != nil {
		t.Error(err)
	}
	for _, file := range []string{"passwd", "shadow", "group", "gshadow", "subuid", "subgid"} {
		if text, _ := os.ReadFile("/etc/" + file); strings.Contains(string(text), account.Name) {
			t.Errorf("/etc/%s still has %s", file, account.Name)
		}
	}
	if _, err := os.Lstat(account.Home); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the home directory is left: %v", err)
	}
}

// as runs a shell script as the account and returns what it prints.
func as(t *testing.T, account accounts.Account, script string) string {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.Dir, cmd.Env = "/", []string{"HOME=" + account.Home, "PATH=/usr/bin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: account.UID, Gid: account.GID}, Setsid: true}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

func TestLife(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	a := accounts.New(slog.New(slog.DiscardHandler))
	account := create(t, a)
	if !accounts.IsTask(account.Name) || len(account.Name) > 20 || !account.Password.Empty() {
		t.Errorf("account %+v", account)
	}
	info, err := os.Stat(account.Home)
	if err != nil {
		t.Fatal(err)
	}
	stat := info.Sys().(*syscall.Stat_t)
	if info.Mode() != fs.ModeDir|0o700 || stat.Uid != account.UID || stat.Gid != account.GID {
		t.Errorf("home directory: %s of %d:%d", info.Mode(), stat.Uid, stat.Gid)
	}
	if got := as(t, account, "id -un; id -Gn; touch ~/file && echo yes"); got != account.Name+"\n"+account.Name+"\nyes\n" {
		t.Errorf("as the account: %q", got)
	}
	shadow, _ := os.ReadFile("/etc/shadow")
	if !strings.Contains(string(shadow), account.Name+":!:") {
		t.Error("somebody may log in without a password having been set")
	}
	if err := a.SetPassword(t.Context(), &account); err != nil || account.Password.Empty() {
		t.Errorf("set a password: %v", err)
	}
	shadow, _ = os.ReadFile("/etc/shadow")
	if !strings.Contains(string(shadow), account.Name+":$") {
		t.Error("nobody can log in though a password has been set")
	}
	found, ok, err := a.Lookup(account.Name)
	if err != nil || !ok || found.UID != account.UID || found.Home != account.Home {
		t.Errorf("looked up: %+v, %v, %v", found, ok, err)
	}
	next := create(t, a)
	if left, err := a.Left("/home"); err != nil || len(left) != 2 {
		t.Errorf("left %v, %v", left, err)
	}
	remove(t, a, account)
	remove(t, a, next)
	if err := a.Delete(t.Context(), account); err != nil {
		t.Errorf("deleted twice: %v", err)
	}
	after := create(t, a)
	if after.UID == account.UID || after.UID == next.UID {
		t.Errorf("the user id %d was given out again at once", after.UID)
	}
	remove(t, a, after)
}

// What an account can leave outside its home directory is gone with it, and nobody else's is.
func TestNothingIsLeft(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	a := accounts.New(slog.New(slog.DiscardHandler))
	account, other := create(t, a), create(t, a)
	const leave = `cd /tmp && mkdir -p $0/deep && touch $0/deep/file /var/tmp/$0 /dev/shm/$0 && mkdir -m 0 $0/closed && ln -s /etc $0/link
		command -v ipcmk > /dev/null && ipcmk -M 100 -S 1 -Q > /dev/null
		sleep 1000 > /dev/null 2>&1 & setsid sleep 1000 > /dev/null 2>&1 & :`
	for _, each := range []accounts.Account{account, other} {
		as(t, each, strings.ReplaceAll(leave, "$0", each.Name))
	}
	jobs := []string{"/var/spool/cron/crontabs", "/var/mail", "/var/lib/systemd/linger"}
	for _, dir := range jobs {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, each := range []accounts.Account{account, other} {
			path := filepath.Join(dir, each.Name)
			if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chown(path, int(each.UID), int(each.GID))); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove(t, a, account)
	traces := func(name string) (found []string) {
		for _, dir := range append(jobs, "/tmp", "/var/tmp", "/dev/shm") {
			if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
				found = append(found, dir)
			}
		}
		return found
	}
	if left := traces(account.Name); len(left) > 0 {
		t.Errorf("left in %v", left)
	}
	if kept := traces(other.Name); len(kept) != 6 {
		t.Errorf("of the other account there is only something in %v", kept)
	}
	if got := as(t, other, "ps -o comm= -u "+other.Name+" | grep -c sleep"); got != "2\n" {
		t.Errorf("of the other account %q processes live", got)
	}
	for _, kind := range []string{"shm", "sem", "msg"} {
		table, _ := os.ReadFile("/proc/sysvipc/" + kind)
		if lines := strings.Count(string(table), "\n"); lines > 2 {
			t.Errorf("left of %s:\n%s", kind, table)
		}
	}
	remove(t, a, other)
}

// A task that starts processes faster than they are found does not escape.
func TestKillEndsWhatMultiplies(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	a := accounts.New(slog.New(slog.DiscardHandler))
	account := create(t, a)
	as(t, account, `f() { (setsid sh -c "sleep 1000" &) ; }; for i in 1 2 3 4 5 6 7 8; do (while :; do f; sleep 0.05; done) > /dev/null 2>&1 & done`)
	ctx, done := context.WithTimeout(t.Context(), 20*time.Second)
	defer done()
	if err := a.Kill(ctx, account); err != nil {
		t.Fatal(err)
	}
	out, _ := exec.Command("ps", "-o", "stat=,comm=", "-u", account.Name).Output() // which fails when there are none
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, "Z") { // not reaped yet
			t.Errorf("alive: %s", line)
		}
	}
	remove(t, a, account)
}

// An id that is taken is left out; a tool that fails is an error which says why.
func TestTools(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	a := accounts.New(slog.New(slog.DiscardHandler))
	if _, err := a.Create(t.Context(), "/proc/nowhere"); err == nil || !strings.Contains(err.Error(), "useradd") {
		t.Errorf("a home directory that cannot be made: %v", err)
	}
	if left, err := a.Left("/proc/nowhere"); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
	defs, err := os.OpenFile("/etc/login.defs", os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Skipf("no /etc/login.defs: %v", err)
	}
	if _, err := defs.WriteString("\nUID_MIN 3000\nUID_MAX 3003\n"); err != nil {
		t.Fatal(err)
	}
	_ = defs.Close()
	a = accounts.New(slog.New(slog.DiscardHandler))
	first, second, third := create(t, a), create(t, a), create(t, a)
	for _, account := range []accounts.Account{first, second, third} {
		if account.UID < 3001 || account.UID > 3003 {
			t.Errorf("user id %d, want 3001 to 3003", account.UID)
		}
	}
	if _, err := a.Create(t.Context(), "/home"); err == nil || !strings.Contains(err.Error(), "no user id between 3001 and 3003 is free") {
		t.Errorf("a fourth account: %v", err)
	}
	remove(t, a, second)
	again := create(t, a)
	if again.UID != second.UID {
		t.Errorf("user id %d, want the only free one, %d", again.UID, second.UID)
	}
	for _, account := range []accounts.Account{first, again, third} {
		remove(t, a, account)
	}
}

// The one id that is free is found at once, wherever it is.
func TestNearlyFullRange(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	const low, high, free = 3001, 3400, 3222
	var lines strings.Builder
	for uid := low; uid <= high; uid++ {
		if uid != free {
			fmt.Fprintf(&lines, "taken%d:x:%d:%[1]d::/nonexistent:/bin/false\n", uid, uid)
		}
	}
	for name, text := range map[string]string{"/etc/login.defs": "\nUID_MIN 2602\nUID_MAX 3400\n", "/etc/passwd": lines.String()} {
		file, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteString(text); err != nil {
			t.Fatal(err)
		}
		_ = file.Close()
	}
	a := accounts.New(slog.New(slog.DiscardHandler))
	account := create(t, a)
	if account.UID != free {
		t.Errorf("user id %d, want the only free one, %d", account.UID, free)
	}
	if _, err := a.Create(t.Context(), "/home"); err == nil || !strings.Contains(err.Error(), "no user id between 3001 and 3400 is free") {
		t.Errorf("another account: %v", err)
	}
	remove(t, a, account)
}

// A file system that a program of the account served goes with it, and nobody else's does.
func TestServedFileSystems(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	a := accounts.New(slog.New(slog.DiscardHandler))
	account, other := create(t, a), create(t, a)
	for _, each := range []accounts.Account{account, other} {
		device, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
		if err != nil {
			t.Skipf("this system has no FUSE: %v", err)
		}
		point := each.Home + "/a b"
		if err := os.Mkdir(point, 0o700); err != nil {
			t.Fatal(err)
		}
		options := fmt.Sprintf("fd=%d,rootmode=40000,user_id=%d,group_id=%d", device.Fd(), each.UID, each.GID)
		if err := unix.Mount("test", point, "fuse", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
			t.Skipf("FUSE cannot be mounted: %v", err)
		}
		_ = device.Close() // as when the program is killed
	}
	remove(t, a, account)
	if table, _ := os.ReadFile("/proc/self/mountinfo"); strings.Contains(string(table), account.Home) || !strings.Contains(string(table), other.Home) {
		t.Errorf("mounted are\n%s", table)
	}
	remove(t, a, other)
}

func TestRootIsNeverDeleted(t *testing.T) {
	a := accounts.New(slog.New(slog.DiscardHandler))
	for _, account := range []accounts.Account{{Name: "root"}, {Name: "task_1"}, {Name: "somebody", UID: 4242}, {Name: "task_../x", UID: 4242}} {
		if err := a.Delete(t.Context(), account); err == nil {
			t.Errorf("%+v was deleted", account)
		}
	}
}

func TestJoin(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	for name, id := range map[string]string{"one": "4241", "two": "4242"} {
		if out, err := exec.CommandContext(t.Context(), "groupadd", "--gid", id, name).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	a := accounts.New(slog.New(slog.DiscardHandler))
	account := create(t, a)
	for _, name := range []string{"nobodys-group", "", "one,two", "-g"} {
		if err := a.Join(t.Context(), &account, []string{"one", name}); !errors.Is(err, accounts.ErrNoGroup) {
			t.Errorf("joined %q: %v", name, err)
		}
	}
	member := func() string {
		out, err := exec.CommandContext(t.Context(), "id", "-Gn", account.Name).Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(out))
	}
	if got := member(); got != account.Name {
		t.Errorf("groups %q, after what could not be joined", got)
	}
	err := a.Join(t.Context(), &account, []string{"two", "one"})
	ids := account.Groups
	if err != nil || len(ids) != 2 || ids[0] != 4242 || ids[1] != 4241 {
		t.Errorf("%v, %v", ids, err)
	}
	if got := member(); !strings.Contains(got, "one") || !strings.Contains(got, "two") {
		t.Errorf("groups %q", got)
	}
	if err := a.Join(t.Context(), &accounts.Account{Name: "root"}, []string{"one"}); err == nil {
		t.Error("root joined a group")
	}
	remove(t, a, account)
}

// What a worker that was killed has mounted for an account is taken away with that, and nothing in it is removed:
// not in the folders that accounts share either.
func TestMountsOfAnAccount(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	a := accounts.New(slog.New(slog.DiscardHandler))
	account := create(t, a)
	source := "/home/cache"
	for _, dir := range []string{source, "/tmp/mounted here"} {
		if err := errors.Join(os.Mkdir(dir, 0o700), os.Chown(dir, int(account.UID), int(account.GID))); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(source+"/file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(source, "/tmp/mounted here", "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	remove(t, a, account)
	if _, err := os.Stat(source + "/file"); err != nil {
		t.Errorf("what was mounted: %v", err)
	}
	if _, err := os.Lstat("/tmp/mounted here"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the place is left: %v", err)
	}
}
