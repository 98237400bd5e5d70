package livelog_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/workerkit/workerkit/internal/expose"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/plugins/livelog"
	"github.com/workerkit/workerkit/worker/plugins/plugintest"
	"github.com/workerkit/workerkit/worker/task"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	reference = "createArtifact reference public/logs/live.log"
	link      = "createArtifact link public/logs/live.log to public/logs/live_backing.log"
)

func newPlugin(t *testing.T, change ...func(*livelog.Config)) *livelog.Plugin {
	t.Helper()
	c := livelog.Config{Exposer: expose.Local{Logger: slog.New(slog.DiscardHandler)}, Now: time.Now}
	for _, f := range change {
		f(&c)
	}
	p := livelog.New(c)
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func TestConforms(t *testing.T) {
	plugintest.Conform(t, plugintest.Case{
		New:     func(t *testing.T, _ *plugintest.Store) plugins.Plugin { return newPlugin(t) },
		Payload: `{"maxRunTime": 60, "features": {"liveLog": true}}`,
	})
}

// hooks are the hooks of a run in one.
type hooks interface {
	plugins.Preparer
	plugins.Finisher
	plugins.Closer
}

func begin(t *testing.T, p *livelog.Plugin, run *plugintest.Run) hooks {
	t.Helper()
	h, err := p.New(run.Run)
	if err != nil {
		t.Fatal(err)
	}
	all := h.(hooks)
	if err := all.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { all.Close(context.Background()) })
	return all
}

// url waits for the reference and returns where it leads.
func url(t *testing.T, run *plugintest.Run) string {
	t.Helper()
	for range 20_000 {
		for _, c := range run.Queue.Calls() {
			if c.StorageType == "reference" {
				return c.URL
			}
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("no reference was made")
	return ""
}

// get asks for a log, with headers in pairs.
func get(t *testing.T, url string, headers ...string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}}
	reply, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reply.Body.Close() })
	return reply
}

func TestViewerFollowsTheLogFromItsBeginningToItsEnd(t *testing.T) {
	run := plugintest.NewRun(t, `{}`)
	fmt.Fprint(run.Log, "before anybody looked\n")
	h := begin(t, newPlugin(t), run)
	reply := get(t, url(t, run))
	lines := bufio.NewScanner(reply.Body)
	for _, line := range []string{"before anybody looked", "one", "two"} {
		if line != "before anybody looked" {
			fmt.Fprintln(run.Log, line) // only now: the viewer has seen what was before
		}
		if !lines.Scan() || lines.Text() != line {
			t.Fatalf("got %q, %v; want %q", lines.Text(), lines.Err(), line)
		}
	}
	if _, err := run.Log.Close(); err != nil {
		t.Fatal(err)
	}
	if lines.Scan() || lines.Err() != nil {
		t.Errorf("after the end: %q, %v", lines.Text(), lines.Err())
	}
	if err := h.Close(t.Context()); err != nil {
		t.Error(err)
	}
	header := reply.Header
	if reply.Proto != "HTTP/1.1" || header.Get("Content-Type") != "text/plain; charset=utf-8" ||
		header.Get("Access-Control-Allow-Origin") != "*" || header.Get("Access-Control-Expose-Headers") != "Transfer-Encoding" ||
		len(reply.TransferEncoding) != 1 || reply.TransferEncoding[0] != "chunked" {
		t.Errorf("%s with %v, %v", reply.Proto, header, reply.TransferEncoding)
	}
}

