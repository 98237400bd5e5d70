package container

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/workerkit/workerkit/internal/docker"
	"github.com/workerkit/workerkit/internal/docker/dockertest"
	"github.com/workerkit/workerkit/internal/firewall"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/task"
)

// probe is the first argument of this program when it is to reach URLs.
const probe = "container-probe"

// reach prints what URLs give.
func reach(urls []string) {
	for _, url := range urls {
		said := "closed"
		if reply, err := (&http.Client{Timeout: 10 * time.Second}).Get(url); err == nil { //nolint:noctx // has its own time
			text, _ := io.ReadAll(reply.Body) // compared by the test
			said = string(text)
			_ = reply.Body.Close()
		}
		fmt.Print(said, " ")
	}
}

// metadata has an address of the clouds' services answer on this machine.
func metadata(t *testing.T, e dockertest.Engine) {
	const address = "169.254.169.254"
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("there is no ip: install iproute2")
	}
	if out, err := exec.CommandContext(t.Context(), "ip", "addr", "replace", address+"/32", "dev", "lo").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, port := range []string{"80", "8080"} {
		listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", net.JoinHostPort(address, port))
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "secret") })} //nolint:gosec // a test
		go func() { _ = server.Serve(listener) }()
		t.Cleanup(func() { _ = server.Close() })
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	image := dockertest.MakeImage(t, e, "workerkit.test/probe:latest", libraries(t))
	said := func(t *testing.T, engine *Engine) string {
		t.Helper()
		run := newRun(t, scripted("", map[string]any{"image": map[string]any{"name": image}, "command": []string{"/probe", probe, "http://" + address, "http://" + address + ":8080"}}))
		b := build(t, engine, run)
		if err := b.Mount(t.Context(), engines.Mount{Source: self, Target: "/probe", ReadOnly: true}); err != nil {
			t.Fatal(err)
		}
		finish(t, start(t, b))
		return strings.TrimSpace(output(t, run))
	}
	t.Run("open", func(t *testing.T) {
		if got := said(t, newEngine(t, e, nil)); got != "secret secret" {
			t.Errorf("a task got %q", got)
		}
	})
	t.Run("closed", func(t *testing.T) {
		if got := said(t, newEngine(t, e, func(c *Config) { c.Metadata = firewall.NewBridges(t.Name(), BridgePrefix) })); got != "closed secret" {
			t.Errorf("a task got %q", got)
		}
	})
	if got := said(t, newEngine(t, e, nil)); got != "secret secret" {
		t.Errorf("after the end of the worker a task got %q", got)
	}
}

// networks: no two runs have one at the same time, the next run has that of one before, and nobody has one
// that somebody else has removed, or is in.
func networks(t *testing.T, e dockertest.Engine) {
	engine := newEngine(t, e, nil)
	hold := func() *builder { return build(t, engine, newRun(t, scripted("true", nil))) }
	one, two := hold(), hold()
	first, second := one.net.id, two.net.id
	if first == second {
		t.Error("two runs have one network")
	}
	if err := two.Discard(t.Context()); err != nil {
		t.Error(err)
	}
	finish(t, start(t, one))
	if err := engine.config.Docker.RemoveNetwork(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	three := hold()
	if got := three.net.id; got == first || got == second {
		t.Error("a run has the network of another one, or one that is not there")
	}
	finish(t, start(t, three)).Dispose(t.Context()) //nolint:errcheck // again with the test
	engine.cleaning.Wait()
	four := hold()
	if four.net.id != three.net.id {
		t.Error("a network was not used again")
	}
	if err := four.Discard(t.Context()); err != nil {
		t.Error(err)
	}
}

// proxies: a run's proxy is at the configured port of its host name, wherever else on the machine that is
// in use, but where somebody has it at all addresses.
func proxies(t *testing.T, e dockertest.Engine) {
	engine := newEngine(t, e, func(c *Config) { c.ProxyPort = 80 })
	asks := func() (url, said string) {
		t.Helper()
		run := newRun(t, scripted(`wget -q -O - http://taskcluster/; wget -q -O - "$URL"`, nil))
		b := build(t, engine, run)
		url, err := b.Proxy(t.Context(), "taskcluster", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "served") }))
		if err == nil {
			err = b.Setenv("URL", url)
		}
		if err != nil {
			t.Fatal(err)
		}
		finish(t, start(t, b)).Dispose(t.Context()) //nolint:errcheck // again with the test
		return url, logged(t, run)
	}
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp4", "127.0.0.1:80")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if url, said := asks(); url != "http://taskcluster" || strings.Count(said, "served") != 2 {
			t.Errorf("%s: %s", url, said)
		}
	}
	_ = taken.Close()
	if taken, err = (&net.ListenConfig{}).Listen(t.Context(), "tcp4", "0.0.0.0:80"); err != nil {
		t.Fatal(err)
	}
	other := &http.Server{Handler: http.NotFoundHandler()} //nolint:gosec // a test
	go func() { _ = other.Serve(taken) }()
	defer other.Close()
	if url, said := asks(); url == "http://taskcluster" || strings.Count(said, "served") != 1 || !strings.Contains(said, "taskclusterProxyPort") {
		t.Errorf("with the port in use: %s: %s", url, said)
	}
}

