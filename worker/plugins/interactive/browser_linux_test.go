package interactive_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/workerkit/workerkit/internal/proc"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/engines/insecure"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/plugins/plugintest"
)

// TestBrowser types into the page with a real browser, before a real shell. With
// INTERACTIVE_SCREENSHOTS it leaves pictures in that folder.
func TestBrowser(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("there is no chromium in PATH, which this test drives")
	}
	address := realShells(t)
	b := browse(t, chromium)
	for _, dark := range []bool{false, true} {
		for _, width := range []int{1200, 390} {
			b.look(dark, width)
			b.do("Page.navigate", map[string]any{"url": address})
			b.until("the shell", `document.getElementById('state')?.textContent === 'Connected'`)
			b.do("Input.insertText", map[string]any{"text": "echo $((6*7)); tput cols"})
			b.key("Enter")
			b.until("42 and the width", `/^42\n\d+$/m.test(`+screen+`)`)
			columns := b.eval(`String(Math.max(...[...` + screen + `.matchAll(/^(\d+)$/gm)].map((m) => +m[1])))`)
			if wide := width > 1000; wide != (len(columns) == 3) {
				t.Errorf("%d pixels are %s columns", width, columns)
			}
			b.do("Input.insertText", map[string]any{"text": `printf '\033[31mred \033[32mgreen \033[33myellow \033[34mblue \033[1;35mbold\033[0m\n'; ls /`})
			b.key("Enter")
			b.until("colours", `/^red green/m.test(`+screen+`)`)
			b.picture(fmt.Sprintf("dark-%v-%d.png", dark, width))
			if wide := b.eval(`String(document.documentElement.scrollWidth <= innerWidth)`); wide != "true" {
				t.Errorf("at %d pixels the page is wider than the window", width)
			}
			b.do("Input.insertText", map[string]any{"text": "exit 5"})
			b.key("Enter")
			b.until("its end", `document.getElementById('state').textContent.endsWith('exit code 5')`)
			b.eval(`document.getElementById('again').click()`)
			b.until("a new shell", `document.getElementById('state').textContent === 'Connected'`)
		}
	}
	if len(b.complaints) > 0 {
		t.Errorf("the page complains: %q", b.complaints)
	}
}

// screen is what the terminal shows, without the blanks at the ends of lines.
const screen = `[...document.querySelectorAll('.xterm-rows > div')].map((row) => row.textContent.replaceAll('\u00a0', ' ').trimEnd()).join('\n')`

// realShells is the address of the page of a run whose shells are those of an engine.
func realShells(t *testing.T) string {
	t.Helper()
	run := plugintest.NewRun(t, `{"command": [["sleep", "600"]], "maxRunTime": 600, "features": {"interactive": true}}`)
	engine := insecure.New(insecure.Config{Trees: proc.New(run.Logger), Env: []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + run.Dir}})
	builder, err := engine.NewBuilder(t.Context(), run.Run)
	if err != nil {
		t.Fatal(err)
	}
	sandbox, err := builder.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h, err := newPlugin().New(run.Run)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.(plugins.Starter).Started(t.Context(), sandbox); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(t, sandbox, h) })
	until(t, "the artifacts", func() bool { return len(run.Queue.Calls()) == 2 })
	return run.Queue.Calls()[1].URL
}

func end(t *testing.T, s engines.Sandbox, h plugins.Hooks) {
	ctx := context.Background()
	if err := s.Kill(ctx, 0); err != nil {
		t.Error(err)
	}
	result, err := s.Wait(ctx)
	if err != nil {
		t.Error(err)
		return
	}
	if err := h.(plugins.Stopper).Stopped(ctx, result); err != nil {
		t.Error(err)
	}
	if err := result.Dispose(ctx); err != nil {
		t.Error(err)
	}
}

// browser is a page of a browser, by its protocol for developers' tools.
type browser struct {
	t          *testing.T
	conn       *websocket.Conn
	last       int
	complaints []string
}

