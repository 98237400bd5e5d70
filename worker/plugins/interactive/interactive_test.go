package interactive_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"github.com/workerkit/workerkit/internal/expose"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/plugins/interactive"
	"github.com/workerkit/workerkit/worker/plugins/plugintest"
	"github.com/workerkit/workerkit/worker/task"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	asked   = `{"maxRunTime": 600, "features": {"interactive": true}}`
	patient = 20 * time.Second // for what takes milliseconds
)

func newPlugin(change ...func(*interactive.Config)) *interactive.Plugin {
	c := interactive.Config{
		RootURL: "https://tc.example.com/", Now: time.Now,
		Exposer: func(int) expose.Exposer { return expose.Local{Logger: slog.New(slog.DiscardHandler)} },
	}
	for _, f := range change {
		f(&c)
	}
	return interactive.New(c)
}

func TestConforms(t *testing.T) {
	plugintest.Conform(t, plugintest.Case{
		New:     func(*testing.T, *plugintest.Store) plugins.Plugin { return newPlugin() },
		Payload: asked,
	})
}

// sandbox has shells that answer what they are told, in capitals.
type sandbox struct {
	engines.Sandbox
	fail error

	mu     sync.Mutex
	shells []*shell
}

func (s *sandbox) Shell(_ context.Context, command []string, terminal bool) (engines.Shell, error) {
	if len(command) > 0 || !terminal {
		return nil, fmt.Errorf("asked for %q, terminal %v", command, terminal)
	}
	if s.fail != nil {
		return nil, s.fail
	}
	out, in := io.Pipe()
	sh := &shell{Reader: out, in: in, closed: make(chan struct{}), sizes: make(chan string, 10)}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shells = append(s.shells, sh)
	return sh, nil
}

// count is how many shells are open.
func (s *sandbox) count() (open int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sh := range s.shells {
		select {
		case <-sh.closed:
		default:
			open++
		}
	}
	return open
}

type shell struct {
	io.Reader
	in     *io.PipeWriter
	once   sync.Once
	closed chan struct{}
	sizes  chan string
}

func (s *shell) Write(p []byte) (int, error) {
	switch string(p) {
	case "exit":
		return len(p), s.in.Close()
	case "flood": // without an end
		go func() {
			for {
				if _, err := s.in.Write(bytes.Repeat([]byte("x"), 64<<10)); err != nil {
					return
				}
			}
		}()
		return len(p), nil
	}
	_, err := s.in.Write(bytes.ToUpper(p))
	return len(p), err
}

func (s *shell) Resize(columns, rows uint16) error {
	s.sizes <- fmt.Sprintf("%dx%d", columns, rows)
	return nil
}

func (*shell) Wait(context.Context) (int, error) { return 3, nil }

func (s *shell) Close() error {
	s.once.Do(func() {
		time.Sleep(20 * time.Millisecond) // whoever says that it has ended must have waited for this
		close(s.closed)
	})
	return s.in.Close()
}

// started is a run whose commands run.
type started struct {
	*plugintest.Run
	sandbox *sandbox
	hooks   plugins.Hooks
	address string // http, with the secret
}

func start(t *testing.T, p *interactive.Plugin) *started {
	t.Helper()
	run := plugintest.NewRun(t, asked)
	h, err := p.New(run.Run)
	if err != nil {
		t.Fatal(err)
	}
	s := &started{Run: run, sandbox: &sandbox{}, hooks: h}
	if err := h.(plugins.Starter).Started(t.Context(), s.sandbox); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.(plugins.Closer).Close(context.Background()) })
	until(t, "the artifacts", func() bool { return len(run.Queue.Calls()) == 2 })
	s.address, _, _ = strings.Cut(run.Queue.Calls()[1].URL, "/?")
	return s
}

func (s *started) stop(t *testing.T) {
	t.Helper()
	if err := s.hooks.(plugins.Stopper).Stopped(t.Context(), nil); err != nil {
		t.Error(err)
	}
}

func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(patient); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited for %s in vain", what)
		}
	}
}