// TestProxyThatCannotBe: what cannot be had is said before the task runs.
func TestProxyThatCannotBe(t *testing.T) {
	for name, d := range map[string]*docker.Engine{
		"rootless":  {Host: "unix:///run/docker.sock", Rootless: true},
		"elsewhere": {Host: "tcp://127.0.0.1:2375"},
		"no bridge": {Host: "unix:///run/docker.sock"},
	} {
		b := &builder{engine: &Engine{config: Config{Docker: d}}, net: &network{}}
		if _, err := b.Proxy(t.Context(), "taskcluster", nil); !errors.Is(err, engines.ErrNotSupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestEngineGone has the engine end while a task runs.
func TestEngineGone(t *testing.T) {
	if !dockertest.Inside(t) {
		return
	}
	dockertest.Each(t, func(t *testing.T, e dockertest.Engine) {
		dockertest.BusyboxImage(t, e)
		engine := New(Config{Docker: e.Engine, Images: &present{api: e.API}, Worker: "w", Logger: slog.New(slog.DiscardHandler)})
		b := build(t, engine, newRun(t, scripted("echo ready; sleep 1000", nil)))
		s := start(t, b)
		pid := sweep(t, e, b.id)
		known(s.(*sandbox))
		e.Stop()
		_, err := s.Wait(t.Context())
		if task.Resolve(err) != task.InternalError || !strings.Contains(err.Error(), "container engine of this worker has gone away") {
			t.Errorf("the task ended with %v", err)
		}
		engine.cleaning.Wait()
		for deadline := time.Now().Add(10 * time.Second); syscall.Kill(pid, 0) == nil; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the task's command goes on")
			}
		}
		if err := engine.Open(t.Context()); !docker.Gone(err) {
			t.Errorf("opened: %v", err)
		}
		if _, err := engine.NewBuilder(t.Context(), newRun(t, scripted("", nil))); err == nil {
			t.Error("began another run")
		}
		if n := len(engine.left); n != 2 {
			t.Errorf("%d things are known that are left, want the container and the network", n)
		}
	})
}

// TestEngineHangs ends tasks though the engine does not answer for a while; what they had is removed when it does.
func TestEngineHangs(t *testing.T) {
	if !dockertest.Inside(t) {
		return
	}
	dockertest.Each(t, func(t *testing.T, e dockertest.Engine) {
		dockertest.BusyboxImage(t, e)
		engine := newEngine(t, e, nil)
		s := start(t, build(t, engine, newRun(t, scripted("trap '' TERM; while :; do sleep 0.1; done", nil))))
		own := s.(*sandbox)
		found, err := e.API.ContainerInspect(t.Context(), own.id, client.ContainerInspectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		known(own)
		thaw := e.Freeze(t)
		ctx, done := context.WithTimeout(t.Context(), 2*time.Second)
		defer done()
		if err := s.Kill(ctx, 500*time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Kill: %v", err)
		}
		for deadline := time.Now().Add(10 * time.Second); running(found.Container.State.Pid); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the task's command goes on")
			}
		}
		thaw()
		<-own.done
		engine.cleaning.Wait()
		if left := things(t, e); strings.Contains(left, "workerkit-UO") {
			t.Errorf("left in the engine: %s", left)
		}
	})
}

// known waits until the container's processes can be ended without its engine.
func known(s *sandbox) {
	for metered := false; !metered; time.Sleep(5 * time.Millisecond) {
		s.mu.Lock()
		metered = s.meter != nil
		s.mu.Unlock()
	}
}

