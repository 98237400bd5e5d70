package blob_test

import (
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/workerkit/workerkit/local/blob"
)

// served is a store behind HTTP, on a clock that the test moves.
type served struct {
	*blob.Store
	t     testing.TB
	url   string
	clock *atomic.Int64 // seconds
}

func serve(t testing.TB) served {
	t.Helper()
	s := served{t: t, clock: &atomic.Int64{}}
	s.clock.Store(1795000000)
	var err error
	s.Store, err = blob.Open(t.TempDir(), blob.Options{
		Clock: func() time.Time { return time.Unix(s.clock.Load(), 0) }, RootURL: func() string { return s.url },
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

type reply struct {
	status int
	header http.Header
	body   string
	code   string // of an error
}

// do makes a request; headers are name, value, and so on.
func (s served) do(method, url, body string, headers ...string) reply {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	got, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = got.Body.Close() }()
	data, err := io.ReadAll(got.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	out := reply{status: got.StatusCode, header: got.Header, body: string(data)}
	if got.Header.Get("Content-Type") == "application/xml" && len(data) > 0 {
		var fault struct {
			XMLName       xml.Name `xml:"Error"`
			Code, Message string
		}
		if err := xml.Unmarshal(data, &fault); err != nil || fault.Message == "" {
			s.t.Errorf("an error that is not S3's: %v %s", err, data)
		}
		out.code = fault.Code
	}
	return out
}

func (s served) expect(got reply, status int, code string) {
	s.t.Helper()
	if got.status != status || got.code != code {
		s.t.Errorf("%d %s %s, want %d %s", got.status, got.code, got.body, status, code)
	}
}

func TestPutAndGet(t *testing.T) {
	s := serve(t)
	key := "dir/a b+c%.txt"
	put, until := s.PutURL(blob.PrivateBucket, key, nil)
	if want := time.Unix(s.clock.Load(), 0).Add(45 * time.Minute); !until.Equal(want) {
		t.Errorf("good until %v, want %v", until, want)
	}
	q, err := url.Parse(put)
	if err != nil {
		t.Fatal(err)
	}
	if v := q.Query(); v.Get("X-Amz-Expires") != "2710" || v.Get("X-Amz-SignedHeaders") != "host" || v.Get("X-Amz-Algorithm") != "AWS4-HMAC-SHA256" {
		t.Errorf("URL %s", put)
	}
	stored := s.do(http.MethodPut, put, "0123456789", "Content-Type", "text/x", "Content-Encoding", "gzip")
	s.expect(stored, 200, "")

	get := s.GetURL(blob.PrivateBucket, key, time.Hour)
	got := s.do(http.MethodGet, get, "", "Accept-Encoding", "gzip")
	s.expect(got, 200, "")
	for name, want := range map[string]string{
		"Content-Type": "text/x", "Content-Encoding": "gzip", "ETag": stored.header.Get("ETag"), "Content-Length": "10", "Accept-Ranges": "bytes",
	} {
		if got.header.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, got.header.Get(name), want)
		}
	}
	if got.body != "0123456789" {
		t.Errorf("body %q", got.body)
	}
	for name, tc := range map[string]struct {
		headers []string
		status  int
		body    string
	}{
		"range":               {[]string{"Range", "bytes=2-4"}, 206, "234"},
		"open range":          {[]string{"Range", "bytes=7-"}, 206, "789"},
		"suffix":              {[]string{"Range", "bytes=-1"}, 206, "9"},
		"if-range, the same":  {[]string{"Range", "bytes=2-4", "If-Range", stored.header.Get("ETag")}, 206, "234"},
		"if-range, another":   {[]string{"Range", "bytes=2-4", "If-Range", `"other"`}, 200, "0123456789"},
		"if-none-match, same": {[]string{"If-None-Match", stored.header.Get("ETag")}, 304, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := s.do(http.MethodGet, get, "", append(tc.headers, "Accept-Encoding", "gzip")...)
			if got.status != tc.status || got.body != tc.body {
				t.Errorf("%d %q, want %d %q", got.status, got.body, tc.status, tc.body)
			}
		})
	}
	if got := s.do(http.MethodGet, get, "", "Range", "bytes=10-"); got.status != 416 {
		t.Errorf("a range past the end: %d", got.status)
	}
	s.expect(s.do(http.MethodGet, s.GetURL(blob.PrivateBucket, "none", time.Hour), ""), 404, "NoSuchKey")
}

