package livelog_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"

	"github.com/workerkit/workerkit/internal/expose"
	"github.com/workerkit/workerkit/internal/expose/exposetest"
	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/local/localtest"
	"github.com/workerkit/workerkit/worker/plugins/livelog"
	"github.com/workerkit/workerkit/worker/plugins/plugintest"
)

// TestThroughAWebsocktunnel has the real server, a token of the auth service for the worker alone, and a
// server that starts again in the middle of a log.
func TestThroughAWebsocktunnel(t *testing.T) {
	const id = "group.worker-1.60099"
	services := localtest.Start(t)
	server := exposetest.Start(t, services.Server.TunnelSecret())
	worker, err := services.Credentials().CreateTemporaryCredentials(time.Hour, "auth:websocktunnel-token:"+exposetest.Audience+"/group.worker-1.*")
	if err != nil {
		t.Fatal(err)
	}
	client := tc.New(services.RootURL, tc.NewHTTP(), retry.API())
	p := newPlugin(t, func(c *livelog.Config) {
		c.Exposer = expose.Tunnel{
			Server: server.URL, ID: id, Logger: slog.New(slog.DiscardHandler),
			Token: func(ctx context.Context) (secret.String, error) {
				return client.TunnelToken(ctx, tc.Fixed(credentials(worker)), exposetest.Audience, id)
			},
		}
	})
	run := plugintest.NewRun(t, `{}`)
	begin(t, p, run)
	address := url(t, run)
	if !strings.HasPrefix(address, server.URL+"/"+id+"/log/") {
		t.Fatalf("the log is at %s", address)
	}
	reply := get(t, address)
	lines := bufio.NewScanner(reply.Body)
	for _, line := range []string{"one", "two"} {
		fmt.Fprintln(run.Log, line)
		if !lines.Scan() || lines.Text() != line {
			t.Fatalf("got %q, %v", lines.Text(), lines.Err())
		}
	}
	elsewhere := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	server.Restart(t, elsewhere)
	moved := ""
	for range 3000 {
		if calls := run.Queue.Calls(); len(calls) > 1 {
			moved = calls[1].URL
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if !strings.HasPrefix(moved, elsewhere+"/"+id+"/log/") {
		t.Fatalf("after the restart the log is at %q", moved)
	}
	if _, err := run.Log.Close(); err != nil {
		t.Fatal(err)
	}
	if got := body(t, get(t, address, "Range", "bytes=4-6")); got != "two" {
		t.Errorf("a part: %q", got)
	}
	if got := body(t, get(t, address+"?tail=1")); got != "two\n" {
		t.Errorf("the tail: %q", got)
	}
}

func credentials(c *tcclient.Credentials) tc.Credentials {
	return tc.Credentials{ClientID: c.ClientID, AccessToken: secret.New(c.AccessToken), Certificate: secret.New(c.Certificate)}
}

// unreachable is an exposer that never comes to an end by itself.
type unreachable struct{}

func (unreachable) Expose(ctx context.Context, _ http.Handler) (expose.Exposure, error) {
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

// TestTunnelThatIsDownHoldsUpNothing: neither the preparation nor the end of a task.
func TestTunnelThatIsDownHoldsUpNothing(t *testing.T) {
	run := plugintest.NewRun(t, `{}`)
	begun := time.Now()
	h := begin(t, newPlugin(t, func(c *livelog.Config) { c.Exposer = unreachable{} }), run)
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("prepared for %v", took)
	}
	if err := h.Finish(t.Context()); err != nil {
		t.Error(err)
	}
	if err := h.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took > 8*time.Second {
		t.Errorf("the run's end took %v", took)
	}
	if got := fmt.Sprint(run.Queue.Calls()); got != "["+link+"]" || strings.Contains(run.WorkerLog.String(), "WARN") {
		t.Errorf("calls %s, log %s", got, run.WorkerLog)
	}
}
