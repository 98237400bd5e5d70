// Package session runs the programs as a person would: taskcluster-local, start-worker and,
// under it, generic-worker, as child processes on loopback with all their files in one folder.
// `taskcluster-local run`, its demo and the benchmarks stand on it; nothing runs in-process.
package session

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
)

// How long a program gets to end when asked: a worker aborts its task and uploads the log.
const (
	machineGrace = 30 * time.Second // and waits up to 25 s for its claimWork
	serveGrace   = 5 * time.Second
	serveReady   = 15 * time.Second
)

// Session is an embedded Taskcluster and the machines that were booted for it.
type Session struct {
	Dir      string // everything that the programs write
	Programs Programs
	RootURL  string

	clientID    string
	accessToken secret.String
	client      *tc.Client
	serve       *child
	machines    []*Machine
}

// Open starts taskcluster-local with its data in dir (an absolute path, made when absent) and
// waits until it serves. arguments are added to its command line. Close the session in any
// case.
func Open(ctx context.Context, programs Programs, dir string, arguments ...string) (*Session, error) {
	s := &Session{Dir: dir, Programs: programs}
	for _, folder := range []string{dir, s.logs()} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return nil, fmt.Errorf("session: %w", err)
		}
	}
	out, in := io.Pipe()
	serve, err := launch(command{
		name: "taskcluster-local",
		path: programs.TaskclusterLocal,
		// A worker that ends waits for its claimWork, so a short one makes a short stop.
		args:   append([]string{"serve", "--data", filepath.Join(dir, "taskcluster"), "--port", "0", "--long-poll", "2s"}, arguments...),
		dir:    dir,
		stdout: in,
		logs:   s.logs(),
	})
	if err != nil {
		return nil, err
	}
	s.serve = serve
	go func() { // ends with the program
		<-serve.done
		_ = in.Close()
	}()
	ctx, done := context.WithTimeoutCause(ctx, serveReady, fmt.Errorf("taskcluster-local is not ready after %s (its log: %s)", serveReady, serve.log))
	defer done()
	if err := s.learn(ctx, out); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.client = Client(s.RootURL)
	return s, nil
}

// Client makes a client that gives up on a deployment that does not answer within seconds.
func Client(rootURL string) *tc.Client {
	return tc.New(rootURL, tc.NewHTTP(), retry.Policy{Initial: 100 * time.Millisecond, Total: 10 * time.Second})
}

// learn reads the lines `export NAME=value` that the server prints when it is ready, and
// leaves a goroutine that reads the rest, so that the server never blocks on its output.
func (s *Session) learn(ctx context.Context, out *io.PipeReader) error {
	found := make(chan map[string]string, 1)
	go func() {
		values, lines := map[string]string{}, bufio.NewScanner(out)
		for len(values) < 3 && lines.Scan() {
			if assignment, ok := strings.CutPrefix(lines.Text(), "export "); ok {
				name, value, _ := strings.Cut(assignment, "=")
				values[name] = strings.Trim(value, `'"`)
			}
		}
		found <- values
		_, _ = io.Copy(io.Discard, out)
	}()
	select {
	case values := <-found:
		if len(values) < 3 {
			if err := s.serve.wait(ctx); err != nil {
				return err
			}
			return fmt.Errorf("taskcluster-local ended before it served (its log: %s)", s.serve.log)
		}
		s.RootURL, s.clientID = values["TASKCLUSTER_ROOT_URL"], values["TASKCLUSTER_CLIENT_ID"]
		s.accessToken = secret.New(values["TASKCLUSTER_ACCESS_TOKEN"])
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Credentials are those of the session's owner, who may do everything.
func (s *Session) Credentials() tc.Source {
	return tc.Fixed(tc.Credentials{ClientID: s.clientID, AccessToken: s.accessToken})
}

// Tasks are the calls to make and follow tasks.
func (s *Session) Tasks() tc.Tasks { return s.client.Tasks(s.Credentials()) }

// Command runs one command of taskcluster-local against the session's services, as a person
// would, and returns what it printed.
func (s *Session) Command(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, s.Programs.TaskclusterLocal, args...)
	cmd.Env = append(os.Environ(), "TASKCLUSTER_ROOT_URL="+s.RootURL, "TASKCLUSTER_CLIENT_ID="+s.clientID, "TASKCLUSTER_ACCESS_TOKEN="+s.accessToken.Reveal())
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("taskcluster-local %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}

// Machines are the workerIds of the running workers of a pool.
func (s *Session) Machines(ctx context.Context, pool string) ([]string, error) {
	workers, err := s.client.Pools(s.Credentials()).Running(ctx, pool)
	var ids []string
	for _, w := range workers {
		ids = append(ids, w.ID)
	}
	return ids, err
}

// ServePID is the process id of taskcluster-local.
func (s *Session) ServePID() int { return s.serve.pid() }

// Close stops the machines, then the services, and waits for all of them.
func (s *Session) Close() error {
	var errs []error
	for _, m := range s.machines {
		errs = append(errs, m.Stop())
	}
	errs = append(errs, s.serve.stop(serveGrace))
	return errors.Join(errs...)
}

func (s *Session) logs() string { return filepath.Join(s.Dir, "logs") }

// HTTP makes the client for logs and artifacts: it follows redirects and has no time limit.
func HTTP() *http.Client {
	client := tc.NewHTTP()
	client.CheckRedirect = nil
	return client
}