// dial opens a shell as a page of another site does.
func (s *started) dial(t *testing.T) *websocket.Conn {
	t.Helper()
	conn, reply, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(s.address, "http"), http.Header{"Origin": {"https://tc.example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	reply.Body.Close()
	t.Cleanup(func() { conn.Close() })
	return conn
}

func say(t *testing.T, conn *websocket.Conn, message string) {
	t.Helper()
	if err := conn.WriteMessage(websocket.BinaryMessage, []byte(message)); err != nil {
		t.Fatal(err)
	}
}

func hear(t *testing.T, conn *websocket.Conn, want string) {
	t.Helper()
	kind, got, err := conn.ReadMessage()
	if err != nil || kind != websocket.BinaryMessage || string(got) != want {
		t.Errorf("heard %q (kind %d), %v; want %q", got, kind, err, want)
	}
}

// farewell is how the worker ends a connection.
func farewell(t *testing.T, conn *websocket.Conn) *websocket.CloseError {
	t.Helper()
	for {
		_, _, err := conn.ReadMessage()
		if err == nil {
			continue
		}
		end, ok := errors.AsType[*websocket.CloseError](err)
		if !ok {
			t.Fatalf("ended with %v", err)
		}
		return end
	}
}

func TestShellsOfManyAtOnce(t *testing.T) {
	s := start(t, newPlugin())
	one, two := s.dial(t), s.dial(t)
	say(t, one, "\x01first")
	hear(t, one, "FIRST")
	say(t, two, "\x01second")
	hear(t, two, "SECOND")
	say(t, one, "\x02\x18\x00\x2c\x01") // 24 rows, 300 columns
	for _, nothing := range []string{"", "\x02\x18", "\x02\x18\x00\x2c\x01\x00", "\x03what"} {
		say(t, one, nothing)
	}
	if err := one.WriteMessage(websocket.TextMessage, []byte("\x01text")); err != nil {
		t.Error(err)
	}
	say(t, one, "\x01again")
	hear(t, one, "AGAIN")
	sizes := 0
	for _, sh := range s.sandbox.shells {
		for len(sh.sizes) > 0 {
			if sizes++; <-sh.sizes != "300x24" {
				t.Error("another size")
			}
		}
	}
	if sizes != 1 || s.sandbox.count() != 2 {
		t.Errorf("%d sizes, %d shells", sizes, s.sandbox.count())
	}
	one.Close()
	until(t, "the end of a shell whose browser has gone", func() bool { return s.sandbox.count() == 1 })
	s.stop(t)
	if s.sandbox.count() != 0 {
		t.Error("a shell is left")
	}
	if end := farewell(t, two); end.Code != websocket.CloseGoingAway || end.Text != "The task has ended" {
		t.Errorf("the other one: %v", end)
	}
}

func TestShellThatEnds(t *testing.T) {
	s := start(t, newPlugin())
	conn := s.dial(t)
	say(t, conn, "\x01last words")
	say(t, conn, "\x01exit")
	hear(t, conn, "LAST WORDS")
	if end := farewell(t, conn); end.Code != websocket.CloseNormalClosure || end.Text != "The shell has ended with exit code 3" {
		t.Error(end)
	}
	until(t, "its end", func() bool { return s.sandbox.count() == 0 })
	say(t, s.dial(t), "\x01the next one")
}

// TestBrowserThatTakesNothing holds its own shell up, and neither another nor the end of the task.
func TestBrowserThatTakesNothing(t *testing.T) {
	s := start(t, newPlugin())
	stuck, well := s.dial(t), s.dial(t)
	say(t, stuck, "\x01flood")
	time.Sleep(50 * time.Millisecond) // for the sockets to fill
	say(t, well, "\x01hello")
	hear(t, well, "HELLO")
	begin := time.Now()
	s.stop(t)
	if took := time.Since(begin); took > 30*time.Second {
		t.Errorf("the end took %v", took)
	}
	if s.sandbox.count() != 0 {
		t.Error("a shell is left")
	}
}

func TestMessageThatIsTooLong(t *testing.T) {
	s := start(t, newPlugin())
	conn := s.dial(t)
	say(t, conn, strings.Repeat("\x01", 1<<20+1))
	if end := farewell(t, conn); end.Code != websocket.CloseMessageTooBig {
		t.Error(end)
	}
}

func TestOnlyTheSecretLetsIn(t *testing.T) {
	s, other := start(t, newPlugin()), start(t, newPlugin())
	base, secret, _ := strings.Cut(s.address, "/shell/")
	if len(secret) < 22 || strings.HasSuffix(other.address, secret) {
		t.Errorf("addresses %s and %s", s.address, other.address)
	}
	_, theirs, _ := strings.Cut(other.address, "/shell/")
	for path, want := range map[string]int{
		"/": 404, "/shell": 404, "/shell/": 401, "/shell//": 401, "/shell/" + secret[1:]: 401, "/shell/" + secret + "x": 401,
		"/shell/" + theirs: 401, "/shell/" + theirs + "/": 401, "/shell/" + secret + "/": 200, "/shell/" + secret: 400, // no websocket
	} {
		if reply := get(t, http.MethodGet, base+path); reply.StatusCode != want {
			t.Errorf("%s: %s, want %d", path, reply.Status, want)
		}
		if want != 401 {
			continue
		}
		conn, reply, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(base, "http")+path, nil)
		if err == nil {
			conn.Close()
			t.Errorf("%s lets in", path)
		}
		reply.Body.Close()
	}
	s.stop(t)
	if _, _, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(s.address, "http"), nil); err == nil {
		t.Error("after the task a shell can be opened")
	}
}