func TestPublicRead(t *testing.T) {
	s := serve(t)
	put, _ := s.PutURL(blob.PublicBucket, "public/x", nil)
	s.expect(s.do(http.MethodPut, put, "data"), 200, "")
	if got := s.do(http.MethodGet, s.PublicURL("public/x"), ""); got.status != 200 || got.body != "data" || got.header.Get("Content-Type") != "binary/octet-stream" {
		t.Errorf("%+v", got)
	}
	if got := s.do(http.MethodHead, s.PublicURL("public/x"), ""); got.status != 200 || got.body != "" || got.header.Get("Content-Length") != "4" {
		t.Errorf("HEAD: %+v", got)
	}
	s.expect(s.do(http.MethodGet, s.PublicURL("public/none"), ""), 404, "NoSuchKey")
	s.expect(s.do(http.MethodPut, s.PublicURL("public/x"), "other"), 403, "AccessDenied")
	s.expect(s.do(http.MethodDelete, s.PublicURL("public/x"), ""), 405, "MethodNotAllowed")
	for _, bucket := range []string{blob.PrivateBucket, blob.ObjectBucket} {
		s.expect(s.do(http.MethodGet, s.url+"/s3/"+bucket+"/public/x", ""), 403, "AccessDenied")
	}
	for _, path := range []string{"/s3/other-bucket/x", "/s3/" + blob.PublicBucket, "/s3/" + blob.PublicBucket + "/", "/elsewhere"} {
		s.expect(s.do(http.MethodGet, s.url+path, ""), 404, "NoSuchBucket")
	}
}

// TestTampering changes everything that a signature covers.
func TestTampering(t *testing.T) {
	s := serve(t)
	length := http.Header{"Content-Length": {"4"}, "Content-Type": {"text/plain"}}
	put, _ := s.PutURL(blob.PublicBucket, "k", length)
	get := s.GetURL(blob.PrivateBucket, "k", time.Hour)
	private, _ := s.PutURL(blob.PrivateBucket, "k", nil)
	s.expect(s.do(http.MethodPut, private, "data"), 200, "")
	set := func(u, name, value string) string {
		parsed, err := url.Parse(u)
		if err != nil {
			t.Fatal(err)
		}
		q := parsed.Query()
		q.Set(name, value)
		parsed.RawQuery = q.Encode()
		return parsed.String()
	}
	plain := []string{"Content-Type", "text/plain"}
	for name, tc := range map[string]struct {
		method, url, body string
		headers           []string
		code              string
	}{
		"other method":          {http.MethodGet, put, "", nil, "SignatureDoesNotMatch"},
		"other bucket":          {http.MethodPut, strings.Replace(put, blob.PublicBucket, blob.PrivateBucket, 1), "data", plain, "SignatureDoesNotMatch"},
		"other key":             {http.MethodPut, strings.Replace(put, "/k?", "/l?", 1), "data", plain, "SignatureDoesNotMatch"},
		"longer life":           {http.MethodPut, set(put, "X-Amz-Expires", "99999"), "data", plain, "SignatureDoesNotMatch"},
		"later date":            {http.MethodPut, set(put, "X-Amz-Date", "20990101T000000Z"), "data", plain, "SignatureDoesNotMatch"},
		"fewer headers":         {http.MethodPut, set(put, "X-Amz-SignedHeaders", "host"), "data", plain, "SignatureDoesNotMatch"},
		"another parameter":     {http.MethodPut, set(put, "x-more", "1"), "data", plain, "SignatureDoesNotMatch"},
		"other signature":       {http.MethodPut, set(put, "X-Amz-Signature", strings.Repeat("0", 64)), "data", plain, "SignatureDoesNotMatch"},
		"other length":          {http.MethodPut, put, "datadata", plain, "SignatureDoesNotMatch"},
		"other type":            {http.MethodPut, put, "data", []string{"Content-Type", "text/html"}, "SignatureDoesNotMatch"},
		"GET, other key":        {http.MethodGet, strings.Replace(get, "/k?", "/l?", 1), "", nil, "SignatureDoesNotMatch"},
		"public, bad signature": {http.MethodGet, set(s.PublicURL("k"), "X-Amz-Signature", "0"), "", nil, "SignatureDoesNotMatch"},
		"no signature":          {http.MethodPut, s.PublicURL("k"), "data", plain, "AccessDenied"},
	} {
		t.Run(name, func(t *testing.T) {
			s := s
			s.t = t
			s.expect(s.do(tc.method, tc.url, tc.body, tc.headers...), 403, tc.code)
		})
	}
	elsewhere := httptest.NewRequestWithContext(t.Context(), http.MethodGet, get, nil)
	elsewhere.Host = "other.invalid"
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, elsewhere)
	if w.Code != 403 {
		t.Errorf("other host: %d", w.Code)
	}
	if _, err := s.Stat(blob.PublicBucket, "k"); err == nil {
		t.Error("a refused PUT was stored")
	}
	s.expect(s.do(http.MethodPut, put, "data", plain...), 200, "")
}

