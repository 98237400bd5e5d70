package lock_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/lock"
)

const body = "some bytes"

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// server serves /file, fails twice at /shaky, is broken in several ways, and counts.
func server(t *testing.T, calls *atomic.Int32) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/file", func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		if r.Header.Get("Accept-Encoding") != "identity" {
			http.Error(w, "compressed", http.StatusNotAcceptable)
			return
		}
		fmt.Fprint(w, body)
	})
	var shaky atomic.Int32
	mux.HandleFunc("/shaky", func(w http.ResponseWriter, _ *http.Request) {
		switch shaky.Add(1) {
		case 1:
			http.Error(w, "busy", http.StatusServiceUnavailable)
		case 2: // the connection breaks after a part
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, body)
		default:
			fmt.Fprint(w, body)
		}
	})
	mux.HandleFunc("/down", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "", http.StatusBadGateway) })
	mux.HandleFunc("/reset", func(w http.ResponseWriter, _ *http.Request) {
		connection, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = connection.Close()
		}
	})
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		fmt.Fprint(w, body)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	mux.Handle("/moved", http.RedirectHandler("/file", http.StatusFound))
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func updater(s *httptest.Server) lock.Updater {
	return lock.Updater{Fetch: &lock.Fetcher{
		Client: s.Client(), Stall: 300 * time.Millisecond, Retry: retry.Policy{Initial: time.Millisecond, Attempts: 3},
	}}
}

// fetching is an image with a download of each URL.
func fetching(urls ...string) packer.Image {
	i := packer.Image{Name: "a", Targets: []packer.Target{packer.QEMU}, Bases: map[packer.Target]packer.Base{packer.QEMU: {Disk: "here"}}, From: map[string]string{}}
	for n, url := range urls {
		path := fmt.Sprintf("/opt/%d", n)
		i.Downloads = append(i.Downloads, packer.Download{Path: path, URL: url})
		i.From[packer.Key("download", path, "url")] = fmt.Sprintf("a.hcl:%d", n+1)
	}
	return i
}

func TestUpdateOfDownloads(t *testing.T) {
	var calls atomic.Int32
	s := server(t, &calls)
	i := fetching(s.URL+"/file", s.URL+"/file", s.URL+"/shaky", s.URL+"/moved", s.URL+"/file?pinned")
	i.Bases[packer.QEMU] = packer.Base{Disk: s.URL + "/file?disk"}
	i.Downloads[4].SHA256 = sum("a") // by the definition
	now, changes, err := updater(s).Update(t.Context(), lock.Lock{}, lock.Wanted{Images: []packer.Image{i}, Downloads: true})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{s.URL + "/file": digest(body), s.URL + "/file?disk": digest(body), s.URL + "/shaky": digest(body), s.URL + "/moved": digest(body)}
	if diff := cmp.Diff(want, now.Downloads); diff != "" || len(changes) != 3 { // two look alike without their queries
		t.Errorf("%v\n%s", changes, diff)
	}
	if calls.Load() != 3 {
		t.Errorf("fetched %d times", calls.Load())
	}
}

// TestOnlyWhatIsOpenIsFetched, unless all of it is wanted again.
func TestOnlyWhatIsOpenIsFetched(t *testing.T) {
	var calls atomic.Int32
	s := server(t, &calls)
	was := lock.Lock{Downloads: map[string]string{s.URL + "/file": sum("a")}}
	i := fetching(s.URL + "/file")
	was.Apply(&i)
	w := lock.Wanted{Images: []packer.Image{i}, Downloads: true}
	if _, changes, err := updater(s).Update(t.Context(), was, w); err != nil || len(changes) != 0 || calls.Load() != 0 {
		t.Errorf("%v, %v, fetched %d times", changes, err, calls.Load())
	}
	w.Again = true
	_, changes, err := updater(s).Update(t.Context(), was, w)
	if diff := cmp.Diff([]lock.Change{{Pin: fmt.Sprintf("download %q", s.URL+"/file"), Old: sum("a"), New: digest(body)}}, changes); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

// TestDownloadsThatFail: each with its URL and what it was for, without what is secret in it.
func TestDownloadsThatFail(t *testing.T) {
	var calls atomic.Int32
	s := server(t, &calls)
	withUser := strings.Replace(s.URL, "http://", "http://user:password@", 1)
	i := fetching(s.URL+"/nowhere?signature=123", withUser+"/down", s.URL+"/reset?signature=123", s.URL+"/slow", "ftp://x/y", s.URL+"/file")
	now, _, err := updater(s).Update(t.Context(), lock.Lock{}, lock.Wanted{Images: []packer.Image{i}, Downloads: true})
	if err == nil || len(now.Downloads) != 0 {
		t.Fatalf("got %v, %v", now, err)
	}
	lines := strings.Split(err.Error(), "\n")
	for n, want := range []string{
		"update: fetch " + s.URL + "/nowhere for a (a.hcl:1): 404 Not Found",
		"update: fetch " + s.URL + "/down for a (a.hcl:2): 502 Bad Gateway",
		"update: fetch " + s.URL + "/reset for a (a.hcl:3): ", // each system has its own word for it
		"update: fetch " + s.URL + "/slow for a (a.hcl:4): too slow: the server has stopped sending",
		"update: fetch ftp://x/y for a (a.hcl:5): only http and https can be fetched, not ftp: write the sha256 into the definition",
	} {
		if n >= len(lines) || !strings.HasPrefix(lines[n], want) {
			t.Errorf("want %s in\n%v", want, err)
		}
	}
	if len(lines) != 5 || strings.Contains(err.Error(), "signature") || strings.Contains(err.Error(), "password") {
		t.Errorf("got %v", err)
	}
}

func TestProgress(t *testing.T) {
	var calls atomic.Int32
	s := server(t, &calls)
	u := updater(s)
	var done, total int64
	u.Fetch.Progress = func(_ string, d, of int64) { done, total = d, of }
	if _, _, err := u.Update(t.Context(), lock.Lock{}, lock.Wanted{Images: []packer.Image{fetching(s.URL + "/file")}, Downloads: true}); err != nil {
		t.Fatal(err)
	}
	if done != int64(len(body)) || total != int64(len(body)) {
		t.Errorf("%d of %d", done, total)
	}
}
