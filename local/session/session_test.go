package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2/hclsimple"
)

// TestMain lets the test binary stand in for the programs: what it does is in the environment.
func TestMain(m *testing.M) {
	switch os.Getenv("SESSION_TEST_PROGRAM") {
	case "":
		os.Exit(m.Run())
	case "serve":
		fmt.Println("# not an assignment")
		fmt.Println("export TASKCLUSTER_ROOT_URL='http://127.0.0.1:1'")
		fmt.Println("export TASKCLUSTER_CLIENT_ID=static/root")
		fmt.Println(`export TASKCLUSTER_ACCESS_TOKEN="to=ken"`)
		for range 10_000 { // more than a pipe holds: somebody must go on reading
			fmt.Println("chatter that nobody asked for")
		}
		fmt.Fprintln(os.Stderr, "all printed")
		wait()
	case "fail":
		fmt.Fprintln(os.Stderr, "first")
		fmt.Fprintln(os.Stderr, "port is taken")
		os.Exit(7)
	case "end":
	case "silent":
		wait()
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		sleep := exec.Command("sleep", "60") // a descendant that must not stay behind
		if err := sleep.Start(); err != nil {
			os.Exit(1)
		}
		fmt.Fprintln(os.Stderr, sleep.Process.Pid)
		time.Sleep(time.Hour) // select {} is a deadlock where Go finds those, which is without C
	}
}

func wait() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	<-ctx.Done()
}

// as makes the test binary the programs, in a role.
func as(t *testing.T, role string) Programs {
	t.Helper()
	t.Setenv("SESSION_TEST_PROGRAM", role)
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Programs{own, own, own}
}

func TestOpenLearnsHowToReachTheServices(t *testing.T) {
	s, err := Open(t.Context(), as(t, "serve"), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c := s.Credentials()()
	if s.RootURL != "http://127.0.0.1:1" || c.ClientID != "static/root" || c.AccessToken.Reveal() != "to=ken" {
		t.Errorf("learnt %s, %s, %s", s.RootURL, c.ClientID, c.AccessToken.Reveal())
	}
	waitForLog(t, s.serve, "all printed")
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("close again: %v", err)
	}
}

func TestOpenSaysWhyItCannot(t *testing.T) {
	for role, want := range map[string]string{"fail": "exit status 7: port is taken", "end": "ended before it served"} {
		t.Run(role, func(t *testing.T) {
			_, err := Open(t.Context(), as(t, role), t.TempDir())
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want one line with %q", err, want)
			}
		})
	}
}

func TestOpenEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	interrupted := errors.New("interrupted")
	time.AfterFunc(50*time.Millisecond, func() { cancel(interrupted) })
	if _, err := Open(ctx, as(t, "silent"), t.TempDir()); !errors.Is(err, interrupted) {
		t.Errorf("got %v", err)
	}
}

// TestStopLeavesNothing: a program that ignores the request is killed with what it started.
func TestStopLeavesNothing(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGTERM to ignore")
	}
	p := as(t, "stubborn")
	c, err := launch(command{name: "stubborn", path: p.StartWorker, logs: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	waitForLog(t, c, "\n")
	if err := c.stop(10 * time.Millisecond); err == nil || !strings.Contains(err.Error(), "was killed") {
		t.Errorf("got %v", err)
	}
	var descendant int
	if _, err := fmt.Sscan(c.lastLine(), &descendant); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(30 * time.Second)
	for alive(descendant) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d is still there", descendant)
		}
		time.Sleep(time.Millisecond)
	}
}

// alive tells whether a process runs; one that has ended and waits for its new parent does not.
func alive(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil || p.Signal(syscall.Signal(0)) != nil {
		return false
	}
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || !strings.Contains(string(data), ") Z ")
}

// TestTail: the end of a log explains a machine, also one that has said nothing.
func TestTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	m := &Machine{runner: &child{log: path}}
	for _, c := range []struct {
		said, want string
		lines      int
	}{
		{"a\nb\nc\n", "b|c", 2}, {"a\nb", "a|b", 5}, {"", "", 3},
	} {
		if err := os.WriteFile(path, []byte(c.said), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(m.Tail(c.lines), "|"); got != c.want {
			t.Errorf("%d lines of %q: %q, want %q", c.lines, c.said, got, c.want)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if got := m.Tail(1); len(got) != 1 || got[0] != "its log cannot be read" {
		t.Errorf("of no log: %q", got)
	}
}

func waitForLog(t *testing.T, c *child, text string) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		data, err := os.ReadFile(c.log)
		if err == nil && strings.Contains(string(data), text) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s never said %q", c.name, text)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestFindIn(t *testing.T) {
	suffix := ""
	if runtime.GOOS == "windows" {
		suffix = ".exe"
	}
	put := func(dir, name string) string {
		path := filepath.Join(dir, name+suffix)
		if err := os.WriteFile(path, nil, 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	beside, onPath := t.TempDir(), t.TempDir()
	t.Setenv("PATH", onPath)
	local := put(beside, "taskcluster-local")
	put(onPath, "taskcluster-local")
	runner := put(onPath, "start-worker")

	if _, err := FindIn(beside); err == nil || err.Error() != "generic-worker is neither in "+beside+" nor on PATH" {
		t.Errorf("got %v", err)
	}
	worker := put(onPath, "generic-worker")
	got, err := FindIn(beside)
	if want := (Programs{local, runner, worker}); err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

func TestSecretsHaveTheServersForm(t *testing.T) {
	a, err := newSecret()
	if err != nil {
		t.Fatal(err)
	}
	b, err := newSecret()
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Reveal()) != 44 || strings.Trim(a.Reveal(), "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
		t.Errorf("%q is not 44 characters of a URL", a.Reveal())
	}
	if a == b {
		t.Error("twice the same secret")
	}
}

// TestHTTPFollowsRedirects: artifacts are answered with one.
func TestHTTPFollowsRedirects(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			http.Redirect(w, r, "/there", http.StatusSeeOther)
			return
		}
		_, _ = io.WriteString(w, "there")
	})}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	reply, err := HTTP().Get("http://" + listener.Addr().String() + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	if body, _ := io.ReadAll(reply.Body); string(body) != "there" {
		t.Errorf("got %q", body)
	}
}

// TestProviderFileOfAnyFolder reads the provider file as start-worker does: what looks like a
// template in the name of a folder is text.
func TestProviderFileOfAnyFolder(t *testing.T) {
	m := &Machine{Dir: filepath.Join(t.TempDir(), "${home} %{if} $${x}")}
	s := &Session{RootURL: "http://127.0.0.1:1"}
	var got struct {
		Provider struct {
			Type         string `hcl:"type,label"`
			RootURL      string `hcl:"root_url"`
			WorkerPoolID string `hcl:"worker_pool_id"`
			WorkerGroup  string `hcl:"worker_group"`
			WorkerID     string `hcl:"worker_id"`
			SecretFile   string `hcl:"secret_file"`
		} `hcl:"provider,block"`
	}
	text := s.provider(m, Spec{Pool: "p/w", Group: "g", ID: "m"})
	if err := hclsimple.Decode("provider.hcl", text, nil, &got); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	p := got.Provider
	if p.Type != "static" || p.RootURL != s.RootURL || p.WorkerPoolID != "p/w" || p.WorkerGroup != "g" || p.WorkerID != "m" ||
		p.SecretFile != m.path("secret") {
		t.Errorf("read %+v of\n%s", p, text)
	}
}
