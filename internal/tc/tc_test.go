package tc_test

import (
	"bytes"
	"context"
	"errors"
	"log" //nolint:depguard // where the public client logs
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/tc"
)

func TestTemporaryFailuresAreRepeatedOthersAreNot(t *testing.T) {
	for reply, want := range map[string]int{
		"503 ": 3, `400 {"code":"InputError","message":"no"}`: 1, `404 {"code":"ResourceNotFound","message":"no"}`: 1,
	} {
		client, calls := service(t, reply, reply, "200 {}")
		_, err := client.Secrets(own()).Get(t.Context(), "x")
		if len(*calls) != want || (err == nil) != (want == 3) {
			t.Errorf("%s: %d calls, %v", reply, len(*calls), err)
		}
	}
}

// TestThePublicClientDoesNotLog: it would log whole replies, with what is secret in them.
func TestThePublicClientDoesNotLog(t *testing.T) {
	var out bytes.Buffer
	before := log.Writer()
	log.SetOutput(&out)
	defer log.SetOutput(before)
	client, _ := service(t, "503 "+token, "503 "+token, "400 "+token)
	_, err := client.Secrets(own()).Get(t.Context(), "x")
	if err == nil || strings.Contains(err.Error(), token) || out.Len() != 0 {
		t.Errorf("error %v, log %q", err, out.String())
	}
}

func TestNoAnswerIsTemporaryAndDoesNotShowTheURL(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	client := tc.New("http://"+address, tc.NewHTTP(), retry.Policy{Total: time.Nanosecond})
	_, err = client.Secrets(own()).Get(t.Context(), "the-name")
	if !tc.Temporary(err) || tc.Status(err) != 0 || strings.Contains(err.Error(), "the-name") || !strings.HasPrefix(err.Error(), "secrets.get: ") {
		t.Errorf("%v", err)
	}
}

func TestACallEndsWithItsContext(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(entered)
		<-leave
	}))
	defer server.Close()
	defer close(leave)
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	go func() {
		<-entered
		cancel(stop)
	}()
	begin := time.Now()
	_, err := tc.New(server.URL, tc.NewHTTP(), retry.API()).Secrets(own()).Get(ctx, "x")
	if err == nil || !errors.Is(err, stop) || time.Since(begin) > 10*time.Second {
		t.Errorf("%v after %v", err, time.Since(begin))
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	reached := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/elsewhere" {
			reached = true
			return
		}
		http.Redirect(w, r, "/elsewhere", http.StatusSeeOther)
	}))
	defer server.Close()
	_, err := tc.New(server.URL, tc.NewHTTP(), retry.API()).Secrets(own()).Get(t.Context(), "x")
	if reached || err == nil {
		t.Errorf("followed %v, %v", reached, err)
	}
}
