// Package exposetest runs the public websocktunnel server in tests.
package exposetest

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/workerkit/workerkit/internal/secret"
)

// Audience is the audience of the tokens that servers take.
const Audience = "test-audience"

// Server is a websocktunnel server. It is a process, and listens on all addresses of the machine, as
// it knows no other way.
type Server struct {
	URL string

	program, port string
	secret        string
	process       *exec.Cmd // nil: stopped
}

// Start builds the server, which may take its modules from the network the first time, and starts it.
// It takes tokens that are signed with the secret; an empty one means any. The test is skipped where
// the server cannot be built, and the server stops with the test.
func Start(t testing.TB, signedWith secret.String) *Server {
	t.Helper()
	s := &Server{program: build(t), secret: signedWith.Reveal()}
	if s.secret == "" {
		s.secret = "of the test"
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.URL = "http://" + listener.Addr().String()
	_, s.port, _ = net.SplitHostPort(listener.Addr().String())
	_ = listener.Close()
	s.Restart(t, s.URL)
	t.Cleanup(s.Stop)
	return s
}

// build builds the server from the module that pins it, in the folder tools.
func build(t testing.TB) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the websocktunnel server does not build for Windows: it logs to syslog")
	}
	_, here, _, _ := runtime.Caller(0)
	module := filepath.Join(filepath.Dir(here), "..", "..", "..", "tools", "websocktunnel")
	program := filepath.Join(t.TempDir(), "websocktunnel")
	command := exec.CommandContext(t.Context(), "go", "build", "-o", program, "github.com/taskcluster/taskcluster/v83/tools/websocktunnel/cmd/websocktunnel")
	command.Dir = module
	command.Env = append(os.Environ(), "GONOSUMDB=github.com/taskcluster/taskcluster/v83", "GOFLAGS=-mod=readonly", "GOWORK=off")
	if out, err := command.CombinedOutput(); err != nil {
		t.Skipf("the websocktunnel server cannot be built, which needs its modules from the network once: %v: %s", err, out)
	}
	return program
}

// Restart starts the server, again if it runs. It tells its clients that they are reached below prefix.
func (s *Server) Restart(t testing.TB, prefix string) {
	t.Helper()
	s.Stop()
	s.process = exec.Command(s.program) //nolint:gosec // built above
	s.process.Env = append(os.Environ(), "URL_PREFIX="+prefix, "PORT="+s.port, "AUDIENCE="+Audience,
		"TASKCLUSTER_PROXY_SECRET_A="+s.secret, "TASKCLUSTER_PROXY_SECRET_B="+s.secret)
	s.process.Stdout, s.process.Stderr = io.Discard, io.Discard
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for range 1000 {
		reply, err := client.Get(s.URL + "/__heartbeat__")
		if err == nil {
			_ = reply.Body.Close()
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the websocktunnel server does not answer")
}

// Stop kills the server. It is safe to repeat.
func (s *Server) Stop() {
	if s.process == nil {
		return
	}
	_ = s.process.Process.Kill()
	_ = s.process.Wait() // says that it was killed
	s.process = nil
}

// Token makes a token for a client, as the auth service does.
func (s *Server) Token(id string) (secret.String, error) {
	now := time.Now()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"iss": "taskcluster-auth", "tid": id, "aud": Audience,
		"iat": now.Unix(), "nbf": now.Add(-time.Minute).Unix(), "exp": now.Add(time.Hour).Unix(),
	}).SignedString([]byte(s.secret))
	return secret.New(token), errors.Join(err)
}
