//go:build unix

package host_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/workerkit/workerkit/local/clouds"
	"github.com/workerkit/workerkit/local/clouds/host"
)

// cloud is a cloud whose metadata service says what its record is.
type cloud struct{}

func (cloud) Type() string                                          { return "aws" }
func (cloud) ValidateConfig(json.RawMessage) error                  { return nil }
func (cloud) Launch(clouds.Order) (clouds.Machine, error)           { return clouds.Machine{}, nil }
func (cloud) Verify(json.RawMessage, string, json.RawMessage) error { return nil }
func (cloud) Provider(endpoint string) map[string]any               { return map[string]any{"endpoint": endpoint} }
func (cloud) Serve(r json.RawMessage, s clouds.Settings) (clouds.Service, error) {
	if string(r) == "bad" {
		return nil, errors.New("a bad record")
	}
	return &service{record: r, settings: s}, nil
}

type service struct {
	record   []byte
	settings clouds.Settings

	mu     sync.Mutex
	notice string
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.URL.Path {
	case "/notice":
		_, _ = io.WriteString(w, s.notice)
	case "/time":
		_, _ = io.WriteString(w, s.settings.Clock().UTC().Format(time.RFC3339))
	default:
		_, _ = w.Write(s.record)
	}
}

func (s *service) Notify(n clouds.Notice) error {
	if n.Kind != "spot" {
		return errors.New("known is spot")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notice = n.Kind
	return nil
}

// clock is the time on the test's machines.
func clock() time.Time { return time.Date(2026, 11, 22, 7, 0, 0, 0, time.UTC) }

// newHost makes a host whose start-worker is this test's binary in some mode.
func newHost(t *testing.T, mode string, change ...func(*host.Options)) *host.Host {
	t.Helper()
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	o := host.Options{
		StartWorker: own, GenericWorker: own, Dir: filepath.Join(t.TempDir(), "machines"),
		Env: []string{modeVariable + "=" + mode}, Clock: clock,
	}
	for _, c := range change {
		c(&o)
	}
	h, err := host.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func key(id string) clouds.Key {
	return clouds.Key{WorkerPoolID: "demo/pool", WorkerGroup: "us-east-1", WorkerID: id}
}

func boot(t *testing.T, h *host.Host, id string) host.Info {
	t.Helper()
	if err := h.Boot(t.Context(), key(id), cloud{}, []byte("record of "+id)); err != nil {
		t.Fatal(err)
	}
	return info(t, h, id)
}

func info(t *testing.T, h *host.Host, id string) host.Info {
	t.Helper()
	list := h.Machines()
	i := slices.IndexFunc(list, func(m host.Info) bool { return m.WorkerID == id })
	if i < 0 {
		t.Fatalf("no machine %s among %+v", id, list)
	}
	return list[i]
}

// eventually waits until ok holds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestMachineIsTakenAway(t *testing.T) {
	t.Setenv("TASKCLUSTER_ROOT_URL", "http://must.not.leak")
	var mu sync.Mutex
	var lines []string
	h := newHost(t, "has a child", func(o *host.Options) {
		o.Env = append(o.Env, "HOST_TEST_EXTRA=more")
		o.Output = func(k clouds.Key, line string) {
			mu.Lock()
			defer mu.Unlock()
			lines = append(lines, k.WorkerID+" "+line)
		}
	})
	m := boot(t, h, "one")
	if !h.Exists(key("one")) || h.Exists(key("two")) {
		t.Error("Exists is wrong at first")
	}
	child := 0
	eventually(t, "its child runs", func() bool {
		text, err := os.ReadFile(filepath.Join(m.Folder, "child"))
		child, _ = strconv.Atoi(string(text))
		return err == nil
	})
	if now := info(t, h, "one"); now.State != host.Running || now.PID == 0 || now.Boots != 1 || now.Cloud != "aws" || now.Machine != key("one").String() {
		t.Errorf("running: %+v", now)
	}
	want := []string{"one started with " + filepath.Join(m.Folder, "runner.yml"), "one root URL:  extra: more"}
	eventually(t, "its output comes", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(lines) == 2
	})
	if !slices.Equal(lines, want) {
		t.Errorf("output %q, want %q", lines, want)
	}
	if log, err := os.ReadFile(m.Log); err != nil || strings.Count(string(log), "\n") != 2 {
		t.Errorf("log: %q, %v", log, err)
	}
	h.Delete(key("one"))
	h.Delete(key("none")) // no error
	eventually(t, "it is gone", func() bool { return !h.Exists(key("one")) })
	if err := syscall.Kill(child, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("its child: %v, want none", err)
	}
	if _, err := os.Stat(m.Folder); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its folder: %v, want none", err)
	}
}