func get(t *testing.T, method, url string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reply.Body.Close() })
	return reply
}

// TestArtifactsLeadToTheShells and expire after the task would, but not later than it does.
func TestArtifactsLeadToTheShells(t *testing.T) {
	now := time.Now()
	s := start(t, newPlugin(func(c *interactive.Config) { c.Now = func() time.Time { return now } }))
	calls := s.Queue.Calls()
	theirs, err := url.Parse(calls[0].URL)
	if err != nil {
		t.Fatal(err)
	}
	want := url.Values{"v": {"2"}, "socketUrl": {"ws" + strings.TrimPrefix(s.address, "http")}, "taskId": {s.TaskID}, "runId": {"0"}}
	if !strings.HasPrefix(calls[0].URL, "https://tc.example.com/shell/?v=2&") && theirs.Path != "/shell/" || theirs.Query().Encode() != want.Encode() {
		t.Errorf("the deployment's page is %s", theirs.Path)
	}
	if !strings.HasSuffix(calls[1].URL, "/?runId=0&taskId="+s.TaskID) {
		t.Error("the worker's own page does not know the task")
	}
	names := []string{calls[0].Name, calls[1].Name}
	if !slices.Equal(names, []string{"private/generic-worker/shell.html", "private/generic-worker/terminal.html"}) {
		t.Errorf("artifacts %q", names)
	}
	for _, c := range calls {
		if c.StorageType != "reference" || c.ContentType != "text/html; charset=utf-8" || !c.Expires.Equal(now.Add(1500*time.Second)) {
			t.Errorf("%s: %s, %s, expires %v", c.Name, c.StorageType, c.ContentType, c.Expires)
		}
	}
}

func TestPage(t *testing.T) {
	s := start(t, newPlugin())
	for name, kind := range map[string]string{
		"": "text/html", "?taskId=x": "text/html", "terminal.js": "text/javascript", "terminal.css": "text/css",
		"vendor/xterm.mjs": "text/javascript", "vendor/addon-fit.mjs": "text/javascript", "vendor/xterm.css": "text/css", "vendor/LICENSE": "text/plain",
	} {
		reply := get(t, http.MethodGet, s.address+"/"+name)
		if reply.StatusCode != http.StatusOK || !strings.HasPrefix(reply.Header.Get("Content-Type"), kind+";") {
			t.Errorf("%s: %s, %s", name, reply.Status, reply.Header.Get("Content-Type"))
		}
		policy := reply.Header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "http") || reply.Header.Get("Referrer-Policy") != "no-referrer" || reply.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: headers %v", name, reply.Header)
		}
	}
	for _, name := range []string{"gone", "../page.go", "vendor", "vendor/"} {
		if reply := get(t, http.MethodGet, s.address+"/"+name); reply.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", name, reply.Status)
		}
	}
	if reply := get(t, http.MethodPost, s.address+"/"); reply.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %s", reply.Status)
	}
}

type broken struct{}

