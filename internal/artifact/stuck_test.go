package artifact_test

import (
	"bufio"
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/workerkit/workerkit/internal/artifact"
	"github.com/workerkit/workerkit/internal/retry"
)

// TestServerThatTakesNothing is left in minutes, however long the data may take to send.
func TestServerThatTakesNothing(t *testing.T) {
	for name, reads := range map[string]bool{"reads nothing": false, "reads all, and says nothing": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dials := 0
				transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
					dials++
					again := dials > 1
					ours, theirs := net.Pipe()
					go func() {
						request, err := http.ReadRequest(bufio.NewReader(theirs))
						if err == nil && (reads || again) {
							_, _ = request.Body.Read(make([]byte, 1))
							_ = request.Body.Close() // reads the rest
						}
						if again {
							_, _ = theirs.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
						}
					}()
					return ours, nil
				}}
				defer transport.CloseIdleConnections()
				u := artifact.Uploader{HTTP: &http.Client{Transport: transport}, Policy: retry.Policy{Total: 15 * time.Minute}, Now: time.Now}
				var said strings.Builder
				began := time.Now()
				err := u.Upload(t.Context(), fixed{}, slog.New(slog.NewTextHandler(&said, nil)), text(strings.Repeat("long", 16<<20)))
				if took := time.Since(began); err != nil || took > 4*time.Minute || dials != 2 || !strings.Contains(said.String(), "nothing went on for 2m0s") {
					t.Errorf("%v after %v and %d connections: %s", err, took, dials, said.String())
				}
			})
		})
	}
}
