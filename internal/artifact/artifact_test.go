package artifact_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/workerkit/workerkit/internal/artifact"
	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/tc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const signature = "X-Signature=do-not-show"

// sink is a store and the queue that signs its URLs.
type sink struct {
	server *httptest.Server
	client *http.Client
	// answer says how the n-th PUT is answered, from 1 on; 0 breaks the connection.
	answer func(n int) int
	// valid is how long URLs last.
	valid time.Duration

	mu      sync.Mutex
	puts    int
	urls    map[string]int // how often each was used
	created int
	refused error // of createArtifact, from the second call on
	body    []byte
	header  http.Header
}

func newSink(t *testing.T, answer func(n int) int) *sink {
	t.Helper()
	s := &sink{answer: answer, valid: time.Hour, urls: map[string]int{}}
	s.server = httptest.NewServer(http.HandlerFunc(s.put))
	t.Cleanup(s.server.Close)
	s.client = s.server.Client()
	s.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return s
}

func (s *sink) put(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.puts++
	s.urls[r.URL.Path]++
	status := s.answer(s.puts)
	if status == 0 {
		_, _ = io.CopyN(io.Discard, r.Body, r.ContentLength/2)
		panic(http.ErrAbortHandler)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || r.URL.RawQuery != signature || r.Method != http.MethodPut || int64(len(body)) != r.ContentLength {
		status = http.StatusTeapot
	}
	s.body, s.header = body, r.Header
	w.Header().Set("Location", "/elsewhere")
	w.WriteHeader(status)
}

func (s *sink) CreateArtifact(_ context.Context, name string, a tc.Artifact) (tc.Upload, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.created++
	if s.created > 1 && s.refused != nil {
		return tc.Upload{}, s.refused
	}
	url := s.server.URL + "/" + strings.Repeat("u", s.created) + "?" + signature
	return tc.Upload{PutURL: url, ContentType: a.ContentType + "; from-queue", Expires: time.Now().Add(s.valid)}, nil
}

func (s *sink) FinishArtifact(context.Context, string, string) error { return errors.New("not for s3") }

func (s *sink) uploader() *artifact.Uploader {
	return &artifact.Uploader{
		HTTP: s.client, Now: time.Now,
		Policy: retry.Policy{Initial: time.Millisecond, Factor: 1.1, Attempts: 20},
	}
}

func text(s string) artifact.Data {
	return artifact.Data{
		Name: "public/a.txt", ContentType: "text/plain", Expires: time.Now().Add(time.Hour),
		Size: int64(len(s)), Length: int64(len(s)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(s)), nil },
	}
}

func upload(t *testing.T, s *sink, d artifact.Data) (said string, err error) {
	t.Helper()
	var log bytes.Buffer
	err = s.uploader().Upload(t.Context(), s, slog.New(slog.NewTextHandler(&log, nil)), d)
	said = log.String()
	if err != nil {
		said += err.Error()
	}
	if strings.Contains(said, "do-not-show") {
		t.Errorf("a signed URL was shown: %s", said)
	}
	return said, err
}

func ok(int) int { return http.StatusOK }

// after answers with these statuses first and then with 200.
func after(statuses ...int) func(int) int {
	return func(n int) int {
		if n <= len(statuses) {
			return statuses[n-1]
		}
		return http.StatusOK
	}
}

func TestUploadSendsWhatTheQueueWants(t *testing.T) {
	for _, content := range []string{"", "x", strings.Repeat("long ", 1<<18)} {
		s := newSink(t, ok)
		if _, err := upload(t, s, text(content)); err != nil {
			t.Fatal(err)
		}
		if string(s.body) != content || s.header.Get("Content-Type") != "text/plain; from-queue" || s.header.Get("Content-Encoding") != "identity" {
			t.Errorf("stored %d bytes with %v", len(s.body), s.header)
		}
		if s.puts != 1 || s.created != 1 {
			t.Errorf("%d PUTs, %d createArtifact", s.puts, s.created)
		}
	}
	s, d := newSink(t, ok), text("compressed")
	d.Encoding = artifact.Gzip
	if _, err := upload(t, s, d); err != nil || s.header.Get("Content-Encoding") != "gzip" {
		t.Errorf("%v, stored with %v", err, s.header)
	}
}

