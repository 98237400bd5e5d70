package crashtest_test

import (
	"bufio"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v3"
	"github.com/taskcluster/httpbackoff/v3"
	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcauth"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcindex"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcqueue"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcsecrets"
)

// build builds the program under test.
func build(t *testing.T) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), "taskcluster-local")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	command := exec.CommandContext(t.Context(), "go", "build", "-o", program, "github.com/workerkit/workerkit/cmd/taskcluster-local")
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, output)
	}
	return program
}

// server is a running process.
type server struct {
	t       *testing.T
	command *exec.Cmd
	log     string
	rootURL string
	root    *tcclient.Credentials
	http    *http.Client
}

// start starts the program on a data folder and waits until it serves.
func start(t *testing.T, program, dir string) *server {
	t.Helper()
	s := &server{t: t, log: filepath.Join(t.TempDir(), "log"), http: &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: 8}, Timeout: 30 * time.Second,
	}}
	s.command = exec.CommandContext(t.Context(), program, "serve", "--data", dir, "--port", "0")
	log, err := os.Create(s.log)
	if err != nil {
		t.Fatal(err)
	}
	s.command.Stderr = log
	stdout, err := s.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.command.Start(); err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil { // the process has its own
		t.Fatal(err)
	}
	t.Cleanup(s.kill)
	environ := map[string]string{}
	for lines := bufio.NewScanner(stdout); len(environ) < 3 && lines.Scan(); {
		name, value, ok := strings.Cut(strings.TrimPrefix(lines.Text(), "export "), "=")
		if ok {
			environ[name] = strings.Trim(value, `'"`)
		}
	}
	s.rootURL = environ["TASKCLUSTER_ROOT_URL"]
	s.root = &tcclient.Credentials{ClientID: environ["TASKCLUSTER_CLIENT_ID"], AccessToken: environ["TASKCLUSTER_ACCESS_TOKEN"]}
	if s.rootURL == "" || s.root.AccessToken == "" {
		s.kill()
		t.Fatalf("the server did not start:\n%s", s.logged())
	}
	return s
}

// kill ends the process as a loss of power would, and waits for it. Once is enough.
func (s *server) kill() {
	if s.command.ProcessState != nil {
		return
	}
	// The process may have ended by itself; what matters is seen by the checks.
	_ = s.command.Process.Kill()
	_ = s.command.Wait()
	s.http.CloseIdleConnections()
}

// logged is the end of the process's log.
func (s *server) logged() string {
	data, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	const most = 4000
	return string(data[max(0, len(data)-most):])
}

// client is what the typed clients have in common; a call is made once.
func (s *server) client(service string, creds *tcclient.Credentials) tcclient.Client {
	once := backoff.NewExponentialBackOff()
	once.MaxElapsedTime = time.Nanosecond
	return tcclient.Client{
		RootURL: s.rootURL, ServiceName: service, APIVersion: "v1", Credentials: creds, Authenticate: creds != nil,
		HTTPClient: s.http, HTTPBackoffClient: &httpbackoff.Client{BackOffSettings: once}, Context: s.t.Context(),
	}
}

func (s *server) queue(creds *tcclient.Credentials) *tcqueue.Queue {
	q := tcqueue.Queue(s.client("queue", creds))
	return &q
}

func (s *server) secrets() *tcsecrets.Secrets {
	c := tcsecrets.Secrets(s.client("secrets", s.root))
	return &c
}

func (s *server) auth() *tcauth.Auth {
	c := tcauth.Auth(s.client("auth", s.root))
	return &c
}

func (s *server) index() *tcindex.Index {
	c := tcindex.Index(s.client("index", s.root))
	return &c
}
