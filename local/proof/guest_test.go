package proof

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestConsoleMarks(t *testing.T) {
	g := &guest{began: time.Now(), seen: map[string]time.Time{}, up: make(chan struct{})}
	var log bytes.Buffer
	g.watch(strings.NewReader("[    0.0] Linux version 6.1\r\nReached target \x1b[0mmulti-user.target - Multi-User System.\n\nMulti-User System\n"), &log)
	for mark, want := range map[string]bool{"kernel": true, "up": true, "network": false, "off": false} {
		if _, ok := g.after(mark); ok != want {
			t.Errorf("mark %s: %v, want %v", mark, ok, want)
		}
	}
	select {
	case <-g.up:
	default:
		t.Error("nobody is told that the machine is up")
	}
	if !strings.Contains(log.String(), " [    0.0] Linux version 6.1\n") {
		t.Errorf("the console's file is %q", log.String())
	}
}

// TestPressPower: the monitor speaks first, and takes no command before the handshake.
func TestPressPower(t *testing.T) {
	for name, c := range map[string]struct{ last, fails string }{
		"pressed": {`{"return": {}}`, ""},
		"refused": {`{"error": {"desc": "no button"}}`, "no button"},
	} {
		t.Run(name, func(t *testing.T) {
			g := &guest{monitor: filepath.Join(t.TempDir(), "m")}
			listener, err := net.Listen("unix", g.monitor)
			if err != nil {
				t.Fatal(err)
			}
			got := make(chan []string, 1)
			go func() { got <- monitor(listener, `{"QMP": {}}`, `{"return": {}}`, c.last) }()
			err = g.pressPower(t.Context())
			if (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("error %v, want %q", err, c.fails)
			}
			if commands := strings.Join(<-got, " "); commands != "qmp_capabilities system_powerdown" {
				t.Errorf("the monitor was told %q", commands)
			}
		})
	}
}

// monitor plays QEMU's: it greets, answers, and returns the commands that it was given.
func monitor(listener net.Listener, greeting string, replies ...string) (commands []string) {
	defer listener.Close()
	conn, err := listener.Accept()
	if err != nil {
		return nil
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, greeting)
	read := json.NewDecoder(conn)
	for _, reply := range replies {
		var command struct{ Execute string }
		if read.Decode(&command) != nil {
			break
		}
		commands = append(commands, command.Execute)
		_, _ = io.WriteString(conn, reply)
	}
	return commands
}
