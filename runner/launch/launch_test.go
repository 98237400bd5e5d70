package launch_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/protocol"
	"github.com/workerkit/workerkit/runner/launch"
	"github.com/workerkit/workerkit/runner/swaptest"
)

func TestMain(m *testing.M) {
	if worker := os.Getenv(runnerEnv); worker != "" {
		asRunner(worker)
	}
	swaptest.Main(m)
}

// runnerEnv makes the test binary a runner that starts this worker and waits.
const runnerEnv = "LAUNCH_TEST_WORKER"

// asRunner starts a worker, says its process id, and waits to be killed.
func asRunner(worker string) {
	w, err := launch.Start(launch.Command{
		Path: worker, ConfigPath: "none", Stderr: os.Stderr, Log: slog.New(slog.DiscardHandler),
		Handle: func(protocol.Message) {}, Text: func(string) {},
	})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(w.PID())
	<-w.Done()
	os.Exit(0)
}

// worker is a stand-in that follows a script.
type worker struct {
	*launch.Worker
	mu       sync.Mutex
	messages []string
	text     []string
	log      bytes.Buffer
}

func start(t *testing.T, script string) *worker {
	t.Helper()
	t.Setenv(swaptest.ScriptEnv, script)
	t.Setenv(swaptest.OursEnv, "1") // takes any config
	w := &worker{}
	var err error
	w.Worker, err = launch.Start(launch.Command{
		Path: swaptest.Program(t), ConfigPath: "no-config", Stderr: os.Stderr, Log: slog.New(slog.NewTextHandler(&w.log, nil)),
		Handle: func(m protocol.Message) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.messages = append(w.messages, m.Type)
		},
		Text: func(s string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.text = append(w.text, s)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Stop(0) })
	return w
}

// ended waits for the end, which must come within some seconds.
func (w *worker) ended(t *testing.T) launch.End {
	t.Helper()
	select {
	case <-w.Done():
		return w.End()
	case <-time.After(20 * time.Second):
		t.Fatal("the worker does not end")
		return launch.End{}
	}
}

func TestMessagesAndExitCodes(t *testing.T) {
	w := start(t, `await:welcome say:one say:~{"type":"shutdown"} say:two exit:68`)
	if end := w.ended(t); end.Code != 68 || end.Text != "exit status 68" {
		t.Errorf("end %+v", end)
	}
	if got := fmt.Sprint(w.text, w.messages); got != "[one two] [shutdown]" {
		t.Errorf("heard %s", got)
	}
	if !w.Conn().Agreed(protocol.NewCredentials) {
		t.Error("no hello")
	}
}

func TestAGrandchildWithTheOutputOpen(t *testing.T) {
	w := start(t, "grandchild say:last exit:0")
	begin := time.Now()
	if end := w.ended(t); end.Code != 0 || len(w.text) != 1 {
		t.Errorf("end %+v, text %v", end, w.text)
	}
	if took := time.Since(begin); took > 10*time.Second || !strings.Contains(w.log.String(), "holds its output open") {
		t.Errorf("took %v, log %s", took, w.log.String())
	}
}

func TestStop(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the script of this test uses signals")
	}
	for _, c := range []struct {
		name, script string
		grace        time.Duration
		want         string
	}{
		{"drains", "say:up", 20 * time.Second, "exit status 72"},
		{"takes no notice", "say:up deaf", 300 * time.Millisecond, "signal: killed"},
		{"never said hello", "mute say:up deaf", 300 * time.Millisecond, "signal: killed"},
		{"ended before", "say:up exit:3", 20 * time.Second, "exit status 3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := start(t, c.script)
			for w.said() == 0 {
				time.Sleep(time.Millisecond)
			}
			begin := time.Now()
			w.Stop(c.grace)
			if end := w.ended(t); end.Text != c.want {
				t.Errorf("end %+v, want %s", end, c.want)
			}
			if took := time.Since(begin); took > 10*time.Second {
				t.Errorf("took %v", took)
			}
			w.Stop(c.grace) // again does no harm
		})
	}
}

// TestLastWordsWhenTheLogIsSlow: the worker ends while its output waits for a slow log.
func TestLastWordsWhenTheLogIsSlow(t *testing.T) {
	t.Setenv(swaptest.ScriptEnv, "say:up await:graceful-termination say:last_words exit:0")
	t.Setenv(swaptest.OursEnv, "1")
	var text []string
	up := make(chan struct{})
	w, err := launch.Start(launch.Command{
		Path: swaptest.Program(t), ConfigPath: "no-config", Stderr: os.Stderr, Log: slog.New(slog.DiscardHandler),
		Handle: func(protocol.Message) {},
		Text: func(line string) {
			if text = append(text, line); line == "up" {
				close(up)
				time.Sleep(2 * time.Second) // longer than anybody waits for more
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	<-up
	if err := w.Conn().Send(protocol.Terminate(false, time.Time{})); err != nil {
		t.Fatal(err)
	}
	<-w.Done()
	if got := strings.Join(text, ", "); got != "up, last words" {
		t.Errorf("heard %s", got)
	}
}

func (w *worker) said() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.text)
}

func TestAWorkerWithoutGracefulTerminationIsInterrupted(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no signal to send")
	}
	w := start(t, `mute say:~{"type":"hello"} say:up`)
	for w.said() == 0 {
		time.Sleep(time.Millisecond)
	}
	w.Stop(20 * time.Second)
	if end := w.ended(t); end.Text != "signal: terminated" {
		t.Errorf("end %+v", end)
	}
}

func TestStartOfNothing(t *testing.T) {
	_, err := launch.Start(launch.Command{Path: filepath.Join(t.TempDir(), "nothing"), Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "start worker") {
		t.Errorf("%v", err)
	}
}

func TestIsOurs(t *testing.T) {
	path := swaptest.Program(t)
	if ours, err := launch.IsOurs(t.Context(), path); ours || err != nil {
		t.Errorf("the public worker: %v, %v", ours, err)
	}
	t.Setenv(swaptest.OursEnv, "1")
	if ours, err := launch.IsOurs(t.Context(), path); !ours || err != nil {
		t.Errorf("ours: %v, %v", ours, err)
	}
	if ours, err := launch.IsOurs(t.Context(), filepath.Join(t.TempDir(), "nothing")); ours || err == nil {
		t.Errorf("nothing: %v, %v", ours, err)
	}
}
