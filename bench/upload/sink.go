package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"
)

// sinkEnv is set in the environment of the process that is the sink.
const sinkEnv = "BENCH_UPLOAD_SINK"

// runSink serves the sink if this process is to be it, until its standard input ends.
func runSink() bool {
	if os.Getenv(sinkEnv) == "" {
		return false
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, "sink:", err)
		os.Exit(1)
	}
	fmt.Println("http://" + listener.Addr().String())
	server := &http.Server{Handler: &swallow{ended: map[string]time.Time{}}, ReadHeaderTimeout: time.Minute}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = server.Close()
	}()
	_ = server.Serve(listener)
	return true
}

// swallow takes whatever is PUT, and answers GET of the same path with the time at which it had all of it.
type swallow struct {
	mu    sync.Mutex
	ended map[string]time.Time
}

func (s *swallow) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPut {
		buffer := make([]byte, 1<<20)
		for {
			if _, err := r.Body.Read(buffer); err != nil {
				break
			}
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ended[r.URL.Path] = time.Now()
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := s.ended[r.URL.Path]; ok {
		_, _ = fmt.Fprint(w, at.UnixNano())
		return
	}
	http.NotFound(w, r)
}

// sink is a process of its own, so that curl and the worker find the same.
type sink struct {
	url     string
	process *exec.Cmd
	stdin   io.Closer
}

func startSink(ctx context.Context) (*sink, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Env, cmd.Stderr = append(os.Environ(), sinkEnv+"=1"), os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	return &sink{strings.TrimSpace(line), cmd, stdin}, err
}

func (s *sink) close() {
	_ = s.stdin.Close()
	_ = s.process.Wait()
}

// ended is when the sink had all that was PUT to a path.
func (s *sink) ended(ctx context.Context, path string) (time.Time, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	if err != nil {
		return time.Time{}, err
	}
	reply, err := http.DefaultClient.Do(request)
	if err != nil {
		return time.Time{}, err
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil || reply.StatusCode != http.StatusOK {
		return time.Time{}, fmt.Errorf("nothing was uploaded to %s: %s, %w", path, reply.Status, err)
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	return time.Unix(0, n), err
}