func TestOnlyTheTokenOpensTheLog(t *testing.T) {
	p := newPlugin(t)
	run, other := plugintest.NewRun(t, `{}`), plugintest.NewRun(t, `{}`)
	h := begin(t, p, run)
	begin(t, p, other)
	good, second := url(t, run), url(t, other)
	base, token, _ := strings.Cut(good, "/log/")
	if otherBase, otherToken, _ := strings.Cut(second, "/log/"); base != otherBase || token == otherToken || len(token) < 22 {
		t.Errorf("URLs %s and %s", good, second)
	}
	for path, want := range map[string]int{
		"/log/" + token[1:]:   http.StatusUnauthorized,
		"/log/":               http.StatusUnauthorized,
		"/log/" + token + "x": http.StatusUnauthorized,
		"/log/" + token + "/": http.StatusUnauthorized,
		"/":                   http.StatusNotFound,
	} {
		if reply := get(t, base+path); reply.StatusCode != want {
			t.Errorf("%s: %s", path, reply.Status)
		}
	}
	reply, err := http.Post(good, "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	reply.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if reply.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %s", reply.Status)
	}
	if text := head(t, good); !strings.HasPrefix(text, "HTTP/1.1 200 OK\r\n") || !strings.Contains(text, "Accept-Ranges: bytes") {
		t.Errorf("HEAD: %s", text)
	}
	if err := h.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if reply := get(t, good); reply.StatusCode != http.StatusUnauthorized {
		t.Errorf("after the run: %s", reply.Status)
	}
}

