package swaptest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Environment of Worker.
const (
	// ScriptEnv is what the worker does, one step after the other: see step.
	ScriptEnv = "SWAPTEST_SCRIPT"
	// InboxEnv is a file to which the worker appends each message that it receives.
	InboxEnv = "SWAPTEST_INBOX"
	// OursEnv, when set, makes the worker say in --version that it is of this project, and
	// accept the object workerkit.
	OursEnv = "SWAPTEST_OURS"
)

// Worker is a stand-in for the public worker: its command line, its strict config loader, its
// half of the protocol. What it does then is a script of steps, separated by spaces; at the
// end it waits for graceful termination.
//
//	exit:N         exits with N
//	die            ends as by kill -9
//	say:TEXT       writes the line ~TEXT (or TEXT) to its output; _ stands for a space
//	await:TYPE     waits for a message
//	grandchild     starts something that holds its output open for a minute
//	deaf           from here on takes no notice of termination and signals
//	mute           does not say hello (must come first)
func Worker() {
	args := strings.Join(os.Args[1:], " ")
	ours := os.Getenv(OursEnv) != ""
	switch args {
	case "--version":
		fmt.Println("generic-worker (insecure engine) 106.0.0" + map[bool]string{true: " workerkit"}[ours])
		os.Exit(0)
	case "hold":
		time.Sleep(time.Minute)
		os.Exit(0)
	}
	path, ok := strings.CutPrefix(args, "run --config ")
	path, ok2 := strings.CutSuffix(path, " --with-worker-runner")
	if !ok || !ok2 {
		fmt.Fprintln(os.Stderr, "worker: bad command line:", args)
		os.Exit(2)
	}
	if !ours {
		if _, code, err := LoadConfig(path); err != nil {
			fmt.Fprintln(os.Stderr, "worker:", err)
			os.Exit(code)
		}
	}
	os.Exit((&worker{inbox: os.Getenv(InboxEnv), messages: make(chan string, 100)}).run(os.Getenv(ScriptEnv)))
}

type worker struct {
	inbox    string
	messages chan string // types
}

func (w *worker) run(script string) int {
	go w.read()
	for step := range strings.FieldsSeq(script) {
		if code, end := w.step(step); end {
			return code
		}
		if step == "deaf" {
			signal.Ignore(syscall.SIGTERM, os.Interrupt)
			time.Sleep(time.Minute)
		}
	}
	for kind := range w.messages {
		if kind == "graceful-termination" {
			return CodeDrained
		}
	}
	return 3 // the runner is gone
}

func (w *worker) step(step string) (code int, end bool) {
	verb, rest, _ := strings.Cut(step, ":")
	switch verb {
	case "exit":
		code, _ := strconv.Atoi(rest)
		return code, true
	case "die":
		self, err := os.FindProcess(os.Getpid())
		if err != nil || self.Kill() != nil {
			return 2, true
		}
		select {} // until it has an effect
	case "say":
		fmt.Println(strings.ReplaceAll(rest, "_", " "))
	case "await":
		for kind := range w.messages {
			if kind == rest {
				return 0, false
			}
		}
		return 3, true
	case "grandchild":
		self, err := os.Executable()
		if err != nil {
			return 2, true
		}
		child := exec.Command(self, "hold")
		child.Args[0] = os.Args[0]
		child.Stdout = os.Stdout
		if err := child.Start(); err != nil {
			return 2, true
		}
	}
	return 0, false
}

// read is the worker's half of the protocol, on its own terms.
func (w *worker) read() {
	defer close(w.messages)
	mute := strings.HasPrefix(os.Getenv(ScriptEnv), "mute")
	for in := bufio.NewReader(os.Stdin); ; {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		body, ok := strings.CutPrefix(strings.TrimSpace(line), "~")
		var m map[string]any
		if !ok || json.Unmarshal([]byte(body), &m) != nil {
			continue
		}
		w.note(line)
		kind, _ := m["type"].(string)
		if kind == "welcome" && !mute {
			fmt.Println(`~{"type":"hello","capabilities":["error-report","graceful-termination","log","new-credentials","shutdown"]}`)
		}
		w.messages <- kind
	}
}

func (w *worker) note(line string) {
	if w.inbox == "" {
		return
	}
	file, err := os.OpenFile(w.inbox, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	defer file.Close()
	_, _ = io.WriteString(file, line)
}
