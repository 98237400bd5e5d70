package multiuser

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/accounts"
	"github.com/workerkit/workerkit/internal/accounts/accountstest"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/engines/enginetest"
	"github.com/workerkit/workerkit/worker/task"
	"github.com/workerkit/workerkit/worker/tasklog"
	"github.com/workerkit/workerkit/worker/taskrun"
)

// prepareRun is script, with something done to the builder before its start.
func prepareRun(t *testing.T, e *Engine, name, text string, with func(engines.Builder)) *one {
	t.Helper()
	log, err := tasklog.New(t.TempDir(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Remove() })
	run := &task.Run{
		Payload: json.RawMessage(enginetest.Commands([]string{"/bin/sh", "-c", text})), Dir: filepath.Join(e.config.Homes, "task_"+name),
		Own: filepath.Join(e.config.Homes, "own_task_"+name), Log: log, Logger: e.config.Logger,
	}
	if err := errors.Join(os.Mkdir(run.Dir, 0o700), os.Mkdir(run.Own, 0o700)); err != nil {
		t.Fatal(err)
	}
	builder, err := e.NewBuilder(t.Context(), run)
	if err != nil {
		t.Fatal(err)
	}
	with(builder)
	sandbox, err := builder.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	result, err := sandbox.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return &one{run, result}
}