func TestLinkComesAfterTheReferenceHoweverSlowTheQueue(t *testing.T) {
	run := plugintest.NewRun(t, `{"maxRunTime": 600}`)
	run.Queue.Hold = make(chan struct{})
	h := begin(t, newPlugin(t), run)
	finished := make(chan error)
	go func() { finished <- h.Finish(t.Context()) }()
	select {
	case err := <-finished:
		t.Fatalf("finished before the reference was made: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	close(run.Queue.Hold)
	if err := <-finished; err != nil {
		t.Fatal(err)
	}
	calls := run.Queue.Calls()
	if len(calls) != 2 || calls[0].String() != reference || calls[1].String() != link {
		t.Fatalf("calls %v", calls)
	}
	if !calls[1].Expires.Equal(run.Definition.Expires) {
		t.Errorf("the link expires %v", calls[1].Expires)
	}
}

func TestReferenceExpiresAfterTheTaskWould(t *testing.T) {
	now := time.Now()
	for _, test := range []struct {
		payload string
		want    func(*plugintest.Run) time.Time
	}{
		{`{"maxRunTime": 600}`, func(*plugintest.Run) time.Time { return now.Add(1500 * time.Second) }},
		{`{"maxRunTime": 864000}`, func(run *plugintest.Run) time.Time { return run.Definition.Expires }},
	} {
		run := plugintest.NewRun(t, test.payload)
		begin(t, newPlugin(t, func(c *livelog.Config) { c.Now = func() time.Time { return now } }), run)
		url(t, run)
		if got := run.Queue.Calls()[0].Expires; !got.Equal(test.want(run)) {
			t.Errorf("%s: expires %v, want %v", test.payload, got, test.want(run))
		}
	}
}

func TestNamesAndSwitchesOfThePayload(t *testing.T) {
	for payload, want := range map[string]string{
		`{"logs": {"live": "a.txt", "backing": "b.txt"}}`: "[createArtifact reference a.txt createArtifact link a.txt to b.txt]",
		`{"features": {"backingLog": false}}`:             "[" + reference + "]",
		`{"features": {"liveLog": false}}`:                "[]",
	} {
		run := plugintest.NewRun(t, payload)
		if err := run.Life(t.Context(), newPlugin(t), nil); err != nil {
			t.Error(err)
		}
		if got := fmt.Sprint(run.Queue.Calls()); got != want {
			t.Errorf("%s: %s, want %s", payload, got, want)
		}
	}
}

func TestDisabledRefusesOnlyTheTaskThatAsks(t *testing.T) {
	p := newPlugin(t, func(c *livelog.Config) { c.Disabled = true })
	for _, payload := range []string{``, `{}`, `{"features": {"liveLog": false}}`} {
		if h, err := p.New(plugintest.NewRun(t, payload).Run); h != nil || err != nil {
			t.Errorf("%s: %v, %v", payload, h, err)
		}
	}
	_, err := p.New(plugintest.NewRun(t, `{"features": {"liveLog": true}}`).Run)
	if task.Resolve(err) != task.MalformedPayload || !strings.Contains(err.Error(), "provisioner/pool") {
		t.Errorf("explicitly on: %v", err)
	}
}

// broken is an exposer that cannot.
type broken struct{}

func (broken) Expose(context.Context, http.Handler) (expose.Exposure, error) {
	return nil, errors.New("no port is free")
}

func TestTroubleIsOnlyInTheWorkersLog(t *testing.T) {
	run := plugintest.NewRun(t, `{}`)
	if err := run.Life(t.Context(), newPlugin(t, func(c *livelog.Config) { c.Exposer = broken{} }), nil); err != nil {
		t.Error(err)
	}
	if got := fmt.Sprint(run.Queue.Calls()); got != "["+link+"]" {
		t.Errorf("calls %s", got)
	}
	if !strings.Contains(run.WorkerLog.String(), "no port is free") || run.TaskLog(t) != "" {
		t.Errorf("worker log %q, task log %q", run.WorkerLog, run.TaskLog(t))
	}
	run = plugintest.NewRun(t, `{}`)
	run.Queue.Fail("public/logs/live.log", plugintest.Refusal(500), plugintest.Refusal(403))
	if err := run.Life(t.Context(), newPlugin(t), nil); err != nil {
		t.Error(err)
	}
	if said := run.WorkerLog.String(); strings.Count(said, "WARN") != 2 || strings.Contains(said, "/log/") {
		t.Errorf("worker log %q", said)
	}
}

func TestStuckViewerIsCutOffAndSeesIt(t *testing.T) {
	run := plugintest.NewRun(t, `{}`)
	h := begin(t, newPlugin(t), run)
	reply := get(t, url(t, run)) // reads nothing for now
	line := []byte(strings.Repeat("x", 1<<20-1) + "\n")
	for range 32 { // more than the sockets hold
		if _, err := run.Log.Write(line); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := run.Log.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := h.Close(ctx); err != nil { // returns though the viewer takes nothing
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, reply.Body); err == nil {
		t.Errorf("%d bytes of a log of 32 MiB look like all of it", n)
	}
}

func TestCloseOfThePluginEndsViewers(t *testing.T) {
	run := plugintest.NewRun(t, `{}`)
	p := newPlugin(t)
	begin(t, p, run)
	reply := get(t, url(t, run))
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, reply.Body); err == nil {
		t.Error("the log looks complete")
	}
	_, err := http.Get(url(t, run))
	if _, refused := errors.AsType[*net.OpError](err); !refused {
		t.Errorf("still listening: %v", err)
	}
}

// TestLogsOfOneName: the complete log is what counts, and the queue would not take it after a reference.
func TestLogsOfOneName(t *testing.T) {
	const logs = `{"logs": {"live": "public/log", "backing": "public/log"}, "features": {"backingLog": `
	for payload, served := range map[string]bool{logs + `true}}`: false, logs + `false}}`: true} {
		run := plugintest.NewRun(t, payload)
		h, err := newPlugin(t).New(run.Run)
		if err != nil || (h != nil) != served {
			t.Errorf("%s: %v, %v", payload, h, err)
		}
		if log := run.TaskLog(t); strings.Contains(log, "same name, public/log") == served {
			t.Errorf("%s: %s", payload, log)
		}
	}
}

// TestViewersAreBounded: each takes some memory of the worker's, and a public log is anybody's.
func TestViewersAreBounded(t *testing.T) {
	run := plugintest.NewRun(t, `{}`)
	begin(t, newPlugin(t), run)
	address := url(t, run)
	var first *http.Response
	for i := range 256 {
		reply := get(t, address)
		if reply.StatusCode != http.StatusOK {
			t.Fatalf("viewer %d: %s", i, reply.Status)
		}
		if i == 0 {
			first = reply
		}
	}
	if reply := get(t, address); reply.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("one too many: %s", reply.Status)
	}
	_ = first.Body.Close()
	for range 20_000 {
		if reply := get(t, address); reply.StatusCode == http.StatusOK {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Error("nobody is let in when one has gone")
}

// head is all that a server says to a HEAD before it closes the connection, which it does while the
// log goes on.
func head(t *testing.T, address string) string {
	t.Helper()
	host, path, _ := strings.Cut(strings.TrimPrefix(address, "http://"), "/")
	c, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(c, "HEAD /%s HTTP/1.1\r\nHost: %s\r\n\r\n", path, host)
	text, err := io.ReadAll(c)
	if err != nil {
		t.Errorf("HEAD does not end: %v", err)
	}
	return string(text)
}
