package fetch_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/internal/fetch"
)

func TestEncodings(t *testing.T) {
	data := bytes.Repeat([]byte("the content\n"), 50_000)
	for encoding, body := range map[string][]byte{
		"": data, "identity": data, "gzip": gzipped(t, data), "GZIP": gzipped(t, data), "zstd": zstandard(t, data),
	} {
		t.Run(encoding, func(t *testing.T) {
			s := serve(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
				if encoding != "" {
					w.Header().Set("Content-Encoding", encoding)
				}
				_, _ = w.Write(body)
			})
			got, _, err := get(t, s.fetcher(), fetch.Content{URL: s.URL + "/f", SHA256: fetch.Sum(data)}, &lines{})
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
}

func TestEncodingsThatCannotBeDecoded(t *testing.T) {
	whole := gzipped(t, random(1000))
	for name, c := range map[string]struct {
		encoding, want string
		body           []byte
	}{
		"unknown":   {"br", "did not ask for", []byte("x")},
		"damaged":   {"gzip", `cannot be decoded as "gzip"`, []byte("this is not gzip")},
		"truncated": {"gzip", `cannot be decoded as "gzip"`, whole[:len(whole)-20]},
		"zstd":      {"zstd", `cannot be decoded as "zstd"`, []byte("this is not zstd")},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
				w.Header().Set("Content-Encoding", c.encoding)
				_, _ = w.Write(c.body)
			})
			_, _, err := get(t, s.fetcher(), fetch.Content{URL: s.URL}, &lines{})
			if err == nil || !strings.Contains(err.Error(), c.want) || len(s.requests()) != 1 {
				t.Errorf("%v after %d requests", err, len(s.requests()))
			}
		})
	}
}

// TestEmpty: nothing is a content too, however it is sent.
func TestEmpty(t *testing.T) {
	for _, encoding := range []string{"identity", "gzip"} {
		s := serve(t, func(w http.ResponseWriter, _ *http.Request, _ int) { w.Header().Set("Content-Encoding", encoding) })
		if got, _, err := get(t, s.fetcher(), fetch.Content{URL: s.URL}, &lines{}); err != nil || len(got) != 0 {
			t.Errorf("%s: %q, %v", encoding, got, err)
		}
	}
}
