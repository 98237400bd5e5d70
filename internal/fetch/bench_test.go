package fetch_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/workerkit/workerkit/internal/fetch"
	"github.com/workerkit/workerkit/internal/tc"
)

// BenchmarkDownload is of 256 MiB from loopback, with its hash.
func BenchmarkDownload(b *testing.B) {
	data := random(256 << 20)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(data)))
		_, _ = w.Write(data)
	}))
	defer server.Close()
	f := fetch.New(tc.New(server.URL, server.Client(), quick()), server.Client(), quick())
	b.SetBytes(int64(len(data)))
	for n := 0; b.Loop(); n++ {
		d, err := f.Start(b.Context(), fetch.Content{URL: server.URL}, fetch.Access{}, filepath.Join(b.TempDir(), fmt.Sprint(n)))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := d.Wait(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
