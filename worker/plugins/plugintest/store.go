package plugintest

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/workerkit/workerkit/internal/artifact"
	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/tc"
)

// Signature is part of every URL that a Store gives; no log and no error may hold it.
const Signature = "X-Signature=do-not-show"

// Store takes what is PUT to the URLs that it signs. It is also an object service. It may be
// used from any goroutine.
type Store struct {
	server *httptest.Server

	mu       sync.Mutex
	stored   map[string]Stored
	statuses map[string][]int
	refuse   bool
	finished map[string][2]string
}

// Stored is what was PUT.
type Stored struct {
	Data   []byte // as it came
	Header http.Header
	Puts   int // that came for the name, also those that were refused
}

// NewStore starts a store that ends with the test.
func NewStore(t testing.TB) *Store {
	t.Helper()
	s := &Store{stored: map[string]Stored{}, statuses: map[string][]int{}, finished: map[string][2]string{}}
	s.server = httptest.NewServer(http.HandlerFunc(s.put))
	t.Cleanup(s.server.Close)
	return s
}

// Client is an HTTP client for the store.
func (s *Store) Client() *http.Client { return s.server.Client() }

// Uploader uploads to the store, and soon gives up.
func (s *Store) Uploader() *artifact.Uploader {
	return &artifact.Uploader{
		HTTP: s.Client(), Now: time.Now,
		Policy: retry.Policy{Initial: time.Millisecond, Attempts: 8}, // not by time: a machine may be busy
	}
}

// Answer makes the next PUTs for the name be answered with these statuses, of which 0 breaks
// the connection half-way.
func (s *Store) Answer(name string, statuses ...int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.statuses[name] = append(s.statuses[name], statuses...)
}

// Refuse makes the store break every connection from now on.
func (s *Store) Refuse() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = true
}

// Get returns what was stored under a name.
func (s *Store) Get(name string) (Stored, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	got, ok := s.stored[name]
	return got, ok && got.Header != nil
}

// Names lists what was stored.
func (s *Store) Names() map[string]Stored {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.stored)
}

// Text is the data, decompressed if it came compressed.
func (s Stored) Text() (string, error) {
	switch s.Header.Get("Content-Encoding") {
	case "gzip":
	case "zstd":
		z, err := zstd.NewReader(bytes.NewReader(s.Data))
		if err != nil {
			return "", err
		}
		defer z.Close()
		text, err := io.ReadAll(z)
		return string(text), err
	default:
		return string(s.Data), nil
	}
	z, err := gzip.NewReader(bytes.NewReader(s.Data))
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(z)
	return string(text), err
}

func (s *Store) sign(name string) string {
	return s.server.URL + "/" + url.PathEscape(name) + "?" + Signature
}

func (s *Store) put(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/")
	status := http.StatusOK
	s.mu.Lock()
	got := s.stored[name]
	got.Puts++
	s.stored[name] = got
	if s.refuse {
		status = 0
	}
	if left := s.statuses[name]; len(left) > 0 {
		status, s.statuses[name] = left[0], left[1:]
	}
	s.mu.Unlock()
	if r.Method != http.MethodPut || r.URL.RawQuery != Signature {
		status = http.StatusMethodNotAllowed
	}
	if status == 0 {
		_, _ = io.CopyN(io.Discard, r.Body, r.ContentLength/2)
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = conn.Close()
		}
		return
	}
	data, err := io.ReadAll(r.Body)
	if err != nil || int64(len(data)) != r.ContentLength {
		status = http.StatusInternalServerError
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if status == http.StatusOK {
		got = s.stored[name]
		got.Data, got.Header = data, r.Header
		s.stored[name] = got
	}
	w.WriteHeader(status)
}

var _ tc.Objects = (*Store)(nil)

// CreateUpload implements tc.Objects: it takes data inline where that is proposed.
func (s *Store) CreateUpload(_ context.Context, u tc.Upload, contentType string, length int64, inline []byte) (tc.UploadMethod, error) {
	name := strings.TrimPrefix(u.Name, "t/")
	if inline == nil {
		headers := map[string]string{"Content-Type": contentType, "Content-Length": fmt.Sprint(length), "X-Storage": "object"}
		return tc.UploadMethod{PutURL: s.sign(name), Headers: headers, Expires: time.Now().Add(time.Hour)}, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stored[name] = Stored{Data: inline, Header: http.Header{"Content-Type": {contentType}}}
	return tc.UploadMethod{Inline: true}, nil
}

// FinishUpload implements tc.Objects.
func (s *Store) FinishUpload(_ context.Context, u tc.Upload, sha256, sha512 string) error {
	if u.UploadID == "" || u.ProjectID == "" {
		return errors.New("finishUpload: not the upload that was created")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finished[strings.TrimPrefix(u.Name, "t/")] = [2]string{sha256, sha512}
	return nil
}

// Sums returns the SHA-256 and SHA-512 with which an object was finished.
func (s *Store) Sums(name string) (sha256, sha512 string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.finished[name][0], s.finished[name][1]
}
