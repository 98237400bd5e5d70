package fetch_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/fetch"
	"github.com/workerkit/workerkit/internal/tc"
)

// TestStatuses: what may pass is tried again, the rest says what to do; the query of a URL, which may
// be secret, is never said.
func TestStatuses(t *testing.T) {
	for status, c := range map[int]struct {
		requests int
		want     string
	}{
		http.StatusNotFound:            {1, "404 Not Found: nothing is there: check the url"},
		http.StatusGone:                {1, "nothing is there"},
		http.StatusForbidden:           {1, "403 Forbidden: the worker sends no credentials with a url"},
		http.StatusUnauthorized:        {1, "the worker sends no credentials"},
		http.StatusTeapot:              {1, "does not accept the request"},
		http.StatusNoContent:           {1, "204 No Content"},
		http.StatusTooManyRequests:     {4, "429 Too Many Requests: the server has trouble: run the task again later"},
		http.StatusRequestTimeout:      {4, "408"},
		http.StatusInternalServerError: {4, "the server has trouble"},
		http.StatusServiceUnavailable:  {4, "the server has trouble"},
	} {
		s := serve(t, func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(status) })
		log := &lines{}
		address := strings.Replace(s.URL, "http://", "http://user:passw0rd@", 1) + "/some/file?token=s3cret"
		_, _, err := get(t, s.fetcher(), fetch.Content{URL: address}, log)
		if err == nil || !strings.Contains(err.Error(), c.want) || len(s.requests()) != c.requests {
			t.Errorf("%v after %d requests", err, len(s.requests()))
		}
		if text := fmt.Sprint(err, log); !strings.Contains(text, s.URL+"/some/file") || strings.Count(fmt.Sprint(err), s.URL) != 1 || strings.Contains(text, "s3cret") || strings.Contains(text, "passw0rd") {
			t.Errorf("said %s", text)
		}
		if again := strings.Count(log.String(), "tried again in"); again != c.requests-1 {
			t.Errorf("%d: %d lines about another attempt", status, again)
		}
	}
}

// TestServerThatDisappears: in the middle, and for good.
func TestServerThatDisappears(t *testing.T) {
	var s *server
	s = serve(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		_ = s.Listener.Close()
		w.Header().Set("Connection", "close")
		part(w, r, random(400_000), `"v1"`, 200_000)
	})
	_, _, err := get(t, s.fetcher(), fetch.Content{URL: s.URL + "/f?token=s3cret"}, &lines{})
	if err == nil || !strings.Contains(err.Error(), "the server cannot be reached or does not send all: check the address") || strings.Contains(err.Error(), "s3cret") {
		t.Error(err)
	}
}

// TestStall: a server that sends nothing is not waited for, whether or not it has sent something.
func TestStall(t *testing.T) {
	data := random(400_000)
	free := make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, r *http.Request, n int) {
		switch n {
		case 0:
			<-free
		case 1:
			w.Header().Set("ETag", `"v1"`)
			w.Header().Set("Content-Length", fmt.Sprint(len(data)))
			_, _ = w.Write(data[:100_000])
			_ = http.NewResponseController(w).Flush()
			<-free
		default:
			part(w, r, data, `"v1"`, 1<<30)
		}
	})
	defer close(free)
	f := s.fetcher()
	f.Stall = 50 * time.Millisecond
	log := &lines{}
	got, _, err := get(t, f, fetch.Content{URL: s.URL}, log)
	if err != nil || !bytes.Equal(got, data) || s.requests()[2].Header.Get("Range") != "bytes=100000-" {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if strings.Count(log.String(), "sent nothing for too long") != 2 {
		t.Errorf("said %s", log)
	}
}

func TestRedirects(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		if r.URL.Path == "/" {
			http.Redirect(w, r, "/there", http.StatusFound)
			return
		}
		_, _ = io.WriteString(w, "data")
	})
	client := tc.NewHTTP() // which does not follow them
	defer client.CloseIdleConnections()
	f := fetch.New(tc.New(s.URL, client, quick()), client, quick())
	if got, _, err := get(t, f, fetch.Content{URL: s.URL}, &lines{}); err != nil || string(got) != "data" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestMetadata: a task cannot have the worker ask for the machine's credentials, not even by a
// redirect.
func TestMetadata(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		http.Redirect(w, r, "http://169.254.169.254/latest/user-data", http.StatusFound)
	})
	for _, address := range []string{
		s.URL, "http://169.254.169.254/x", "http://[::ffff:169.254.169.254]/x", "http://[fd00:ec2::254]/x", "http://168.63.129.16:32526/x", "http://[fe80::1%25lo]/x",
	} {
		_, _, err := get(t, s.fetcher(), fetch.Content{URL: address}, &lines{})
		if err == nil || !strings.Contains(err.Error(), "may not have the worker look") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// wrapped is a client's transport of another kind.
type wrapped struct{ http.RoundTripper }

// TestMetadataByAnyClient: the client that the caller has does not matter.
func TestMetadataByAnyClient(t *testing.T) {
	client := &http.Client{Transport: wrapped{http.DefaultTransport}}
	f := fetch.New(tc.New("http://localhost", client, quick()), client, quick())
	_, _, err := get(t, f, fetch.Content{URL: "http://169.254.169.254/x"}, &lines{})
	if err == nil || !strings.Contains(err.Error(), "may not have the worker look") {
		t.Error(err)
	}
}

// TestProxy: what a proxy is asked for is looked at as well, since it is the proxy that connects.
func TestProxy(t *testing.T) {
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) { _, _ = io.WriteString(w, r.URL.String()) })
	at, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(at), DisableKeepAlives: true}}
	f := fetch.New(tc.New(proxy.URL, client, quick()), client, quick())
	for address, refused := range map[string]bool{
		"http://192.0.2.1/f":                     false,
		"http://name.invalid/f":                  false, // whatever the proxy takes it for
		"http://0xyz.invalid/f":                  false,
		"http://169.254.169.254/x":               true,
		"http://169.254.169.254./x":              true,
		"http://[::ffff:169.254.169.254]:8080/x": true,
		"http://2852039166/x":                    true,
		"http://0xa9fea9fe/x":                    true,
		"http://169.254.0xa9fe/x":                true,
	} {
		got, _, err := get(t, f, fetch.Content{URL: address}, &lines{})
		if refused && (err == nil || !strings.Contains(err.Error(), "may not have the worker look")) || !refused && string(got) != address {
			t.Errorf("%s: %q, %v", address, got, err)
		}
	}
}

