package winuser

import (
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/windows"
)

// wine tells whether this is Wine.
func wine() bool {
	return windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil
}

// system skips a test that needs all rights to a real machine.
func system(t *testing.T) {
	t.Helper()
	if wine() {
		t.Skip("Wine keeps accounts in memory alone, and logs nobody on")
	}
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		t.Fatal(err)
	}
	if !user.User.Sid.IsWellKnown(windows.WinLocalSystemSid) {
		t.Skip("only the system can log accounts on: run the test as LocalSystem")
	}
}

// The whole life of an account: its profile, its process and what is left of it.
func TestRealLife(t *testing.T) {
	system(t)
	a := New(slog.New(slog.DiscardHandler))
	name := ("task_" + strconv.FormatInt(time.Now().UnixNano(), 10))[:20]
	account, err := a.Create(t.Context(), name, Comment("of a test"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Delete(t.Context(), account); err != nil {
			t.Error(err)
		}
	})
	if _, err := os.Stat(account.Home); err != nil {
		t.Errorf("the profile: %v", err)
	}
	env, err := Environment(account.Token)
	if err != nil || !slices.Contains(env, "USERNAME="+name) {
		t.Errorf("%q, %v", env, err)
	}
	cmd := exec.Command(filepath.Join(os.Getenv("SystemRoot"), "System32", "ping.exe"), "-n", "1000", "127.0.0.1")
	cmd.Env, cmd.SysProcAttr = env, &syscall.SysProcAttr{Token: syscall.Token(account.Token)}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if pids, err := (processes{}).Of(account.SID); err != nil || !slices.Contains(pids, uint32(cmd.Process.Pid)) {
		t.Errorf("processes %v, %v", pids, err)
	}
	if err := a.Delete(t.Context(), account); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait()
	if _, err := os.Stat(account.Home); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the profile is left: %v", err)
	}
	if _, ok, err := a.Lookup(name); ok || err != nil {
		t.Errorf("the account is left: %v, %v", ok, err)
	}
}

// What does not need the system's rights.
func TestBook(t *testing.T) {
	if _, err := (book{}).SID("task_that_is_not"); !errors.Is(err, ErrNoAccount) {
		t.Errorf("an account that is not: %v", err)
	}
	if list, err := (book{}).List(); !wine() && (err != nil || len(list) == 0) { // Wine does not have the list's form
		t.Errorf("accounts %v, %v", list, err)
	}
	own, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		t.Fatal(err)
	}
	if pids, err := (processes{}).Of(own.User.Sid.String()); err != nil || !slices.Contains(pids, uint32(os.Getpid())) {
		t.Errorf("processes of this user: %v, %v", pids, err)
	}
	if dir, err := ProfilesDir(); err != nil || !filepath.IsAbs(dir) {
		t.Errorf("the folder of profiles: %q, %v", dir, err)
	}
}

// The calls as they are made, as far as Wine has them: it keeps the accounts of one process.
func TestAccountsOfWine(t *testing.T) {
	if !wine() {
		t.Skip("TestRealLife does this on a real machine")
	}
	const name = "task_1"
	if err := (book{}).Add(name, password(), Comment("of a test")); err != nil {
		t.Fatal(err)
	}
	if err := (book{}).Remove(name); err != nil {
		t.Error(err)
	}
	if err := Winlogon().Set("DefaultUserName", name); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := Winlogon().Unset("DefaultUserName"); err != nil {
			t.Error(err)
		}
	}
	token := Token(windows.GetCurrentProcessToken())
	if env, err := Environment(token); err != nil || len(env) == 0 {
		t.Errorf("an environment: %v, %v", env, err)
	}
	if kind, err := Machine().Kind(token); err != nil || kind == 0 {
		t.Errorf("the kind of a token: %d, %v", kind, err)
	}
}

// What runs as somebody can be listed; nothing runs as an account that is not.
func TestTraces(t *testing.T) {
	found, err := (traces{}).Of(Account{Name: "task_that_is_not", SID: "S-1-5-21-1-2-3-4"})
	if err != nil || len(found) > 0 {
		t.Errorf("%v, %v", found, err)
	}
	if list, err := services(func(string) bool { return true }); err != nil || len(list) == 0 {
		t.Errorf("services %v, %v", list, err)
	}
	if err := (traces{}).Remove(Trace{Service, "a service that is not"}); err != nil {
		t.Error(err)
	}
	if err := (traces{}).Remove(Trace{ScheduledTask, `\a task that is not`}); err != nil {
		t.Error(err)
	}
}

// What an account has thrown away is found on the machine's disks, and removed with what is in it.
func TestRecycleBin(t *testing.T) {
	const sid = "S-1-5-21-1-2-3-4"
	folder := filepath.Join(os.Getenv("SystemDrive")+`\`, "$Recycle.Bin", sid)
	if err := os.MkdirAll(filepath.Join(folder, "$R1", "below"), 0o700); err != nil {
		t.Skipf("no folder can be made there: %v", err)
	}
	defer os.RemoveAll(folder)
	if err := os.WriteFile(filepath.Join(folder, "$R1", "below", "file"), nil, 0o400); err != nil {
		t.Fatal(err)
	}
	found, err := (traces{}).Of(Account{Name: "task_that_is_not", SID: sid})
	if err != nil || len(found) != 1 || found[0] != (Trace{RecycleBin, folder}) {
		t.Fatalf("%v, %v", found, err)
	}
	if err := (traces{}).Remove(found[0]); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(folder); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is there still: %v", err)
	}
}

// A task of the scheduler is found by whom it runs as, and removed.
func TestScheduledTask(t *testing.T) {
	if wine() {
		t.Skip("Wine has no scheduler")
	}
	own, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		t.Fatal(err)
	}
	name, _, _, err := own.User.Sid.LookupAccount("")
	if err != nil {
		t.Fatal(err)
	}
	account := Account{Name: name, SID: own.User.Sid.String()}
	trace := Trace{ScheduledTask, `\workerkit-test-` + strconv.Itoa(os.Getpid())}
	if out, err := exec.Command("schtasks", "/Create", "/TN", trace.Name, "/TR", "cmd", "/SC", "ONCE", "/ST", "00:00", "/F").CombinedOutput(); err != nil {
		t.Skipf("this user may make no task: %v: %s", err, out)
	}
	if found, err := (traces{}).Of(account); err != nil || !slices.Contains(found, trace) {
		t.Errorf("%v, %v", found, err)
	}
	for range 2 {
		if err := (traces{}).Remove(trace); err != nil {
			t.Error(err)
		}
	}
	if found, err := (traces{}).Of(account); err != nil || slices.Contains(found, trace) {
		t.Errorf("%v, %v", found, err)
	}
}
