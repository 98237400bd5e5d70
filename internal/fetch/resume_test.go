package fetch_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/fetch"
)

// TestResume: what was cut goes on where it was, in encoded bytes.
func TestResume(t *testing.T) {
	data := random(1 << 20)
	for encoding, body := range map[string][]byte{"identity": data, "gzip": gzipped(t, data), "zstd": zstandard(t, data)} {
		t.Run(encoding, func(t *testing.T) {
			sent := 0
			s := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) {
				w.Header().Set("Content-Encoding", encoding)
				sent++
				part(w, r, body, `"v1"`, 300_000)
			})
			log := &lines{}
			got, _, err := get(t, s.fetcher(), fetch.Content{URL: s.URL, SHA256: fetch.Sum(data)}, log)
			if err != nil || !bytes.Equal(got, data) {
				t.Fatalf("%d bytes, %v", len(got), err)
			}
			for i, r := range s.requests()[1:] {
				if want := fmt.Sprintf("bytes=%d-", (i+1)*300_000); r.Header.Get("Range") != want || r.Header.Get("If-Range") != `"v1"` {
					t.Errorf("request %d: %v", i+1, r.Header)
				}
			}
			if len(s.requests()) != 4 || !strings.Contains(log.String(), "interrupted after 300000 bytes") {
				t.Errorf("%d requests\n%s", len(s.requests()), log)
			}
		})
	}
}

// TestShortParts: a server that gives less than the rest it is asked for is asked again; one that
// gives nothing is not asked for ever.
func TestShortParts(t *testing.T) {
	data := random(500_000)
	for most, requests := range map[int]int{150_000: 4, 0: 5} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request, n int) {
			var from int
			if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err != nil {
				part(w, r, data, `"v1"`, 100_000)
			}
			to := min(from+most, len(data))
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, len(data)))
			w.Header().Set("Content-Length", fmt.Sprint(to-from))
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(data[from:to])
		})
		got, _, err := get(t, s.fetcher(), fetch.Content{URL: s.URL}, &lines{})
		if (err == nil) != (most > 0) || err == nil && !bytes.Equal(got, data) || len(s.requests()) != requests {
			t.Errorf("%d: %d bytes after %d requests, %v", most, len(got), len(s.requests()), err)
		}
	}
}

// TestLengthThatIsKnownLate: the first reply did not say it, and the last one is cut.
func TestLengthThatIsKnownLate(t *testing.T) {
	data := random(400_000)
	s := serve(t, func(w http.ResponseWriter, r *http.Request, n int) {
		w.Header().Set("ETag", `"v1"`)
		switch n {
		case 0:
			_, _ = w.Write(data[:200_000])
			_ = http.NewResponseController(w).Flush()
			cut()
		case 1: // and its connection ends as if that were all
			w.Header().Set("Content-Range", "bytes 200000-399999/400000")
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(data[200_000:300_000])
		default:
			part(w, r, data, `"v1"`, 1<<30)
		}
	})
	if got, _, err := get(t, s.fetcher(), fetch.Content{URL: s.URL}, &lines{}); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// TestTinyParts: a server that cuts every connection soon is waited for, and what it sent stays.
func TestTinyParts(t *testing.T) {
	data := random(10_000)
	s := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) { part(w, r, data, `"v1"`, 2500) })
	got, _, err := get(t, s.fetcher(), fetch.Content{URL: s.URL}, &lines{})
	if err != nil || !bytes.Equal(got, data) || len(s.requests()) != 4 {
		t.Errorf("%d bytes after %d requests, %v", len(got), len(s.requests()), err)
	}
}