func TestPower(t *testing.T) {
	t.Run("off", func(t *testing.T) {
		h := newHost(t, "switches off")
		boot(t, h, "one")
		eventually(t, "it is gone", func() bool { return !h.Exists(key("one")) })
	})
	t.Run("off, but a program does not end", func(t *testing.T) {
		h := newHost(t, "lingers")
		h.SetGrace(50 * time.Millisecond)
		boot(t, h, "one")
		eventually(t, "it is gone", func() bool { return !h.Exists(key("one")) })
	})
	t.Run("reboot", func(t *testing.T) {
		h := newHost(t, "reboots")
		before := boot(t, h, "one")
		eventually(t, "it has rebooted", func() bool { return info(t, h, "one").Boots == 2 })
		after := info(t, h, "one")
		if after.State != host.Running || after.Folder != before.Folder || after.Endpoint != before.Endpoint || after.Exit != "exit status 0" {
			t.Errorf("after the reboot: %+v, before: %+v", after, before)
		}
	})
	t.Run("neither", func(t *testing.T) {
		h := newHost(t, "exits")
		m := boot(t, h, "one")
		eventually(t, "its program ends", func() bool { return info(t, h, "one").State == host.Idle })
		if now := info(t, h, "one"); now.Exit != "exit status 7" || now.PID != 0 || !h.Exists(key("one")) {
			t.Errorf("then: %+v", now)
		}
		if _, body := get(t, m.Endpoint); body != "record of one" {
			t.Errorf("its metadata service says %q", body)
		}
	})
}

func TestPowerOf(t *testing.T) {
	for _, c := range []struct{ call, want string }{
		{"shutdown -h now", "off"}, {"shutdown now", "off"}, {"poweroff", "off"}, {"halt -p", "off"},
		{"shutdown -r now", "reboots"}, {"reboot", "reboots"}, {"shutdown -c", "none"},
	} {
		words := strings.Fields(c.call)
		if got := host.PowerOf(words[0], words[1:]...); got != c.want {
			t.Errorf("%s: %s, want %s", c.call, got, c.want)
		}
	}
}

func TestFolder(t *testing.T) {
	h := newHost(t, "waits", func(o *host.Options) {
		o.Runner = map[string]any{"policy": map[string]any{"hold": "1s"}, "workerConfig": map[string]any{"idleTimeoutSecs": 5}, "getSecrets": false}
	})
	m := boot(t, h, "one")
	var runner struct {
		Provider          map[string]string
		Worker            map[string]any
		WorkerConfig      map[string]any
		Policy            map[string]string
		CacheOverRestarts string
		ControlSocket     string
		GetSecrets        bool
	}
	path := filepath.Join(m.Folder, "runner.yml")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	runner.GetSecrets = true
	if err := json.Unmarshal(data, &runner); err != nil {
		t.Fatal(err)
	}
	if runner.Provider["endpoint"] != m.Endpoint || runner.Worker["implementation"] != "generic-worker" || runner.GetSecrets ||
		runner.Policy["hold"] != "1s" || runner.Policy["holdFile"] != m.HoldFile || runner.ControlSocket != m.ControlSocket ||
		runner.WorkerConfig["idleTimeoutSecs"] != 5.0 || runner.WorkerConfig["tasksDir"] != filepath.Join(m.Folder, "tasks") {
		t.Errorf("runner config: %s", data)
	}
	if len(m.ControlSocket) > 103 || runner.CacheOverRestarts != filepath.Join(m.Folder, "state.json") {
		t.Errorf("socket %s, state %s", m.ControlSocket, runner.CacheOverRestarts)
	}
	for file, mode := range map[string]os.FileMode{path: 0o600, m.Folder: 0o700, filepath.Join(m.Folder, "ed25519.key"): 0o600} {
		if i, err := os.Stat(file); err != nil || i.Mode().Perm() != mode {
			t.Errorf("%s: %v %v, want %v", file, i.Mode(), err, mode)
		}
	}
}

func TestLongFolder(t *testing.T) {
	h := newHost(t, "waits", func(o *host.Options) { o.Dir = filepath.Join(o.Dir, strings.Repeat("long/", 20)) })
	m := boot(t, h, "one")
	if len(m.ControlSocket) > 103 || strings.HasPrefix(m.ControlSocket, m.Folder) {
		t.Errorf("control socket %s", m.ControlSocket)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Dir(m.ControlSocket)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder of its socket: %v, want none", err)
	}
}

