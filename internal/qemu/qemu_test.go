package qemu

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func marked() *Guest {
	g := &Guest{Began: time.Now()}
	g.expect(map[string]string{"kernel": "Linux version", "up": "Multi-User System", "off": "Power down"})
	return g
}

func TestConsoleMarks(t *testing.T) {
	g := marked()
	var log bytes.Buffer
	g.watch(strings.NewReader("[    0.0] Linux version 6.1\r\nReached target \x1b[0mmulti-user.target - Multi-User System.\n\nMulti-User System\n"), &log)
	for mark, want := range map[string]bool{"kernel": true, "up": true, "off": false} {
		if _, ok := g.After(mark); ok != want {
			t.Errorf("mark %s: %v, want %v", mark, ok, want)
		}
	}
	select {
	case <-g.Marked("up"):
	default:
		t.Error("nobody is told that the machine is up")
	}
	if !strings.Contains(log.String(), " [    0.0] Linux version 6.1\n") {
		t.Errorf("the console's file is %q", log.String())
	}
}

// TestMarksOfTheNextBoot: what an earlier boot has told counts no more.
func TestMarksOfTheNextBoot(t *testing.T) {
	g := marked()
	g.watch(strings.NewReader("Multi-User System\n"), io.Discard)
	g.Expect()
	if _, ok := g.At("up"); ok {
		t.Error("it is up before it has booted")
	}
	select {
	case <-g.Marked("up"):
		t.Error("it is told to be up before it has booted")
	default:
	}
	g.watch(strings.NewReader("Multi-User System\n"), io.Discard)
	if _, ok := g.At("up"); !ok {
		t.Error("it is never up")
	}
}

func TestArguments(t *testing.T) {
	m := Machine{Accelerator: "tcg", Disk: "/a,b/disk", Format: "qcow2", Memory: 2048, Network: "user,restrict=on"}
	for name, c := range map[string]struct {
		change       func(*Machine)
		with, lacked string
	}{
		"forgets": {func(*Machine) {}, "file=/a,,b/disk,if=virtio,format=qcow2,cache=unsafe,snapshot=on", "/p"},
		"ends":    {func(*Machine) {}, "-no-reboot", "/p"},
		"keeps":   {func(m *Machine) { m.Keeps = true }, "file=/a,,b/disk,if=virtio,format=qcow2,cache=unsafe", "-no-reboot"},
		"parts":   {func(m *Machine) { m.Parts = "/p" }, "file=/p,if=virtio,format=raw,readonly=on", "-smbios"},
		"network": {func(*Machine) {}, "user,restrict=on,id=net", "-smbios"},
	} {
		t.Run(name, func(t *testing.T) {
			m := m
			c.change(&m)
			args := m.arguments("/monitor")
			if !slices.Contains(args, c.with) || strings.Contains(strings.Join(args, " "), c.lacked) {
				t.Errorf("with %q and without %q: %q", c.with, c.lacked, args)
			}
		})
	}
}

// TestMonitor: it speaks first, and takes no command before the handshake.
func TestMonitor(t *testing.T) {
	press := func(g *Guest) error { return g.PressPower(t.Context()) }
	for name, c := range map[string]struct {
		do                func(*Guest) error
		last, told, fails string
	}{
		"pressed": {press, `{"return": {}}`, "qmp_capabilities system_powerdown", ""},
		"refused": {press, `{"error": {"desc": "no button"}}`, "qmp_capabilities system_powerdown", "no button"},
		"reset":   {func(g *Guest) error { return g.Reset(t.Context()) }, `{"return": {}}`, "qmp_capabilities system_reset", ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := &Guest{monitor: filepath.Join(t.TempDir(), "m")}
			listener, err := net.Listen("unix", g.monitor)
			if err != nil {
				t.Fatal(err)
			}
			got := make(chan []string, 1)
			go func() { got <- monitor(listener, `{"QMP": {}}`, `{"return": {}}`, c.last) }()
			err = c.do(g)
			if (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("error %v, want %q", err, c.fails)
			}
			if commands := strings.Join(<-got, " "); commands != c.told {
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
