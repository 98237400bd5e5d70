package tc_test

import (
	"encoding/pem"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/internal/tc"
)

// TestCAFile: an authority of one's own is trusted besides the system's.
func TestCAFile(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	server.StartTLS()
	defer server.Close()
	get := func(o tc.HTTPOptions) error {
		client, err := tc.NewHTTPWith(o)
		if err != nil {
			t.Fatal(err)
		}
		defer client.CloseIdleConnections()
		reply, err := client.Get(server.URL)
		if err == nil {
			_ = reply.Body.Close()
		}
		return err
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(file, append([]byte("# our own\n"), block...), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := get(tc.HTTPOptions{}); err == nil {
		t.Error("trusted without the file")
	}
	if err := get(tc.HTTPOptions{CAFile: file}); err != nil {
		t.Error(err)
	}
}

func TestBadCAFile(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.pem")
	if err := os.WriteFile(empty, []byte("-----BEGIN PRIVATE KEY-----\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{empty: "no certificate", filepath.Join(dir, "none.pem"): "no such file", dir: "directory"} {
		_, err := tc.NewHTTPWith(tc.HTTPOptions{CAFile: path})
		if err == nil || strings.Count(err.Error(), path) != 1 || (!strings.Contains(err.Error(), want) && os.PathSeparator == '/') {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