func TestUploadTriesAgainWhereThatMayHelp(t *testing.T) {
	for name, test := range map[string]struct {
		answers       []int
		puts, created int
	}{
		"unavailable":         {[]int{503, 500, 502}, 4, 1},
		"too many":            {[]int{429}, 2, 1},
		"S3's bad request":    {[]int{400, 400, 400, 400, 400}, 6, 6},
		"broken connection":   {[]int{0, 0}, 3, 1},
		"URL refused":         {[]int{403}, 2, 2},
		"URL refused later":   {[]int{503, 403, 503}, 4, 2},
		"three URLs refused":  {[]int{403, 401, 403}, 4, 4},
		"all of these at all": {[]int{0, 400, 403, 503, 429}, 6, 3},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSink(t, after(test.answers...))
			said, err := upload(t, s, text(strings.Repeat("data", 1000)))
			if err != nil || s.puts != test.puts || s.created != test.created {
				t.Errorf("%v after %d PUTs and %d URLs; want %d and %d", err, s.puts, s.created, test.puts, test.created)
			}
			if strings.Count(said, "level=WARN") != len(test.answers) {
				t.Errorf("the worker's log: %s", said)
			}
		})
	}
}

func TestUploadGivesUp(t *testing.T) {
	for status, puts := range map[int]int{http.StatusNotFound: 1, http.StatusTemporaryRedirect: 1, http.StatusRequestEntityTooLarge: 1, http.StatusForbidden: 4, http.StatusServiceUnavailable: 0} {
		s := newSink(t, func(int) int { return status })
		said, err := upload(t, s, text("data"))
		if !errors.Is(err, artifact.ErrUpload) || !strings.Contains(said, http.StatusText(status)) || !strings.Contains(said, "public/a.txt") {
			t.Errorf("%d: %v", status, err)
		}
		if puts != 0 && s.puts != puts || s.puts == 0 {
			t.Errorf("%d: %d PUTs", status, s.puts)
		}
	}
}

func TestUploadAsksForAFreshURLWhenTheOldOneHasExpired(t *testing.T) {
	s := newSink(t, after(503, 503))
	s.valid = 0
	if _, err := upload(t, s, text("data")); err != nil {
		t.Fatal(err)
	}
	if s.created != 3 || len(s.urls) != 3 {
		t.Errorf("%d URLs were made and used: %v", s.created, s.urls)
	}
}

func TestErrorOfTheQueueIsReturnedAsItIs(t *testing.T) {
	s := newSink(t, after(403))
	s.refused = &tc.Error{Op: "queue.createArtifact", Status: 409, Code: "RequestConflict", Message: "no longer running"}
	if _, err := upload(t, s, text("data")); tc.Status(err) != 409 || errors.Is(err, artifact.ErrUpload) {
		t.Errorf("%v", err)
	}
}

func TestUploadEndsWithItsContext(t *testing.T) {
	cause := errors.New("claim lost")
	ctx, cancel := context.WithCancelCause(t.Context())
	s := newSink(t, func(n int) int {
		if n == 3 {
			cancel(cause)
		}
		return http.StatusServiceUnavailable
	})
	u := s.uploader()
	u.Policy.Attempts = 0
	err := u.Upload(ctx, s, slog.New(slog.DiscardHandler), text("data"))
	if !errors.Is(err, cause) || s.puts != 3 {
		t.Errorf("%v after %d PUTs", err, s.puts)
	}
}

// slow takes a little of its first request each minute until that is given up, and answers the others.
type slow struct{ requests int }

func (s *slow) RoundTrip(r *http.Request) (*http.Response, error) {
	defer r.Body.Close()
	if s.requests++; s.requests == 1 {
		for r.Context().Err() == nil {
			time.Sleep(time.Minute)
			_, _ = r.Body.Read(make([]byte, 1))
		}
		return nil, r.Context().Err()
	}
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
}

// fixed is a queue with a URL that nobody serves.
type fixed struct{}

func (fixed) CreateArtifact(context.Context, string, tc.Artifact) (tc.Upload, error) {
	return tc.Upload{PutURL: "http://store.invalid/", Expires: time.Now().Add(time.Hour)}, nil
}

func (fixed) FinishArtifact(context.Context, string, string) error { return nil }

// TestLargeUploadHasASecondAttempt: one attempt may take longer than the policy's time.
func TestLargeUploadHasASecondAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := &slow{}
		u := &artifact.Uploader{HTTP: &http.Client{Transport: network}, Policy: retry.API(), Now: time.Now}
		d := text("x")
		d.Size, d.Length = 1<<30, 1<<30
		begin := time.Now()
		if err := u.Upload(t.Context(), fixed{}, slog.New(slog.DiscardHandler), d); err != nil || network.requests != 2 {
			t.Errorf("%v after %d attempts", err, network.requests)
		}
		if took := time.Since(begin); took < u.Policy.Total {
			t.Errorf("the first attempt took %v, which shows nothing", took)
		}
	})
}

func TestFileThatChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	write := func(n int) {
		if err := os.WriteFile(path, bytes.Repeat([]byte("x"), n), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct {
		between func()
		want    error
	}{
		"grows":    {func() { write(2000) }, nil},
		"shrinks":  {func() { write(10) }, artifact.ErrChanged},
		"vanishes": {func() { os.Remove(path) }, artifact.ErrChanged},
	} {
		t.Run(name, func(t *testing.T) {
			write(1000)
			s := newSink(t, func(n int) int { // the first attempt fails, and the file changes before the second
				if n > 1 {
					return http.StatusOK
				}
				test.between()
				return http.StatusServiceUnavailable
			})
			d := text(strings.Repeat("x", 1000))
			d.Open = func() (io.ReadCloser, error) { return os.Open(path) }
			_, err := upload(t, s, d)
			if !errors.Is(err, test.want) {
				t.Errorf("%v", err)
			}
			if test.want == nil && len(s.body) != 1000 {
				t.Errorf("stored %d bytes", len(s.body))
			}
		})
	}
}

func TestCompress(t *testing.T) {
	dir := t.TempDir()
	content := strings.Repeat("compress me, please. ", 1<<16)
	spool, err := new(artifact.Compressor).Compress(t.Context(), artifact.Wanted{Dir: dir, Encoding: artifact.Gzip}, strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	if spool.Size() != int64(len(content)) || spool.Length() > spool.Size()/10 {
		t.Errorf("%d bytes became %d", spool.Size(), spool.Length())
	}
	if err := spool.Remove(); err != nil {
		t.Error(err)
	}
	cause := errors.New("claim lost")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, err := new(artifact.Compressor).Compress(ctx, artifact.Wanted{Dir: dir, Encoding: artifact.Gzip}, strings.NewReader(content)); !errors.Is(err, cause) {
		t.Errorf("after its context: %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

// TestHashIsOfWhatWasSent, with whatever attempt that was, and of a file that has grown only the part that was.
func TestHashIsOfWhatWasSent(t *testing.T) {
	content := strings.Repeat("0123456789", 100_000)
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content+"more"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, open := range map[string]func() (io.ReadCloser, error){
		"memory": func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(content)), nil },
		"file":   func() (io.ReadCloser, error) { return os.Open(path) },
	} {
		s, d := newSink(t, after(503, 0, 403)), text(content)
		d.Open = open
		got, err := s.uploader().UploadHashed(t.Context(), s, slog.New(slog.DiscardHandler), d)
		want := sha256.Sum256([]byte(content))
		if err != nil || got != hex.EncodeToString(want[:]) || string(s.body) != content {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
	s := newSink(t, ok)
	got, err := s.uploader().UploadHashed(t.Context(), s, slog.New(slog.DiscardHandler), text(""))
	if empty := sha256.Sum256(nil); err != nil || got != hex.EncodeToString(empty[:]) {
		t.Errorf("of nothing: %s, %v", got, err)
	}
}

func BenchmarkUpload(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer server.Close()
	s := &sink{server: server, client: server.Client(), valid: time.Hour}
	path := filepath.Join(b.TempDir(), "file")
	line := "[task 2026-11-22T03:14:43.897Z] INFO  [worker-3] edge.popup: queued bind kernel id=b9a49f0238d21b79 in 307.96 ms\n"
	if err := os.WriteFile(path, bytes.Repeat([]byte(line), 64<<20/len(line)), 0o600); err != nil {
		b.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	d := artifact.Data{Name: "a", Size: info.Size(), Length: info.Size(), Open: func() (io.ReadCloser, error) { return os.Open(path) }}
	for name, prepare := range map[string]func(*testing.B) (artifact.Data, func()){
		"identity": func(*testing.B) (artifact.Data, func()) { return d, func() {} },
		"gzip": func(b *testing.B) (artifact.Data, func()) {
			file, err := os.Open(path)
			if err != nil {
				b.Fatal(err)
			}
			defer file.Close()
			spool, err := new(artifact.Compressor).Compress(b.Context(), artifact.Wanted{Dir: filepath.Dir(path), Encoding: artifact.Gzip}, file)
			if err != nil {
				b.Fatal(err)
			}
			zipped := d
			zipped.Encoding, zipped.Length, zipped.Open = artifact.Gzip, spool.Length(), spool.Open
			return zipped, func() { spool.Remove() }
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(d.Size)
			b.ReportAllocs()
			for b.Loop() {
				ready, done := prepare(b)
				if err := s.uploader().Upload(b.Context(), s, slog.New(slog.DiscardHandler), ready); err != nil {
					b.Fatal(err)
				}
				done()
			}
		})
	}
}