// TestNoResume: without a strong validator, or when the server has another content by now, the
// transfer begins anew.
func TestNoResume(t *testing.T) {
	first, second := random(500_000), append([]byte("other"), random(400_000)...)
	for name, c := range map[string]struct {
		tags   [2]string
		want   []byte
		handle func(w http.ResponseWriter)
	}{
		"weak tag":         {[2]string{`W/"v1"`, `W/"v1"`}, first, func(http.ResponseWriter) {}},
		"no validator":     {[2]string{"", ""}, first, func(http.ResponseWriter) {}},
		"no ranges":        {[2]string{`"v1"`, `"v1"`}, first, func(w http.ResponseWriter) { w.Header().Set("Accept-Ranges", "none") }},
		"just changed":     {[2]string{"", ""}, first, func(w http.ResponseWriter) { w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat)) }},
		"another content":  {[2]string{`"v1"`, `"v2"`}, second, func(http.ResponseWriter) {}},
		"a shorter prefix": {[2]string{`"v1"`, `"v2"`}, first[:100_000], func(http.ResponseWriter) {}},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, func(w http.ResponseWriter, r *http.Request, n int) {
				c.handle(w)
				if n == 0 {
					part(w, r, first, c.tags[0], 300_000)
					return
				}
				part(w, r, c.want, c.tags[1], 1<<30)
			})
			got, _, err := get(t, s.fetcher(), fetch.Content{URL: s.URL, SHA256: fetch.Sum(c.want)}, &lines{})
			if err != nil || !bytes.Equal(got, c.want) || len(s.requests()) != 2 {
				t.Errorf("%d bytes after %d requests, %v", len(got), len(s.requests()), err)
			}
			if tag := s.requests()[1].Header.Get("Range"); (tag != "") != (c.tags[1] == `"v2"`) {
				t.Errorf("range %q was asked for", tag)
			}
		})
	}
}

// TestEndlessRestarts: a server that cuts every transfer and cannot go on is not asked for ever,
// whether it cuts late or soon.
func TestEndlessRestarts(t *testing.T) {
	data := random(200_000)
	for most, want := range map[int]string{150_000: "every transfer is cut", 4: "does not send all"} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) {
			r.Header.Del("Range") // which it does not know
			part(w, r, data, `"v1"`, most)
		})
		_, _, err := get(t, s.fetcher(), fetch.Content{URL: s.URL}, &lines{})
		if err == nil || !strings.Contains(err.Error(), want) || len(s.requests()) > 20 {
			t.Errorf("%v after %d requests", err, len(s.requests()))
		}
	}
}

// TestWrongParts: a part that does not follow is not taken.
func TestWrongParts(t *testing.T) {
	data := random(400_000)
	for name, bad := range map[string]func(w http.ResponseWriter){
		"another offset": func(w http.ResponseWriter) { w.Header().Set("Content-Range", "bytes 5-9/400000") },
		"another length": func(w http.ResponseWriter) { w.Header().Set("Content-Range", "bytes 300000-399999/400001") },
		"no offset":      func(http.ResponseWriter) {},
		"another tag": func(w http.ResponseWriter) {
			w.Header().Set("ETag", `"v2"`)
			w.Header().Set("Content-Range", "bytes 300000-399999/400000")
		},
		"another encoding": func(w http.ResponseWriter) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Header().Set("Content-Range", "bytes 300000-399999/400000")
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, func(w http.ResponseWriter, r *http.Request, n int) {
				switch n {
				case 0:
					part(w, r, data, `"v1"`, 300_000)
				case 1:
					bad(w)
					w.WriteHeader(http.StatusPartialContent)
					_, _ = w.Write(make([]byte, 100_000))
				default:
					part(w, r, data, `"v1"`, 1<<30)
				}
			})
			got, _, err := get(t, s.fetcher(), fetch.Content{URL: s.URL}, &lines{})
			if err != nil || !bytes.Equal(got, data) || s.requests()[2].Header.Get("Range") != "" {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
	t.Run("416", func(t *testing.T) {
		s := serve(t, func(w http.ResponseWriter, r *http.Request, n int) {
			if n == 1 {
				w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
				return
			}
			part(w, r, data, `"v1"`, 300_000+n*100_000)
		})
		if got, _, err := get(t, s.fetcher(), fetch.Content{URL: s.URL}, &lines{}); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	})
}

// TestLastModified is a validator when it was well before the reply.
func TestLastModified(t *testing.T) {
	data := random(400_000)
	s := serve(t, func(w http.ResponseWriter, r *http.Request, n int) {
		w.Header().Set("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT")
		part(w, r, data, "", 300_000)
	})
	got, _, err := get(t, s.fetcher(), fetch.Content{URL: s.URL}, &lines{})
	if err != nil || !bytes.Equal(got, data) || s.requests()[1].Header.Get("If-Range") != "Wed, 21 Oct 2015 07:28:00 GMT" {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}