func mount(t *testing.T, b engines.Builder, m engines.Mount) {
	t.Helper()
	if err := b.(engines.Mounter).Mount(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}

// cache is a folder that the worker has made where no task can look.
func cache(t *testing.T) string {
	t.Helper()
	const caches = "/home/caches"
	if err := os.MkdirAll(caches, 0o700); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(caches, "cache")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func ownerOf(t *testing.T, path string) uint32 {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Uid
}

func TestGroups(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	if out, err := exec.CommandContext(t.Context(), "groupadd", "--gid", "4242", "testers").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := errors.Join(os.WriteFile("/home/theirs", []byte("text\n"), 0o640), os.Chown("/home/theirs", 0, 4242)); err != nil {
		t.Fatal(err)
	}
	e := open(t, config("/home", 1))
	join := func(b engines.Builder) {
		if readable, err := b.(engines.Prober).CanRead(t.Context(), "/home/theirs"); readable || err != nil {
			t.Errorf("before: %v, %v", readable, err)
		}
		if err := b.(engines.Grouper).Join(t.Context(), []string{"testers"}); err != nil {
			t.Fatal(err)
		}
		if readable, err := b.(engines.Prober).CanRead(t.Context(), "/home/theirs"); !readable || err != nil {
			t.Errorf("as a member: %v, %v", readable, err)
		}
	}
	run := prepareRun(t, e, "a_0", "cat /home/theirs; id -Gn | grep -ow testers; id -Gn $(id -un) | grep -ow testers", join)
	name := e.account(t)
	if got := run.output(t); got != "text\ntesters\ntesters\n" {
		t.Errorf("the task saw\n%s", got)
	}
	if got := script(t, e, "b_0", "cat /home/theirs 2>&1; id -Gn | grep -ow testers; :").output(t); !strings.Contains(got, "ermission denied") || strings.Contains(got, "testers\n") {
		t.Errorf("the next task, which did not ask: %s", got)
	}
	shut(t, e)
	if text, _ := os.ReadFile("/etc/group"); strings.Contains(string(text), name) {
		t.Errorf("%s is a member still:\n%s", name, text)
	}
}

func TestPromotion(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	t.Setenv("TASKCLUSTER_ACCESS_TOKEN", "the worker's secret")
	e, source := open(t, config("/home", 1)), cache(t)
	look := `id -u; echo $HOME $USER; env | grep -c secret; cat "$CREDENTIALS" | grep -c '"password":"[A-Z0-9]\{20,\}"'; echo roots > v/roots; echo mine > file`
	run := prepareRun(t, e, "a_0", look, func(b engines.Builder) {
		mount(t, b, engines.Mount{Source: source, Target: "v"})
		path, err := b.(engines.Promoter).Promote(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 || ownerOf(t, path) != 0 {
			t.Errorf("%v, %v", info, err)
		}
		u, ok, err := accounts.ReadUser(path)
		if !ok || err != nil || !accounts.IsTask(u.Name) || u.Password.Reveal() == "" {
			t.Errorf("%+v, %v, %v", u, ok, err)
		}
		if err := b.Setenv("CREDENTIALS", path); err != nil {
			t.Fatal(err)
		}
		if readable, err := b.(engines.Prober).CanRead(t.Context(), "/etc/shadow"); !readable || err != nil {
			t.Errorf("root's commands can read root's files: %v, %v", readable, err)
		}
	})
	file, err := run.result.OpenFile(t.Context(), "file")
	if err != nil {
		t.Fatalf("a file that root's command left: %v", err)
	}
	_ = file.Close()
	if got := run.output(t); got != "0\n/home/task_a_0 root\n0\n1\n" {
		t.Errorf("the task saw\n%s", got)
	}
	if got, want := ownerOf(t, source+"/roots"), ownerOf(t, source); got != want || got == 0 {
		t.Errorf("what root left in the cache is user %d's, the cache user %d's", got, want)
	}
	next := prepareRun(t, e, "b_0", "id -u | grep -c '^0$'; echo more >> v/roots && cat v/roots", func(b engines.Builder) {
		mount(t, b, engines.Mount{Source: source, Target: "v"})
	})
	if got := next.output(t); got != "0\nroots\nmore\n" {
		t.Errorf("the next task saw\n%s", got)
	}
}

// A cache with what a hostile task may leave in it, and does to its surroundings, harms neither the machine
// nor the next task, and is deleted with nobody's account.
func TestHostileCache(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	e, source := open(t, config("/home", 1)), cache(t)
	if err := os.WriteFile("/home/secret", []byte("the worker's\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	with := func(b engines.Builder) { mount(t, b, engines.Mount{Source: source, Target: "a/v"}) }
	evil := `
cp /bin/sh a/v/sh && chmod 6755 a/v/sh
ln -s /etc/shadow a/v/shadow; ln -s /home/secret a/v/secret; ln -s /etc a/v/etc; ln -s / a/v/root; ln -s /proc/self/cwd a/v/magic
ln a/v/sh linked 2>/dev/null && echo linked out
echo x > out; ln out a/v/in 2>/dev/null && echo linked in
rm -rf a/v 2>/dev/null; mv a/v w 2>/dev/null && echo moved
echo kept > a/v/kept; chmod 0 a/v/kept
cp /bin/sh a/v/sh && chmod 6755 a/v/sh; mkdir -p a/v/closed/deep && echo x > a/v/closed/deep/file && chmod 0 a/v/closed
ln -s /etc/shadow a/v/shadow; ln -s /home/secret a/v/secret; ln -s /etc a/v/etc; ln -s / a/v/root; ln -s /proc/self/cwd a/v/magic
mv a b; mkdir -p a; ln -s /etc a/v
setsid sh -c 'exec 3>>b/v/held; while :; do echo x >&3; sleep 0.01; done' > /dev/null 2>&1 &
until [ -s b/v/held ]; do :; done; ls b/v > /dev/null`
	if got := prepareRun(t, e, "a_0", evil, with).output(t); got != "" {
		t.Errorf("the task did more than it may: %s", got)
	}
	for path, want := range map[string]uint32{"/etc/shadow": 0, "/etc": 0, "/home/secret": 0, "/": 0} {
		if got := ownerOf(t, path); got != want {
			t.Errorf("%s is user %d's", path, got)
		}
	}
	table, _ := os.ReadFile("/proc/self/mountinfo")
	if strings.Contains(string(table), "task_a_0") {
		t.Errorf("left mounted:\n%s", table)
	}
	if err := taskrun.RemoveDir("/home/task_a_0"); err != nil {
		t.Error(err)
	}
	e.cleaning.Wait() // the account is deleted
	if got, _ := os.ReadFile(source + "/kept"); string(got) != "kept\n" {
		t.Errorf("the cache holds %q", got)
	}
	use := `[ -O a/v/kept ] && chmod 600 a/v/kept && cat a/v/kept; [ -u a/v/sh ] && a/v/sh -c 'id -u' | grep -c "^$(id -u)$"
chmod 700 a/v/closed && cat a/v/closed/deep/file; cat a/v/shadow a/v/secret 2>&1 | grep -c 'ermission denied'; rm -rf a/v/* && ls -A a/v && echo again > a/v/kept`
	if got := prepareRun(t, e, "b_0", use, with).output(t); got != "kept\n1\nx\n2\n" {
		t.Errorf("the next task saw\n%s", got)
	}
	for _, target := range []string{"a/v/etc/new", "a/v/root/new", "a/v/magic/new"} {
		links := func(b engines.Builder) {
			with(b)
			err := b.(engines.Mounter).Mount(t.Context(), engines.Mount{Source: cache(t), Target: target, Given: true})
			if task.Resolve(err) != task.Failed {
				t.Errorf("mounted at %s: %v", target, err)
			}
		}
		for link, to := range map[string]string{"etc": "/etc", "root": "/", "magic": "/proc/self/cwd"} {
			_ = os.Symlink(to, filepath.Join(source, link)) // it may be there
		}
		prepareRun(t, e, "c"+strings.ReplaceAll(target, "/", "-")+"_0", "true", links).output(t)
	}
	if _, err := os.Lstat("/etc/new"); err == nil {
		t.Error("a link led a mount to /etc")
	}
}

// With a group such as docker's a task has others write to its cache. They can, and what they leave is the next
// task's to change.
func TestCacheOfMany(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	if out, err := exec.CommandContext(t.Context(), "groupadd", "--gid", "4242", "testers").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	e, source := open(t, config("/home", 1)), cache(t)
	with := func(b engines.Builder) { mount(t, b, engines.Mount{Source: source, Target: "v"}) }
	prepareRun(t, e, "a_0", "true", with).output(t) // which has the cache as its own
	container := func(path string, uid uint32) {
		cmd := exec.CommandContext(context.Background(), "/bin/sh", "-c", "mkdir -p "+path+" && echo "+path+" > "+path+"/file")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("user %d: %v: %s", uid, err, out)
		}
	}
	prepareRun(t, e, "b_0", "chgrp testers v && chmod 2770 v && echo x > v/theirs", func(b engines.Builder) {
		if err := b.(engines.Grouper).Join(t.Context(), []string{"testers"}); err != nil {
			t.Fatal(err)
		}
		with(b)
		if err := errors.Join(os.Chmod("/home/task_b_0", 0o711), os.Chmod("/home/task_b_0/v", 0o777)); err != nil {
			t.Fatal(err)
		}
		container("/home/task_b_0/v/root", 0)
		container("/home/task_b_0/v/other", 4001)
	}).output(t)
	change := "for f in v/root/file v/other/file v/theirs; do echo more >> $f && [ -O $f ] && [ -G $f ] && echo ok; done; rm -r v/root v/other && ls v"
	if got := prepareRun(t, e, "c_0", change, with).output(t); got != "ok\nok\nok\ntheirs\n" {
		t.Errorf("the next task saw\n%s", got)
	}
}

// A cache that somebody can still change when the task is over is given to nobody.
func TestCacheThatSomebodyHolds(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	var logged strings.Builder
	c := config("/home", 1)
	c.Logger = slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelWarn}))
	e, source := open(t, c), cache(t)
	run := prepareRun(t, e, "a_0", "echo x > v/file", func(b engines.Builder) {
		mount(t, b, engines.Mount{Source: source, Target: "v"})
	})
	held, err := os.Open("/home/task_a_0/v") // as another task could that was given it
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	run.output(t)
	if _, err := os.Lstat(source); err == nil {
		t.Error("the cache is still there")
	}
	if !strings.Contains(logged.String(), "still uses a mount") {
		t.Errorf("logged %s", logged.String())
	}
}

// Where a task shares a folder with others it may put what is theirs at the place of its mount: the worker does not
// remove it.
func TestPlaceThatIsReplaced(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	if err := errors.Join(os.MkdirAll("/home/shared/precious", 0o755), os.WriteFile("/home/shared/precious/file", nil, 0o600), os.Chmod("/home/shared", 0o777)); err != nil {
		t.Fatal(err)
	}
	e, given := open(t, config("/home", 1)), cache(t)
	prepareRun(t, e, "a_0", "cd /home/shared && mv v w && mv precious v", func(b engines.Builder) {
		mount(t, b, engines.Mount{Source: given, Target: "/home/shared/v", Given: true})
	}).output(t)
	if _, err := os.Stat("/home/shared/v/file"); err != nil {
		t.Error(err)
	}
}

// A worker that is killed leaves a cache mounted in a task's directory; neither is removed with the other.
func TestMountsAfterAKill(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	killed, source := New(config("/home", 1)), cache(t)
	if err := killed.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod("/tmp", 0o1777); err != nil {
		t.Fatal(err)
	}
	prepareRun(t, killed, "a_0", "echo kept > v/file; echo kept > /tmp/far/v/file", func(b engines.Builder) {
		mount(t, b, engines.Mount{Source: source, Target: "v"})
		mount(t, b, engines.Mount{Source: source, Target: "/tmp/far/v"})
	}) // never disposed of
	killed.stop(ErrClosed)
	killed.pool.drain()
	e := open(t, config("/home", 1))
	if err := taskrun.RemoveDir("/home/task_a_0"); err != nil {
		t.Error(err)
	}
	e.cleaning.Wait()
	if got, _ := os.ReadFile(source + "/file"); string(got) != "kept\n" {
		t.Errorf("the cache holds %q", got)
	}
	table, _ := os.ReadFile("/proc/self/mountinfo")
	if strings.Contains(string(table), "task_a_0") || strings.Contains(string(table), "/tmp/far") {
		t.Errorf("left mounted:\n%s", table)
	}
	for _, dir := range []string{"/home/task_a_0", "/tmp/far"} {
		if _, err := os.Lstat(dir); err == nil {
			t.Errorf("%s is left", dir)
		}
	}
}

// Where a file system does not show files as another user's they are given to each task, and a warning says so.
func TestCacheWithoutMaps(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	base := "/home/overlay"
	for _, dir := range []string{"", "/low", "/up", "/work", "/caches"} {
		if err := os.MkdirAll(base+dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mount("overlay", base+"/caches", "overlay", 0, "lowerdir="+base+"/low,upperdir="+base+"/up,workdir="+base+"/work"); err != nil {
		t.Skipf("no overlay file system here: %v", err)
	}
	source := base + "/caches/cache"
	if err := os.Mkdir(source, 0o700); err != nil {
		t.Fatal(err)
	}
	var logged strings.Builder
	c := config("/home", 1)
	c.Logger = slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelWarn}))
	e := open(t, c)
	with := func(b engines.Builder) { mount(t, b, engines.Mount{Source: source, Target: "v"}) }
	prepareRun(t, e, "a_0", "echo 1 > v/file; mkdir v/d; echo 1 > v/d/file; ln -s /etc/passwd v/link", with).output(t)
	if got := prepareRun(t, e, "b_0", "echo 2 >> v/file; echo 2 >> v/d/file; cat v/file v/d/file", with).output(t); got != "1\n2\n1\n2\n" {
		t.Errorf("the second task saw\n%s", got)
	}
	shut(t, e)
	if ownerOf(t, "/etc/passwd") != 0 {
		t.Error("a link was followed")
	}
	if !strings.Contains(logged.String(), "one by one") {
		t.Errorf("no warning: %s", logged.String())
	}
}