// browse starts a browser.
func browse(t *testing.T, path string) *browser {
	t.Helper()
	cmd := exec.Command(path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-port=0",
		"--user-data-dir="+t.TempDir(), "about:blank")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed
	})
	host := ""
	for lines := bufio.NewScanner(stderr); lines.Scan() && host == ""; {
		if _, rest, ok := strings.Cut(lines.Text(), "DevTools listening on ws://"); ok {
			host, _, _ = strings.Cut(rest, "/")
		}
	}
	go func() { _, _ = io.Copy(io.Discard, stderr) }() // ends with the browser
	var pages []struct {
		Type, WebSocketDebuggerURL string
	}
	reply := get(t, http.MethodGet, "http://"+host+"/json/list")
	if err := json.NewDecoder(reply.Body).Decode(&pages); err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		if page.Type != "page" {
			continue
		}
		conn, reply, err := websocket.DefaultDialer.DialContext(t.Context(), page.WebSocketDebuggerURL, nil)
		if err != nil {
			t.Fatal(err)
		}
		reply.Body.Close()
		t.Cleanup(func() { conn.Close() })
		b := &browser{t: t, conn: conn}
		b.do("Runtime.enable", nil)
		b.do("Log.enable", nil)
		return b
	}
	t.Fatal("the browser has no page")
	return nil
}

// do sends a command and returns its result.
func (b *browser) do(method string, params any) json.RawMessage {
	b.t.Helper()
	b.last++
	if err := b.conn.WriteJSON(map[string]any{"id": b.last, "method": method, "params": params}); err != nil {
		b.t.Fatal(err)
	}
	_ = b.conn.SetReadDeadline(time.Now().Add(patient))
	for {
		var m struct {
			ID     int
			Method string
			Params json.RawMessage
			Result json.RawMessage
			Error  *struct{ Message string }
		}
		if err := b.conn.ReadJSON(&m); err != nil {
			b.t.Fatal(err)
		}
		switch {
		case m.Method == "Log.entryAdded" || m.Method == "Runtime.exceptionThrown":
			b.complaints = append(b.complaints, string(m.Params))
		case m.ID == b.last && m.Error != nil:
			b.t.Fatalf("%s: %s", method, m.Error.Message)
		case m.ID == b.last:
			return m.Result
		}
	}
}

// look sets the colours that the user prefers, and the window's width.
func (b *browser) look(dark bool, width int) {
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	b.do("Emulation.setEmulatedMedia", map[string]any{"features": []any{map[string]any{"name": "prefers-color-scheme", "value": scheme}}})
	b.do("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 600, "deviceScaleFactor": 1, "mobile": false})
}

// eval is the value of an expression as a text.
func (b *browser) eval(expression string) string {
	b.t.Helper()
	var r struct{ Result struct{ Value any } }
	if err := json.Unmarshal(b.do("Runtime.evaluate", map[string]any{"expression": expression}), &r); err != nil {
		b.t.Fatal(err)
	}
	return fmt.Sprint(r.Result.Value)
}

func (b *browser) until(what, condition string) {
	b.t.Helper()
	for end := time.Now().Add(patient); b.eval(condition) != "true"; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			state := b.eval(`document.getElementById('state')?.textContent`)
			b.t.Fatalf("waited for %s in vain; the state is %q, the screen is\n%s\ncomplaints %q", what, state, b.eval(screen), b.complaints)
		}
	}
}

func (b *browser) key(name string) {
	for _, kind := range []string{"keyDown", "keyUp"} {
		b.do("Input.dispatchKeyEvent", map[string]any{"type": kind, "key": name, "code": name, "windowsVirtualKeyCode": 13, "text": "\r"})
	}
}

// picture leaves what the page looks like, where that is asked for.
func (b *browser) picture(name string) {
	dir := os.Getenv("INTERACTIVE_SCREENSHOTS")
	if dir == "" {
		return
	}
	var r struct{ Data string }
	if err := json.Unmarshal(b.do("Page.captureScreenshot", nil), &r); err != nil {
		b.t.Fatal(err)
	}
	data, err := base64.StdEncoding.DecodeString(r.Data)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name), data, 0o600)
	}
	if err != nil {
		b.t.Error(err)
	}
}
