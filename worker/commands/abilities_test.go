package commands

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/user"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/workerkit/workerkit/internal/proc"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/task"
)

// newBuilder is that of a run in a slot, which is discarded with the test.
func newBuilder(t *testing.T, c Config, slot int) *Builder {
	t.Helper()
	b, err := NewBuilder(&task.Run{Dir: t.TempDir(), Slot: slot, Logger: slog.New(slog.DiscardHandler)}, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Discard(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return b
}

// freePort is one that nobody has.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func TestProxyPorts(t *testing.T) {
	port := freePort(t)
	c := Config{Engine: "test", ProxyPort: uint16(port - 8)}
	b := newBuilder(t, c, 2)
	url, err := b.Proxy(t.Context(), "one", http.NotFoundHandler())
	if want := "http://127.0.0.1:" + strconv.Itoa(port); url != want || err != nil {
		t.Errorf("%q, %v; want %q", url, err, want)
	}
	further, err := b.Proxy(t.Context(), "two", http.NotFoundHandler())
	if further == url || err != nil {
		t.Errorf("the second one has %q, %v", further, err)
	}
	_, err = newBuilder(t, c, 2).Proxy(t.Context(), "one", http.NotFoundHandler())
	if err == nil || !strings.Contains(err.Error(), strconv.Itoa(port)) || !strings.Contains(err.Error(), "taskclusterProxyPort") || task.Resolve(err) != task.InternalError {
		t.Errorf("a port in use: %v", err)
	}
}

// mine is a tree that this process is of.
type mine struct{ Tree }

func (mine) Members() []int { return []int{os.Getpid()} }

// Nobody is answered before the commands start, nor after; close waits for what is being answered.
func TestProxyLife(t *testing.T) {
	trees := proc.New(slog.New(slog.DiscardHandler))
	tree, err := trees.Open(proc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	entered := make(chan struct{})
	left := false
	p, err := newProxy(t.Context(), 0, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
		left = true
	}), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	p.serve(guest{user: &proc.User{UID: uint32(os.Geteuid())}, tree: mine{own{tree}}})
	var asking sync.WaitGroup
	asking.Go(func() {
		if reply, err := http.Get(p.url()); err == nil { //nolint:noctx // a test
			_ = reply.Body.Close()
			t.Errorf("answered with %s", reply.Status)
		}
	})
	<-entered
	p.close()
	p.close()
	if !left {
		t.Error("closed while a request was being served")
	}
	asking.Wait()
}

func TestStrangersAreTold(t *testing.T) {
	trees := proc.New(slog.New(slog.DiscardHandler))
	tree, err := trees.Open(proc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	p, err := newProxy(t.Context(), 0, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the handler was called") }), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	if runtime.GOOS != "linux" && runtime.GOOS != "windows" {
		t.Skip("who makes a connection cannot be known on this system")
	}
	p.serve(guest{tree: own{tree}}) // of which this process is not
	for range 2 {
		reply, err := http.Get(p.url()) //nolint:noctx // a test
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(reply.Body)
		_ = reply.Body.Close()
		if reply.StatusCode != http.StatusForbidden || !strings.Contains(string(text), "one task only") || !reply.Close {
			t.Errorf("%s: %s", reply.Status, text)
		}
	}
}

func TestOwnGroups(t *testing.T) {
	self, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	own, err := user.LookupGroupId(self.Gid)
	if err != nil {
		t.Skipf("this user's group has no name: %v", err)
	}
	b := newBuilder(t, Config{Engine: "test"}, 0)
	if err := b.Join(t.Context(), []string{own.Name}); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"no-such-group", foreign(t)} {
		if name == "" {
			continue
		}
		if err := b.Join(t.Context(), []string{own.Name, name}); task.Resolve(err) != task.MalformedPayload || !strings.Contains(err.Error(), name) {
			t.Errorf("joined %s: %v", name, err)
		}
	}
}

// foreign is a group that this process is not in, "" where there is none.
func foreign(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"nogroup", "nobody", "Guests"} {
		if _, err := user.LookupGroup(name); err == nil && member([]string{name}) != nil {
			return name
		}
	}
	return ""
}

var _ engines.Builder = (*Builder)(nil)
