package main

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/runner/control"
)

// TestNoticesOfAStatus: what is not known leaves no gap.
func TestNoticesOfAStatus(t *testing.T) {
	at := time.Date(2026, 5, 4, 3, 2, 1, 0, time.Local)
	var out bytes.Buffer
	program{stdout: &out}.show(control.Status{Notices: []control.Notice{
		{Reason: "Preempt", Heard: at},
		{Reason: "scheduled-maintenance", Resource: "instance-reboot", Heard: at, Deadline: at.Add(time.Minute), Drains: true},
	}})
	for _, want := range []string{
		"notice       Preempt, heard 2026-05-04 03:02:01\n",
		"notice       scheduled-maintenance, instance-reboot, heard 2026-05-04 03:02:01, due 2026-05-04 03:03:01, ended the work\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

// TestADrainThatIsNotHeardYet is no failure: the order stands.
func TestADrainThatIsNotHeardYet(t *testing.T) {
	dir, err := os.MkdirTemp("", "sw") // short enough for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, `{"asked":false}`)
	})}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	t.Cleanup(func() {
		_ = server.Close()
		<-ended
	})
	var out, errs bytes.Buffer
	p := program{host: testHost(), stdout: &out, stderr: &errs}
	if code := p.drain(t.Context(), []string{"--now", "--socket", socket}); code != 0 || !strings.Contains(out.String(), "the order stands: ") || !strings.Contains(out.String(), "asked to end at once") {
		t.Errorf("exit %d: %s%s", code, out.String(), errs.String())
	}
}