// TestSignedURLThatRedirects: the server that it leads to is not told the signature.
func TestSignedURLThatRedirects(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request, n int) {
		if n == 0 {
			http.Redirect(w, r, "/there", http.StatusFound)
		}
	})
	if _, _, err := get(t, s.fetcher(), fetch.Content{URL: s.URL + "/?token=s3cret"}, &lines{}); err != nil {
		t.Fatal(err)
	}
	if last := s.requests()[1]; last.Referer() != "" {
		t.Errorf("it was told %q", last.Referer())
	}
}

func TestRedirectsWithoutEnd(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) { http.Redirect(w, r, "/", http.StatusFound) })
	if _, _, err := get(t, s.fetcher(), fetch.Content{URL: s.URL}, &lines{}); err == nil || !strings.Contains(err.Error(), "redirect without end") {
		t.Error(err)
	}
}

func TestURLsThatCannotBeFetched(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request, int) {})
	for _, address := range []string{"file:///etc/passwd", "no-scheme", "http://", "http://[::1", "ftp://host/f"} {
		_, _, err := get(t, s.fetcher(), fetch.Content{URL: address}, &lines{})
		if err == nil || !strings.Contains(err.Error(), "must begin with http://") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestInline(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request, int) {})
	plain := "raw \x00 text"
	for want, c := range map[string]fetch.Content{
		plain:  {Raw: plain, SHA256: fetch.Sum([]byte(plain))},
		"":     {},
		"ab":   {Base64: base64.StdEncoding.EncodeToString([]byte("ab"))},
		"abc+": {Base64: base64.RawStdEncoding.EncodeToString([]byte("abc+")), SHA256: fetch.Sum([]byte("abc+"))},
	} {
		if got, _, err := get(t, s.fetcher(), c, &lines{}); err != nil || string(got) != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
	for _, c := range []fetch.Content{{Raw: "a", SHA256: fetch.Sum([]byte("b"))}, {Base64: "YQ==", SHA256: fetch.Sum([]byte("b"))}} {
		if _, _, err := get(t, s.fetcher(), c, &lines{}); !errors.Is(err, fetch.ErrMismatch) {
			t.Error(err)
		}
	}
	if _, _, err := get(t, s.fetcher(), fetch.Content{Base64: "A"}, &lines{}); err == nil || !strings.Contains(err.Error(), "not base64") {
		t.Error(err)
	}
}

// TestMismatch is final.
func TestMismatch(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request, _ int) { _, _ = io.WriteString(w, "data") })
	want := fetch.Sum([]byte("other"))
	_, _, err := get(t, s.fetcher(), fetch.Content{URL: s.URL, SHA256: want}, &lines{})
	if !errors.Is(err, fetch.ErrMismatch) || len(s.requests()) != 1 {
		t.Errorf("%v after %d requests", err, len(s.requests()))
	}
	for _, part := range []string{want, fetch.Sum([]byte("data")), "put the right one there"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not say %q", err, part)
		}
	}
}

// TestCancel: the end of the context ends a download, with its cause.
func TestCancel(t *testing.T) {
	free := make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		_, _ = w.Write(make([]byte, 300_000))
		_ = http.NewResponseController(w).Flush()
		<-free
	})
	defer close(free)
	ctx, cancel := context.WithCancelCause(t.Context())
	path := filepath.Join(t.TempDir(), "file")
	d, err := s.fetcher().Start(ctx, fetch.Content{URL: s.URL}, fetch.Access{}, path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := d.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	why := errors.New("the task was cancelled")
	cancel(why)
	if _, err := d.Wait(t.Context()); !errors.Is(err, why) {
		t.Error(err)
	}
	if _, err := io.Copy(io.Discard, r); !errors.Is(err, why) {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	gone(t, path)
}

func TestStrings(t *testing.T) {
	for _, c := range []struct {
		content     fetch.Content
		key, string string
	}{
		{fetch.Content{TaskID: "T", Artifact: "public/a"}, "artifact:T:public/a", "artifact public/a of task T"},
		{fetch.Content{URL: "https://u:p@h/x?t=1#f"}, "urlcontent:https://u:p@h/x?t=1#f", "https://h/x"},
		{fetch.Content{Raw: "a"}, "Raw content: a", "raw content of the payload"},
		{fetch.Content{Base64: "YQ=="}, "Base64 content: YQ==", "base64 content of the payload"},
		{fetch.Content{Namespace: "n.s", Artifact: "a"}, "", "artifact a of the task indexed as n.s"},
	} {
		if c.key != "" && c.content.Key() != c.key || c.content.String() != c.string {
			t.Errorf("%q, %q", c.content.Key(), c.content)
		}
	}
}