// Where others could put a cache away it is not used: what they would put there would be given away.
func TestCachesInAnOpenFolder(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	if err := errors.Join(os.Mkdir("/home/open", 0o700), os.Chmod("/home/open", 0o777), os.Mkdir("/home/open/cache", 0o700)); err != nil {
		t.Fatal(err)
	}
	e := open(t, config("/home", 1))
	prepareRun(t, e, "a_0", "true", func(b engines.Builder) {
		err := b.(engines.Mounter).Mount(t.Context(), engines.Mount{Source: "/home/open/cache", Target: "v"})
		if err == nil || !strings.Contains(err.Error(), "cachesDir") || task.Resolve(err) != task.InternalError {
			t.Errorf("mounted: %v", err)
		}
	}).output(t)
}

// A proxy serves the task's user, in the task and in its shells, and no other.
func TestProxyByUser(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("there is no bash, which the test connects with")
	}
	c := config("/home", 1)
	free, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	want := free.Addr().String()
	_, port, _ := net.SplitHostPort(want)
	number, err := strconv.ParseUint(port, 10, 16)
	if err = errors.Join(err, free.Close()); err != nil {
		t.Fatal(err)
	}
	c.ProxyPort = uint16(number)
	e := open(t, c)
	ask := `bash -c "exec 3<>/dev/tcp/127.0.0.1/` + port + `; printf 'GET / HTTP/1.0\r\n\r\n' >&3; head -1 <&3"`
	var others string
	var called int
	run := prepareRun(t, e, "a_0", ask+"; touch /home/task_a_0/ready; until [ -e /home/task_a_0/over ]; do sleep 0.01; done", func(b engines.Builder) {
		url, err := b.(engines.Proxier).Proxy(t.Context(), "proxy", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called++ }))
		if err != nil || url != "http://"+want {
			t.Fatalf("%q, %v", url, err)
		}
		go func() {
			for _, err := os.Stat("/home/task_a_0/ready"); err != nil; _, err = os.Stat("/home/task_a_0/ready") {
				time.Sleep(time.Millisecond)
			}
			cmd := exec.CommandContext(context.Background(), "/bin/sh", "-c", ask)
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
			out, _ := cmd.CombinedOutput()
			others = string(out)
			_ = os.WriteFile("/home/task_a_0/over", nil, 0o600)
		}()
	})
	if got := run.output(t); !strings.Contains(got, "200 OK") {
		t.Errorf("the task got %q", got)
	}
	if !strings.Contains(others, "403 Forbidden") || called != 1 {
		t.Errorf("another user got %q; %d calls", others, called)
	}
}
