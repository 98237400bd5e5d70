package container

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/workerkit/workerkit/internal/docker/dockertest"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/task"
	"github.com/workerkit/workerkit/worker/tasklog"
)

// scripted makes a payload of a script, with further properties of the container.
func scripted(script string, more map[string]any) string {
	c := map[string]any{"image": map[string]any{"name": dockertest.Image}, "command": []string{"sh", "-c", script}}
	maps.Copy(c, more)
	text, err := json.Marshal(map[string]any{"container": c})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// newRun makes a run.
func newRun(t *testing.T, text string) *task.Run {
	t.Helper()
	log, err := tasklog.New(t.TempDir(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := log.Remove(); err != nil {
			t.Error(err)
		}
	})
	return &task.Run{TaskID: "UOq9JeqHT3KyoEmN6J_Row", Payload: json.RawMessage(text), Dir: t.TempDir(), Log: log, Logger: slog.New(slog.DiscardHandler)}
}

// logged is the text of a run's log.
func logged(t *testing.T, run *task.Run) string {
	t.Helper()
	if _, err := run.Log.Close(); err != nil {
		t.Fatal(err)
	}
	reader := run.Log.NewReader(t.Context(), 0)
	defer reader.Close()
	text, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// output is what the command printed.
func output(t *testing.T, run *task.Run) string {
	t.Helper()
	var all []string
	for line := range strings.Lines(logged(t, run)) {
		if !strings.HasPrefix(line, "[taskcluster") {
			all = append(all, line)
		}
	}
	return strings.Join(all, "")
}

func build(t *testing.T, e *Engine, run *task.Run) *builder {
	t.Helper()
	b, err := e.NewBuilder(t.Context(), run)
	if err != nil {
		t.Fatal(err)
	}
	return b.(*builder)
}

func start(t *testing.T, b *builder) engines.Sandbox {
	t.Helper()
	s, err := b.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// finish waits for the end, and disposes of the result with the test.
func finish(t *testing.T, s engines.Sandbox) engines.Result {
	t.Helper()
	ctx, done := context.WithTimeout(t.Context(), time.Minute)
	defer done()
	r, err := s.Wait(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Dispose(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return r
}

// do runs a script.
func do(t *testing.T, e *Engine, script string, more map[string]any) (*task.Run, engines.Result) {
	t.Helper()
	run := newRun(t, scripted(script, more))
	return run, finish(t, start(t, build(t, e, run)))
}

// TestTasks are the cases that no other engine has.
func TestTasks(t *testing.T) {
	if !dockertest.Inside(t) {
		return
	}
	dockertest.Each(t, func(t *testing.T, e dockertest.Engine) {
		files := dockertest.Busybox(t)
		files["layered/image"], files["layered/gone"], files["layered/link"] = dockertest.File{Text: []byte("i\n")}, dockertest.File{Text: []byte("g\n")}, dockertest.File{Link: "image"}
		files["run"], files["var/run"] = dockertest.File{Mode: fs.ModeDir | 0o755}, dockertest.File{Link: "../run"}
		files["big"] = dockertest.File{Text: bytes.Repeat([]byte("0123456\n"), bigSize/8)}
		dockertest.MakeImage(t, e, dockertest.Image, files, "WORKDIR /builds", "VOLUME /volume")
		for name, test := range map[string]func(*testing.T, dockertest.Engine){
			"terminal": terminal, "files": filesLeft, "big file": bigFile, "commands that cannot be started": unstartable,
			"payloads that are wrong": wrong, "ends": ends, "what a killed worker left": leftovers, "mounts": mounting, "strange places": strangePlaces, "mounts behind links": mountingBehind,
			"metadata services": metadata, "networks": networks, "proxies": proxies, "shells": defaultShell, "rights": rights,
		} {
			t.Run(name, func(t *testing.T) { test(t, e) })
		}
	})
}

// terminal is what docker-worker's tasks have: lines end with CR LF, and both streams are in order.
func terminal(t *testing.T, e dockertest.Engine) {
	engine := newEngine(t, e, nil)
	run := newRun(t, scripted(`test -t 1 && pwd; echo two >&2; echo three; echo "$A-$TASK_WORKDIR"; hostname localhost.localdomain; grep localdomain /etc/hosts`, nil))
	b := build(t, engine, run)
	if err := errors.Join(b.Setenv("A", "a\nb"), b.Setenv("TASK_WORKDIR", run.Dir)); err != nil {
		t.Error(err)
	}
	r := finish(t, start(t, b))
	got := output(t, run)
	if want := "/builds\r\ntwo\r\nthree\r\na\r\nb-\r\n"; !strings.HasPrefix(got, want) || !strings.Contains(got, "127.0.0.1") {
		t.Errorf("printed %q, want %q first (%+v)", got, want, r.Status())
	}
	all := logged(t, run)
	for _, part := range []string{"Executing command 0: sh -c 'test -t 1 ", "Exit Code: ", "Wall Time: ", "Result: "} {
		if !strings.Contains(all, part) {
			t.Errorf("%q is not in the log:\n%s", part, all)
		}
	}
	if hash, _ := b.Image(); !strings.HasPrefix(hash, "sha256:") {
		t.Errorf("the hash of the image is %q", hash)
	}
}

// names walks a folder and reads every file, twice.
func names(t *testing.T, r engines.Result, path string) ([]string, error) {
	t.Helper()
	var found []string
	err := r.WalkDir(t.Context(), path, func(rel string, open func() (engines.File, error)) error {
		for range 2 {
			file, err := open()
			if err != nil {
				return err
			}
			text, err := io.ReadAll(file)
			info, statErr := file.Stat()
			if err := errors.Join(err, statErr, file.Close()); err != nil {
				return err
			}
			if info.Size() != int64(len(text)) || !info.Mode().IsRegular() {
				t.Errorf("%s: read %d bytes of %d", rel, len(text), info.Size())
			}
		}
		found = append(found, rel)
		return nil
	})
	return found, err
}

func read(t *testing.T, r engines.Result, path string) string {
	t.Helper()
	file, err := r.OpenFile(t.Context(), path)
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	text, err := io.ReadAll(file)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// mountingBehind has a mount at a path that the image's links lead elsewhere, as /var/run does in most.
func mountingBehind(t *testing.T, e dockertest.Engine) {
	engine := newEngine(t, e, nil)
	b := build(t, engine, newRun(t, scripted("echo r > /var/run/kept/r", nil)))
	if err := b.Mount(t.Context(), engines.Mount{Source: t.TempDir(), Target: "/var/run/kept"}); err != nil {
		t.Fatal(err)
	}
	r := finish(t, start(t, b))
	for _, folder := range []string{"/var/run/kept", "/run/kept"} {
		if found, err := names(t, r, folder); !slices.Equal(found, []string{"r"}) || err != nil {
			t.Errorf("%s: %q, %v", folder, found, err)
		}
		if got := read(t, r, folder+"/r"); got != "r\n" {
			t.Errorf("%s: %q", folder, got)
		}
	}
}

// filesLeft are in the container's own file system, a volume of it, and a mount, with links between them.
func filesLeft(t *testing.T, e dockertest.Engine) {
	engine := newEngine(t, e, nil)
	cache := t.TempDir()
	run := newRun(t, scripted(`set -e; mkdir -p out/dir /other; echo a > out/a; echo b > out/dir/b; echo c > /other/c; echo v > /volume/v
		ln -s ../../../other/c out/dir/link; ln -s /other out/folder; ln out/a out/hard; mkfifo out/pipe; ln -s /dev/zero out/zero; ln -s nowhere out/broken; ln -s loop out/loop
		echo k > /cache/k; ln -s /other/c /cache/out; ln -s ../../../../../etc/passwd /cache/up; ln -s /cache /way; ln -s /cache/k out/kept; echo m > out/mounted/m
		echo t > /layered/task; echo changed > /layered/image; rm /layered/gone`, nil))
	b := build(t, engine, run)
	for _, m := range []engines.Mount{{Source: cache, Target: "/cache"}, {Source: t.TempDir(), Target: "out/mounted"}} {
		if err := b.Mount(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	r := finish(t, start(t, b))
	if !r.Status().Success {
		t.Fatal(output(t, run))
	}
	for path, want := range map[string]string{
		"out/a": "a\n", "/builds/out/dir/b": "b\n", "out/dir/link": "c\n", "out/folder/c": "c\n", "out/hard": "a\n", "/volume/v": "v\n",
		"/cache/k": "k\n", "/way/k": "k\n", "/cache/out": "c\n", "/way/../other/c": "c\n", "out/kept": "k\n", "out/mounted/m": "m\n",
	} {
		if got := read(t, r, path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	if got := read(t, r, "/cache/up"); !strings.HasPrefix(got, "root:x:0:0:root:/root:/bin/sh\nnobody") { // the image's
		t.Errorf("a link out of the mount: %q", got)
	}
	for path, want := range map[string]error{
		"none": fs.ErrNotExist, "out/a/b": fs.ErrNotExist, "out/broken": fs.ErrNotExist, "out/loop": errLoop, "/dev/zero": engines.ErrWrongKind,
		"out": engines.ErrWrongKind, "/": engines.ErrWrongKind, "out/pipe": engines.ErrWrongKind, "out/zero": engines.ErrWrongKind, "/cache": engines.ErrWrongKind,
	} {
		if _, err := r.OpenFile(t.Context(), path); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
	want := []string{"a", "dir/b", "dir/link", "hard", "kept", "mounted/m"}
	if got, err := names(t, r, "out"); err != nil || !slices.Equal(got, want) {
		t.Errorf("walk: %q, %v; want %q", got, err, want)
	}
	if got, err := names(t, r, "/layered"); err != nil || !slices.Equal(got, []string{"image", "link", "task"}) {
		t.Errorf("walk a folder of the image: %q, %v", got, err)
	}
	if got := read(t, r, "/layered/image"); got != "changed\n" {
		t.Errorf("a file of the image that was changed: %q", got)
	}
	if got := read(t, r, "/layered/gone"); !strings.Contains(got, "not exist") {
		t.Errorf("a file of the image that was removed: %q", got)
	}
	if got, err := names(t, r, "/cache"); err != nil || !slices.Equal(got, []string{"k", "out", "up"}) {
		t.Errorf("walk a mount: %q, %v", got, err)
	}
	if _, err := names(t, r, "out/a"); !errors.Is(err, engines.ErrWrongKind) {
		t.Errorf("walk a file: %v", err)
	}
}

// bigFile are two, of the task and of the image, which are read in parts, from where one likes.
func bigFile(t *testing.T, e dockertest.Engine) {
	_, r := do(t, newEngine(t, e, nil), `mkdir d; cp /big d/`, nil)
	if _, ok := parts(t, r, "d/big").(*os.File); !ok && !e.Containerd {
		t.Error("a file of the task was not opened where it is")
	}
	if _, ok := parts(t, r, "/big").(*stream); !ok {
		t.Error("a file of the image was not sent")
	}
	if got, err := names(t, r, "d"); err != nil || !slices.Equal(got, []string{"big"}) {
		t.Errorf("walk: %q, %v", got, err)
	}
}

// parts reads parts of a file of many lines and closes it.
func parts(t *testing.T, r engines.Result, path string) engines.File {
	t.Helper()
	file, err := r.OpenFile(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if end, err := file.Seek(0, io.SeekEnd); end != bigSize || err != nil {
		t.Errorf("%s: its end is at %d, %v", path, end, err)
	}
	for _, at := range []int64{bigSize - 8, 8, 16, 0} {
		part := make([]byte, 8)
		_, seek := file.Seek(at, io.SeekStart)
		if _, err := io.ReadFull(file, part); err != nil || seek != nil || string(part) != "0123456\n" {
			t.Errorf("%s at %d: %q, %v, %v", path, at, part, seek, err)
		}
	}
	if _, err := file.Seek(-1, io.SeekStart); err == nil {
		t.Errorf("%s: there is something before its start", path)
	}
	return file
}

const bigSize = 8 << 20

// unstartable are commands that fail a task, as they fail docker run.
func unstartable(t *testing.T, e dockertest.Engine) {
	engine := newEngine(t, e, nil)
	for name, test := range map[string]struct {
		command []string
		code    int
	}{
		"not found": {[]string{"no-such-program"}, notFound}, "no such path": {[]string{"/none/such"}, notFound},
		"not executable": {[]string{"/etc/passwd"}, notExecutable}, "a folder": {[]string{"/etc"}, notExecutable},
	} {
		run, r := do(t, engine, "", map[string]any{"command": test.command})
		s := r.Status()
		if s.Success || s.Aborted || s.ExitCode != test.code || !strings.Contains(s.Reason, test.command[0]) {
			t.Errorf("%s: %+v, want exit code %d", name, s, test.code)
		}
		if !strings.Contains(logged(t, run), "System error executing command: "+test.command[0]) {
			t.Errorf("%s: the log does not name it: %s", name, logged(t, run))
		}
	}
}

// wrong are payloads whose task cannot run.
func wrong(t *testing.T, e dockertest.Engine) {
	engine := newEngine(t, e, nil)
	bare := dockertest.MakeImage(t, e, "workerkit.test/bare:latest", dockertest.Busybox(t), "CMD []")
	for name, test := range map[string]struct {
		payload string
		want    string
	}{
		"no image":   {`{"container":{"image":{"name":"workerkit.test/none:1"}}}`, "workerkit.test/none:1"},
		"no command": {`{"container":{"image":{"name":"` + bare + `"}}}`, "payload.command"},
		"a NUL":      {`{"container":{"image":{"name":"` + bare + `"},"command":["a\u0000b"]}}`, "NUL"},
	} {
		_, err := engine.NewBuilder(t.Context(), newRun(t, test.payload))
		if task.Resolve(err) != task.MalformedPayload || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("no time")
	cancel(cause)
	if _, err := engine.NewBuilder(ctx, newRun(t, scripted("", nil))); !errors.Is(err, cause) {
		t.Errorf("with a context that has ended: %v", err)
	}
	b := build(t, engine, newRun(t, scripted("", nil)))
	if _, err := b.Start(ctx); !errors.Is(err, cause) {
		t.Errorf("start with a context that has ended: %v", err)
	}
}

func ends(t *testing.T, e dockertest.Engine) {
	engine := newEngine(t, e, nil)
	_, r := do(t, engine, `sh -c 'kill -9 $$'; exit $?`, nil)
	if s := r.Status(); s.ExitCode != 137 || s.Success || s.Aborted || !strings.Contains(s.Reason, "killed by signal 9") {
		t.Errorf("after SIGKILL: %+v", s)
	}
	// A command that closes its output goes on all the same.
	_, r = do(t, engine, `exec > /dev/null 2>&1 < /dev/null; sleep 1; exit 4`, map[string]any{"pipe": true})
	if s := r.Status(); s.ExitCode != 4 || s.Duration < time.Second {
		t.Errorf("without an output: %+v", s)
	}
	run := newRun(t, scripted("echo ready; sleep 1000", nil))
	s := start(t, build(t, engine, run))
	begin := time.Now()
	if err := s.Kill(t.Context(), 0); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("the kill took %s", took)
	}
	if s := finish(t, s).Status(); !s.Aborted || s.ExitCode != engines.ExitAborted {
		t.Errorf("killed: %+v", s)
	}
}

// leftovers go with the next worker of the same identity, and with no other.
func leftovers(t *testing.T, e dockertest.Engine) {
	engine := newEngine(t, e, nil)
	other := newEngine(t, e, func(c *Config) { c.Worker = "other" })
	b := build(t, engine, newRun(t, scripted("echo x > /volume/x; sleep 1000", nil)))
	s := start(t, b)
	discarded := build(t, engine, newRun(t, scripted("", nil)))
	stays := start(t, build(t, other, newRun(t, scripted("exit 5", nil))))
	if err := New(engine.config).Open(t.Context()); err != nil { // as after kill -9
		t.Error(err)
	}
	if left := things(t, e); strings.Contains(left, b.name) || strings.Contains(left, discarded.name) {
		t.Errorf("left: %s", left)
	}
	if _, err := s.Wait(t.Context()); err == nil {
		if r, _ := s.Wait(t.Context()); r.Dispose(t.Context()) != nil {
			t.Error("what was removed cannot be disposed of")
		}
	}
	if err := discarded.Discard(t.Context()); err != nil {
		t.Error(err)
	}
	if code := finish(t, stays).Status().ExitCode; code != 5 {
		t.Errorf("another worker's task ended with %d", code)
	}
}

func mounting(t *testing.T, e dockertest.Engine) {
	engine := newEngine(t, e, nil)
	user := dockertest.MakeImage(t, e, "workerkit.test/user:latest", dockertest.Busybox(t), "USER 65534")
	cache := filepath.Join(t.TempDir(), "cache")
	if err := os.Mkdir(cache, 0o700); err != nil {
		t.Fatal(err)
	}
	run := newRun(t, scripted("id -u; echo mine > /cache/file; cat /etc/group", map[string]any{"image": map[string]any{"name": user}}))
	b := build(t, engine, run)
	group := filepath.Join(t.TempDir(), "group")
	if err := os.WriteFile(group, []byte("covered\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, m := range []engines.Mount{{Source: cache, Target: "/cache"}, {Source: group, Target: "/etc/group", Given: true, ReadOnly: true}} {
		if err := b.Mount(t.Context(), m); err != nil {
			t.Error(err)
		}
	}
	for _, target := range []string{"/", "/cache", "/etc/group/x", "/cache/../cache"} {
		if err := b.Mount(t.Context(), engines.Mount{Source: cache, Target: target}); task.Resolve(err) != task.Failed || !strings.Contains(err.Error(), target) {
			t.Errorf("mounted at %s: %v", target, err)
		}
	}
	if err := b.Mount(t.Context(), engines.Mount{Source: cache + "/none", Target: "/x"}); err == nil {
		t.Error("mounted what is not there")
	}
	for path, want := range map[string]bool{group: true, cache: true, "/etc/passwd": false} {
		if got, err := b.CanRead(t.Context(), path); got != want || err != nil {
			t.Errorf("the task can read %s: %v, %v", path, got, err)
		}
	}
	r := finish(t, start(t, b))
	if got := output(t, run); got != "65534\r\ncovered\r\n" {
		t.Errorf("printed %q", got)
	}
	if got := read(t, r, "/cache/file"); got != "mine\n" {
		t.Errorf("in the cache is %q", got)
	}
}

// strangePlaces are mounts whose places an engine could take for something else.
func strangePlaces(t *testing.T, e dockertest.Engine) {
	engine := newEngine(t, e, nil)
	secret := t.TempDir()
	if err := os.WriteFile(filepath.Join(secret, "machines-own"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	run := newRun(t, scripted("find / -name proc -prune -o \\( -name machines-own -o -name left.txt \\) -print | sort", nil))
	b := build(t, engine, run)
	var want []string
	for _, target := range []string{"/a=b", "/a b", "/a:ro", "/a'b", "/ü", `/a\b`, "/a,source=" + secret, `/"a"`, "/a\nb", "/a\x00b", "/\xff", "/" + strings.Repeat("x", 5000)} {
		source := t.TempDir()
		if err := os.WriteFile(filepath.Join(source, "left.txt"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		err := b.Mount(t.Context(), engines.Mount{Source: source, Target: target})
		never := strings.ContainsAny(target, "\n\x00") || !utf8.ValidString(target) || len(target) > 4096
		if never || e.Podman && strings.ContainsAny(target, `,"`) {
			if task.Resolve(err) != task.Failed {
				t.Errorf("mounted at %q: %v", target, err)
			}
			continue
		}
		if err != nil {
			t.Error(err)
		}
		want = append(want, target+"/left.txt\r\n")
	}
	finish(t, start(t, b))
	slices.Sort(want)
	if got := output(t, run); got != strings.Join(want, "") {
		t.Errorf("printed %q, want %q", got, want)
	}
}

// defaultShell is the one that the image has.
func defaultShell(t *testing.T, e dockertest.Engine) {
	s := start(t, build(t, newEngine(t, e, nil), newRun(t, scripted("sleep 1000", nil))))
	shell, err := s.(engines.Sheller).Shell(t.Context(), nil, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(shell, "echo $((6*7)) $TERM $(pwd); exit 3\n"); err != nil {
		t.Error(err)
	}
	text, _ := io.ReadAll(shell) // a terminal may end with an error
	code, err := shell.Wait(t.Context())
	if !strings.Contains(string(text), "42 xterm-256color /builds") || code != 3 || err != nil {
		t.Errorf("it said %q, exit code %d, %v", text, code, err)
	}
	if err := errors.Join(shell.Close(), s.Kill(t.Context(), 0)); err != nil {
		t.Error(err)
	}
	finish(t, s)
	if _, err := s.(engines.Sheller).Shell(t.Context(), nil, true); !errors.Is(err, errOver) {
		t.Errorf("a shell after the end: %v", err)
	}
}

// rights are those that the payload asks for.
func rights(t *testing.T, e dockertest.Engine) {
	engine := newEngine(t, e, nil)
	const script = `grep -E '^(CapEff|Seccomp):' /proc/self/status | tr -s '\t\r\n' '   '; mount | grep -c ' /dev/shm type tmpfs' `
	said := func(more map[string]any) string {
		run, r := do(t, engine, script, more)
		if !r.Status().Success {
			t.Errorf("%v: %+v", more, r.Status())
		}
		return output(t, run)
	}
	usual := said(nil)
	if !strings.Contains(usual, "Seccomp: 2") {
		t.Errorf("usually: %q", usual)
	}
	if got := said(map[string]any{"disableSeccomp": true}); !strings.Contains(got, "Seccomp: 0") {
		t.Errorf("without seccomp: %q", got)
	}
	const ptrace = 1 << 19
	bits := func(text string) (all uint64) {
		_, rest, _ := strings.Cut(text, "CapEff: ")
		for _, digit := range strings.Fields(rest)[0] {
			all = all<<4 | uint64(strings.IndexRune("0123456789abcdef", digit))
		}
		return all
	}
	if bits(usual)&ptrace != 0 || bits(said(map[string]any{"allowPtrace": true}))&ptrace == 0 {
		t.Error("ptrace is not as it was asked for")
	}
	if all, err := os.ReadFile("/proc/self/status"); err == nil && bits(strings.ReplaceAll(string(all), "\t", " ")) == 1<<41-1 {
		if got := bits(said(map[string]any{"privileged": true})); got&^bits(usual) == 0 {
			t.Errorf("privileged: %x", got)
		}
	} else {
		t.Log("this machine's root lacks rights, so that it cannot start a privileged container")
	}
	mark := filepath.Join(sharedMemory, "workerkit-test")
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(mark)
	_, r := do(t, engine, "test -e "+mark, map[string]any{"devices": map[string]any{"hostSharedMemory": true}})
	if !r.Status().Success {
		t.Errorf("the machine's shared memory: %+v", r.Status())
	}
}