func TestCommands(t *testing.T) {
	h := newHost(t, "waits")
	one := boot(t, h, "i-one")
	boot(t, h, "i-two")
	boot(t, h, "i-other-two")
	for name, want := range map[string]string{"one": "i-one", "i-two": "i-two", key("i-one").String(): "i-one"} {
		if k, err := h.Find(name); err != nil || k != key(want) {
			t.Errorf("Find(%q): %v, %v", name, k, err)
		}
	}
	for _, name := range []string{"", "three", "two", "i-"} {
		if k, err := h.Find(name); !errors.Is(err, host.ErrNoMachine) {
			t.Errorf("Find(%q): %v, %v", name, k, err)
		}
	}
	if err := h.Notify(key("i-one"), clouds.Notice{Kind: "spot"}); err != nil {
		t.Error(err)
	}
	if _, body := get(t, one.Endpoint+"/notice"); body != "spot" {
		t.Errorf("the notice is %q", body)
	}
	if err := h.AddFault(key("i-one"), clouds.Fault{Kind: "503", Path: "/notice"}); err != nil {
		t.Error(err)
	}
	if status, _ := get(t, one.Endpoint+"/notice"); status != http.StatusServiceUnavailable {
		t.Errorf("with a fault: %d", status)
	}
	if err := h.AddFault(key("i-one"), clouds.Fault{Kind: "clock", Delay: time.Hour}); err != nil {
		t.Error(err)
	}
	if _, body := get(t, one.Endpoint+"/time"); body != "2026-11-22T08:00:00Z" {
		t.Errorf("its clock says %s", body)
	}
	if err := h.ClearFaults(key("i-one")); err != nil {
		t.Error(err)
	}
	if status, _ := get(t, one.Endpoint+"/notice"); status != http.StatusOK {
		t.Errorf("without: %d", status)
	}
	bad := h.Notify(key("i-one"), clouds.Notice{Kind: "gone"})
	fault := h.AddFault(key("i-one"), clouds.Fault{Kind: "418"})
	missing := h.ClearFaults(key("none"))
	if bad == nil || fault == nil || !errors.Is(missing, host.ErrNoMachine) {
		t.Errorf("bad commands: %v, %v, %v", bad, fault, missing)
	}
}

func TestBadBoots(t *testing.T) {
	h := newHost(t, "waits")
	m := boot(t, h, "one")
	if err := h.Boot(t.Context(), key("one"), cloud{}, nil); err == nil {
		t.Error("booted twice")
	}
	if _, err := os.Stat(filepath.Join(m.Folder, "runner.yml")); err != nil {
		t.Errorf("the folder of the first: %v", err)
	}
	if err := h.Boot(t.Context(), key("two"), cloud{}, []byte("bad")); err == nil || h.Exists(key("two")) {
		t.Errorf("a bad record: %v", err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if err := h.Boot(context.Background(), key("three"), cloud{}, nil); !errors.Is(err, host.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if h.Exists(key("one")) {
		t.Error("a machine is left after Close")
	}
}

func TestNew(t *testing.T) {
	dir := t.TempDir()
	if _, err := host.New(t.Context(), host.Options{StartWorker: filepath.Join(dir, "none"), GenericWorker: "sh", Dir: dir}); err == nil {
		t.Error("a program that does not exist is taken")
	}
	for path, content := range map[string]string{"old/runner.yml": "{}", "mine/notes": "x"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, path), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h := newHost(t, "waits", func(o *host.Options) { o.Dir = dir })
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || !slices.Equal(left, []string{filepath.Join(dir, "mine")}) {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestKeep(t *testing.T) {
	h := newHost(t, "switches off", func(o *host.Options) { o.Keep = true })
	m := boot(t, h, "one")
	eventually(t, "it is gone", func() bool { return !h.Exists(key("one")) })
	power, err := os.ReadFile(filepath.Join(m.Folder, "power"))
	if err != nil || string(power) != "shutdown -h now\n" {
		t.Errorf("what it called: %q, %v", power, err)
	}
}

func TestMerge(t *testing.T) {
	base := map[string]any{"a": map[string]any{"x": 1, "y": 2}, "b": []int{1}}
	got := host.Merge(base, map[string]any{"a": map[string]any{"y": 3}, "b": []int{2}, "c": 4})
	a := got["a"].(map[string]any)
	if a["x"] != 1 || a["y"] != 3 || got["c"] != 4 || got["b"].([]int)[0] != 2 || base["a"].(map[string]any)["y"] != 2 {
		t.Errorf("merged %v, base %v", got, base)
	}
}