func (broken) Expose(context.Context, http.Handler) (expose.Exposure, error) {
	return nil, errors.New("the port is taken")
}

// TestTroubleIsOnlyInTheWorkersLog: no task fails because nobody can look into it.
func TestTroubleIsOnlyInTheWorkersLog(t *testing.T) {
	run := plugintest.NewRun(t, asked)
	h, err := newPlugin(func(c *interactive.Config) { c.Exposer = func(int) expose.Exposer { return broken{} } }).New(run.Run)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.(plugins.Starter).Started(t.Context(), &sandbox{}); err != nil {
		t.Error(err)
	}
	until(t, "a warning", func() bool { return strings.Contains(run.WorkerLog.String(), "the port is taken") })
	if err := h.(plugins.Stopper).Stopped(t.Context(), nil); err != nil {
		t.Error(err)
	}

	s := start(t, newPlugin())
	s.sandbox.fail = errors.New("no terminal is left")
	if end := farewell(t, s.dial(t)); end.Code != websocket.CloseInternalServerErr || !strings.Contains(end.Text, "worker's log") {
		t.Error(end)
	}
	s.sandbox.fail = nil
	s.dial(t)
	s.stop(t)
	log := s.WorkerLog.String()
	_, secret, _ := strings.Cut(s.address, "/shell/")
	if !strings.Contains(log, "no terminal is left") || strings.Contains(log, secret) || run.TaskLog(t)+s.TaskLog(t) != "" {
		t.Errorf("worker log %q", log)
	}
}

func TestQueueThatRefusesTheArtifacts(t *testing.T) {
	run := plugintest.NewRun(t, asked)
	run.Queue.Fail("private/generic-worker/shell.html", plugintest.Refusal(403))
	h, err := newPlugin().New(run.Run)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.(plugins.Starter).Started(t.Context(), &sandbox{}); err != nil {
		t.Fatal(err)
	}
	until(t, "a warning and the other artifact", func() bool {
		return strings.Contains(run.WorkerLog.String(), "WARN") && len(run.Queue.Calls()) == 2
	})
	if err := h.(plugins.Stopper).Stopped(t.Context(), nil); err != nil {
		t.Error(err)
	}
	if log := run.WorkerLog.String(); strings.Contains(log, "socketUrl") || strings.Count(log, "WARN") != 1 {
		t.Errorf("worker log %q", log)
	}
}

func TestEngineWithoutShells(t *testing.T) {
	h, err := newPlugin().New(plugintest.NewRun(t, asked).Run)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.(plugins.Starter).Started(t.Context(), struct{ engines.Sandbox }{}); !errors.Is(err, engines.ErrNotSupported) || !strings.Contains(err.Error(), "interactive") {
		t.Errorf("%v", err)
	}
}

func TestDisabledRefusesOnlyTheTaskThatAsks(t *testing.T) {
	p := newPlugin(func(c *interactive.Config) { c.Disabled = true })
	for _, payload := range []string{``, `{}`, `{"features": {"interactive": false}}`} {
		if h, err := p.New(plugintest.NewRun(t, payload).Run); h != nil || err != nil {
			t.Errorf("%s: %v, %v", payload, h, err)
		}
	}
	_, err := p.New(plugintest.NewRun(t, asked).Run)
	if task.Resolve(err) != task.MalformedPayload || !strings.Contains(err.Error(), "provisioner/pool") {
		t.Errorf("asked for: %v", err)
	}
}

// TestEachSlotHasItsPort: the exposer is asked for by slot.
func TestEachSlotHasItsPort(t *testing.T) {
	asked := make(chan int, 1)
	p := newPlugin(func(c *interactive.Config) {
		c.Exposer = func(slot int) expose.Exposer { asked <- slot; return broken{} }
	})
	run := plugintest.NewRun(t, `{"features": {"interactive": true}}`)
	run.Slot = 7
	h, err := p.New(run.Run)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.(plugins.Starter).Started(t.Context(), &sandbox{}); err != nil {
		t.Fatal(err)
	}
	if slot := <-asked; slot != 7 {
		t.Errorf("slot %d", slot)
	}
	if err := h.(plugins.Closer).Close(t.Context()); err != nil {
		t.Error(err)
	}
}