func TestExpiry(t *testing.T) {
	s := serve(t)
	put, _ := s.PutURL(blob.PublicBucket, "k", nil)
	get := s.GetURL(blob.PublicBucket, "k", time.Minute)
	s.clock.Add(2709)
	s.expect(s.do(http.MethodPut, put, "data"), 200, "")
	s.clock.Add(1)
	s.expect(s.do(http.MethodPut, put, "data"), 403, "AccessDenied")
	s.expect(s.do(http.MethodGet, get, ""), 403, "AccessDenied")
}

// TestURLsOutliveARestart: the signing key is kept.
func TestURLsOutliveARestart(t *testing.T) {
	dir := t.TempDir()
	root := "http://localhost"
	o := blob.Options{RootURL: func() string { return root }}
	first, err := blob.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	put, _ := first.PutURL(blob.PublicBucket, "k", nil)
	second, err := blob.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		store *blob.Store
		want  int
	}{"the same folder": {second, 200}, "another folder": {open(t, t.TempDir()), 403}} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, put, strings.NewReader("data"))
		w := httptest.NewRecorder()
		tc.store.Handler().ServeHTTP(w, r)
		if w.Code != tc.want {
			t.Errorf("%s: %d, want %d: %s", name, w.Code, tc.want, w.Body)
		}
	}
}

// TestCutOffPut: a PUT whose client goes away stores nothing, and one of unknown length is refused.
func TestCutOffPut(t *testing.T) {
	s := serve(t)
	put, _ := s.PutURL(blob.PublicBucket, "k", nil)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, put, io.LimitReader(zeros{}, 100))
	r.ContentLength = 200
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	if w.Code != 400 || !strings.Contains(w.Body.String(), "<Code>IncompleteBody</Code>") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	r = httptest.NewRequestWithContext(t.Context(), http.MethodPut, put, io.LimitReader(zeros{}, 100))
	r.ContentLength = -1
	w = httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	if w.Code != 411 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if _, err := s.Stat(blob.PublicBucket, "k"); err == nil {
		t.Error("half a PUT was stored")
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// BenchmarkPut is a PUT of 256 MiB over loopback, to the disk.
func BenchmarkPut(b *testing.B) {
	s := serve(b)
	const size = 256 << 20
	b.SetBytes(size)
	for i := 0; b.Loop(); i++ {
		put, _ := s.PutURL(blob.PublicBucket, "k"+strconv.Itoa(i%2), nil)
		r, err := http.NewRequestWithContext(b.Context(), http.MethodPut, put, io.LimitReader(zeros{}, size))
		if err != nil {
			b.Fatal(err)
		}
		r.ContentLength = size
		got, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			b.Fatal(err)
		}
		_ = got.Body.Close()
		if got.StatusCode != 200 {
			b.Fatal(got.Status)
		}
	}
}