// running tells whether a process has not ended, whoever may not have taken note of that.
func running(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

// TestStartCancelled: nothing of a run goes on when Start has failed, at whatever time it was cancelled.
func TestStartCancelled(t *testing.T) {
	if !dockertest.Inside(t) {
		return
	}
	dockertest.Each(t, func(t *testing.T, e dockertest.Engine) {
		dockertest.BusyboxImage(t, e)
		engine := newEngine(t, e, nil)
		cancelled := 0
		for wait := time.Duration(0); wait < 400*time.Millisecond; wait += 20 * time.Millisecond {
			b := build(t, engine, newRun(t, scripted("sleep 1000", nil)))
			ctx, cancel := context.WithCancel(t.Context())
			timer := time.AfterFunc(wait, cancel)
			s, err := b.Start(ctx)
			timer.Stop()
			cancel()
			if err == nil {
				_ = s.Kill(t.Context(), 0)        // it is waited for
				finish(t, s).Dispose(t.Context()) //nolint:errcheck // again with the test
				continue
			}
			cancelled++
			found, listErr := e.API.ContainerList(t.Context(), client.ContainerListOptions{All: true, Filters: make(client.Filters).Add("name", b.name)})
			if listErr != nil || len(found.Items) > 0 {
				t.Errorf("cancelled after %s, which ended with %v: %+v, %v", wait, err, found.Items, listErr)
			}
		}
		if cancelled == 0 {
			t.Error("nothing was cancelled")
		}
	})
}

// TestEngineRests has the engine leave the processors to a task that runs and prints nothing.
func TestEngineRests(t *testing.T) {
	if !dockertest.Inside(t) {
		return
	}
	dockertest.Each(t, func(t *testing.T, e dockertest.Engine) {
		dockertest.BusyboxImage(t, e)
		engine := newEngine(t, e, nil)
		s := start(t, build(t, engine, newRun(t, scripted("echo ready; exec sleep 1000", nil))))
		time.Sleep(time.Second) // what comes after the start
		const while = 3 * time.Second
		before := e.Work(t)
		time.Sleep(while)
		if took := e.Work(t) - before; took > while/4 {
			t.Errorf("it was busy for %s of %s", took, while)
		}
		if err := s.Kill(t.Context(), 0); err != nil {
			t.Error(err)
		}
		finish(t, s).Dispose(t.Context()) //nolint:errcheck // again with the test
	})
}

// TestEngineRestarted has the engine end in its own way while tasks run, and come back. Docker ends the
// containers then: whatever their commands make of it is not theirs.
func TestEngineRestarted(t *testing.T) {
	if !dockertest.Inside(t) {
		return
	}
	dockertest.Each(t, func(t *testing.T, e dockertest.Engine) {
		dockertest.BusyboxImage(t, e)
		engine := newEngine(t, e, nil)
		var all []engines.Sandbox
		for _, script := range []string{"echo ready; exec sleep 1000", "trap 'exit 0' TERM; echo ready; while :; do sleep 0.1; done"} {
			all = append(all, start(t, build(t, engine, newRun(t, scripted(script, nil)))))
		}
		e.Restart(t)
		for i, s := range all {
			_, err := s.Wait(t.Context())
			if task.Resolve(err) != task.InternalError || !strings.Contains(err.Error(), "Let the worker finish its tasks before") {
				t.Errorf("task %d ended with %v", i, err)
			}
		}
		run, r := do(t, engine, "echo again", nil)
		if got := output(t, run); !r.Status().Success || got != "again\r\n" {
			t.Errorf("after the restart: %+v, %q", r.Status(), got)
		}
	})
}

// sweep has what a container has on the machine go with the test, when its engine is no more. It returns
// the number of its first process.
func sweep(t *testing.T, e dockertest.Engine, id string) (pid int) {
	t.Helper()
	found, err := e.API.ContainerInspect(t.Context(), id, client.ContainerInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(found.Container.State.Pid, syscall.SIGKILL) // may have ended
		for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
			groups, _ := filepath.Glob("/sys/fs/cgroup/*/*/*" + id + "*") // the pattern is right
			for _, dir := range groups {
				_ = os.Remove(dir) // when it is empty
			}
			if len(groups) == 0 {
				return
			}
		}
	})
	return found.Container.State.Pid
}
