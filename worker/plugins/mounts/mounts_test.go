package mounts_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/workerkit/workerkit/internal/archive"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/plugins/mounts"
	"github.com/workerkit/workerkit/worker/plugins/plugintest"
	"github.com/workerkit/workerkit/worker/task"
)

// scoped gives every task the scopes of its caches.
type scoped struct{ *mounts.Plugin }

func (s scoped) New(run *task.Run) (plugins.Hooks, error) {
	run.Definition.Scopes = []string{"generic-worker:cache:*"}
	return s.Plugin.New(run)
}

func TestConforms(t *testing.T) {
	plugintest.Conform(t, plugintest.Case{
		New: func(t *testing.T, _ *plugintest.Store) plugins.Plugin { return scoped{newStand(t).Plugin} },
		Payload: `{"mounts": [
			{"file": "a/f", "content": {"raw": "text"}},
			{"directory": "d", "content": {"base64": "` + base64.StdEncoding.EncodeToString(tarball(t, true, "x", "1")) + `"}, "format": "tar.gz"},
			{"directory": "c", "cacheName": "c"}
		]}`,
	})
}

// tarball makes an archive of files, given as names and contents.
func tarball(t testing.TB, zipped bool, files ...string) []byte {
	t.Helper()
	var data bytes.Buffer
	w := tar.NewWriter(&data)
	for i := 0; i < len(files); i += 2 {
		err := w.WriteHeader(&tar.Header{Name: files[i], Mode: 0o644, Size: int64(len(files[i+1]))})
		if err == nil {
			_, err = w.Write([]byte(files[i+1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if zipped {
		return gz(t, data.Bytes())
	}
	return data.Bytes()
}

func gz(t testing.TB, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zipfile(t testing.TB, name, content string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	f, err := w.Create(name)
	if err == nil {
		_, err = f.Write([]byte(content))
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

func encoded(data []byte) string { return base64.StdEncoding.EncodeToString(data) }

// TestContents are in the task directory, in whatever form they come.
func TestContents(t *testing.T) {
	s := newStand(t)
	plain, archived := []byte("plain text"), tarball(t, true, "sub/x", "1", "y", "2")
	u := map[string]string{"plain": s.put("/plain", plain), "gz": s.put("/gz", gz(t, plain)), "tar": s.put("/tar", archived), "zip": s.put("/zip", zipfile(t, "z", "3"))}
	for name, c := range map[string]struct {
		mount string
		want  map[string]string
		log   string
	}{
		"raw":                {`{"file": "f", "content": {"raw": "a\nb"}}`, map[string]string{"f": "a\nb"}, "[mounts] Copied 3 bytes from raw content"},
		"raw, empty":         {`{"file": "f", "content": {"raw": ""}}`, map[string]string{"f": ""}, ""},
		"in a folder":        {`{"file": "x/../y/f", "content": {"raw": "a"}}`, map[string]string{"y": "folder", "y/f": "a"}, ""},
		"base64":             {`{"file": "f", "content": {"base64": "` + encoded([]byte("ab")) + `"}}`, map[string]string{"f": "ab"}, ""},
		"base64, compressed": {`{"file": "f", "content": {"base64": "` + encoded(gz(t, plain)) + `"}, "format": "gz"}`, map[string]string{"f": "plain text"}, "Decompressing gz file"},
		"url":                {`{"file": "f", "content": {"url": "` + u["plain"] + `", "sha256": "` + sum(plain) + `"}}`, map[string]string{"f": "plain text"}, "with SHA256 " + sum(plain) + " from "},
		"url, compressed":    {`{"file": "f", "content": {"url": "` + u["gz"] + `"}, "format": "gz"}`, map[string]string{"f": "plain text"}, "content authenticity cannot be verified"},
		"tar.gz":             {`{"directory": "d", "content": {"url": "` + u["tar"] + `", "sha256": "` + sum(archived) + `"}, "format": "tar.gz"}`, map[string]string{"d": "folder", "d/sub": "folder", "d/sub/x": "1", "d/y": "2"}, "Extracting tar.gz file of " + u["tar"]},
		"zip":                {`{"directory": "d", "content": {"url": "` + u["zip"] + `"}, "format": "zip"}`, map[string]string{"d": "folder", "d/z": "3"}, ""},
		"cache":              {`{"directory": "d", "cacheName": "` + t.Name() + `"}`, map[string]string{"d": "folder"}, "No existing writable directory cache '" + t.Name() + "' - creating "},
		"cache with content": {`{"directory": "d", "cacheName": "b", "content": {"url": "` + u["zip"] + `"}, "format": "zip"}`, map[string]string{"d": "folder", "d/z": "3"}, "Successfully mounted writable directory cache"},
	} {
		t.Run(name, func(t *testing.T) {
			r := s.life("["+c.mount+"]", success(), nil)
			r.resolved(t, task.Completed)
			if !maps.Equal(r.files, c.want) {
				t.Errorf("the commands saw %v, want %v", r.files, c.want)
			}
			if !strings.Contains(r.log, c.log) {
				t.Errorf("%q is not in\n%s", c.log, r.log)
			}
			if quiet := strings.Contains(c.mount, "url") && !strings.Contains(c.mount, "sha256"); quiet != strings.Contains(r.log, ":warn") {
				t.Errorf("warned:\n%s", r.log)
			}
		})
	}
}

// TestAbsolutePlaces are meant as they stand.
func TestAbsolutePlaces(t *testing.T) {
	s := newStand(t)
	place := filepath.Join(t.TempDir(), "sub", "f")
	quoted, err := json.Marshal(place)
	if err != nil {
		t.Fatal(err)
	}
	var seen string
	r := s.life(`[{"file": `+string(quoted)+`, "content": {"raw": "a"}}]`, success(), func(string) {
		data, err := os.ReadFile(place)
		seen = fmt.Sprint(string(data), err)
	})
	r.resolved(t, task.Completed)
	if seen != "a<nil>" {
		t.Errorf("saw %q", seen)
	}
}

// TestBadPayloads are malformed-payload, with a line for the task's author, and nothing is fetched.
func TestBadPayloads(t *testing.T) {
	const other = "VOq9JeqHT3KyoEmN6J_Row"
	for name, c := range map[string]struct {
		mounts string
		says   []string
	}{
		"not a dependency": {`[{"file": "f", "content": {"taskId": "` + other + `", "artifact": "a"}}]`, []string{`mounts[0] (file at "f")`, other, "add it to task.dependencies"}},
		"escapes":          {`[{"file": "../f", "content": {"raw": ""}}]`, []string{`"../f"`, "task directory"}},
		"escapes later":    {`[{"directory": "a/../../b", "cacheName": "c"}]`, []string{"task directory"}},
		"empty":            {`[{"directory": "", "cacheName": "c"}]`, []string{"mounts[0]"}},
		"the directory":    {`[{"directory": "a/..", "cacheName": "c"}]`, []string{"the task directory itself"}},
		"one place":        {`[{"directory": "a", "cacheName": "c"}, {"file": "./b/../a", "content": {"raw": ""}}]`, []string{"mounts[0]", "mounts[1]", "same place"}},
		"one cache":        {`[{"directory": "a", "cacheName": "c"}, {"directory": "b", "cacheName": "c"}]`, []string{"mounts[0] (cache c", "mounts[1] (cache c", "once"}},
		"in a file":        {`[{"file": "a", "content": {"raw": ""}}, {"directory": "a/b", "cacheName": "c"}]`, []string{"one is a file"}},
		"in a later file":  {`[{"file": "a/b", "content": {"raw": ""}}, {"file": "a", "content": {"raw": ""}}]`, []string{"one is a file"}},
		"inner one first":  {`[{"directory": "d/e", "cacheName": "a"}, {"directory": "d", "cacheName": "b"}]`, []string{`mounts[0] (cache a at "d/e") lies within mounts[1] (cache b at "d"): put it after it`}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			s.life(c.mounts, success(), nil).resolved(t, task.MalformedPayload, c.says...)
			if len(s.gets) > 0 {
				t.Errorf("fetched %v", s.gets)
			}
		})
	}
}

// TestNesting in directories is as the list says.
func TestNesting(t *testing.T) {
	s := newStand(t)
	r := s.life(`[{"directory": "a", "cacheName": "c"}, {"file": "a/f", "content": {"raw": "1"}}, {"file": "ab", "content": {"raw": "2"}}]`, success(), nil)
	r.resolved(t, task.Completed)
	if want := map[string]string{"a": "folder", "a/f": "1", "ab": "2"}; !maps.Equal(r.files, want) {
		t.Errorf("saw %v", r.files)
	}
	r = s.life(`[{"directory": "a", "cacheName": "c"}]`, success(), nil)
	if len(r.files) != 1 {
		t.Errorf("a file that was mounted in the cache is left there: %v", r.files)
	}
}

func TestScopes(t *testing.T) {
	list := `[{"directory": "a", "cacheName": "one"}, {"directory": "b", "cacheName": "two"}, {"file": "f", "content": {"raw": ""}}]`
	for name, c := range map[string]struct {
		scopes []string
		want   task.Resolution
		says   string
	}{
		"all":         {[]string{"generic-worker:cache:one", "generic-worker:cache:t*"}, task.Completed, ""},
		"one missing": {[]string{"generic-worker:cache:one"}, task.MalformedPayload, "generic-worker:cache:two"},
		"none":        {nil, task.MalformedPayload, "Add them to task.scopes"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			r := s.life(list, success(), nil, func(run *task.Run) { run.Definition.Scopes = c.scopes })
			r.resolved(t, c.want, c.says)
			if c.want != task.Completed && len(s.caches()) > 0 {
				t.Error("a cache was made")
			}
		})
	}
}

// TestDisabled concerns only tasks that ask for mounts.
func TestDisabled(t *testing.T) {
	s := newStand(t, func(c *mounts.Config) { c.Disabled = true })
	s.life(`[]`, success(), nil).resolved(t, task.Completed)
	s.life(`[{"file": "f", "content": {"raw": ""}}]`, success(), nil).resolved(t, task.MalformedPayload, "disabled on workers of the pool provisioner/pool", "leave payload.mounts out")
	if got := s.Collectors(); got != nil {
		t.Errorf("%v", got)
	}
}

// TestFailures make the task red, and say which mount and what to do.
func TestFailures(t *testing.T) {
	escaping, dangling := tarball(t, true, "../outside", "x"), tarball(t, false, "a", "1")[:300]
	gone := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000000")
		w.Header().Set("ETag", `"one"`)
		_, _ = w.Write([]byte("half"))
	}))
	defer gone.Close()
	s := newStand(t)
	u := map[string]string{"text": s.put("/text", []byte("text")), "escaping": s.put("/escaping", escaping), "damaged": s.put("/damaged", dangling)}
	zeros, big := strings.Repeat("0", 64), bytes.Repeat([]byte("no archive\n"), 1<<17) // which shows at its start
	for name, c := range map[string]struct {
		mount string
		says  []string
	}{
		"nothing there":            {`{"file": "f", "content": {"url": "` + s.server.URL + `/none"}}`, []string{`mounts[0] (file at "f")`, "404", "check the url"}},
		"wrong hash":               {`{"file": "f", "content": {"url": "` + u["text"] + `", "sha256": "` + zeros + `"}}`, []string{sum([]byte("text")), zeros}},
		"wrong hash of an archive": {`{"directory": "d", "content": {"url": "` + s.put("/big", big) + `", "sha256": "` + zeros + `"}, "format": "tar.gz"}`, []string{sum(big), zeros}},
		"wrong hash, good archive": {`{"directory": "d", "cacheName": "c", "content": {"url": "` + s.put("/good", tarball(t, true, "a", "1")) + `", "sha256": "` + zeros + `"}, "format": "tar.gz"}`, []string{zeros}},
		"disappears":               {`{"file": "f", "content": {"url": "` + gone.URL + `"}}`, []string{gone.URL}},
		"disappears in an archive": {`{"directory": "d", "content": {"url": "` + gone.URL + `"}, "format": "tar"}`, []string{"read-only directory"}},
		"not compressed":           {`{"file": "f", "content": {"url": "` + u["text"] + `"}, "format": "gz"}`, []string{"gz"}},
		"leads outside":            {`{"directory": "d", "cacheName": "c", "content": {"url": "` + u["escaping"] + `"}, "format": "tar.gz"}`, []string{"cache c", "../outside", "outside the folder"}},
		"damaged":                  {`{"directory": "d", "content": {"url": "` + u["damaged"] + `"}, "format": "tar"}`, []string{"mounts[0]"}},
		"not base64":               {`{"file": "f", "content": {"base64": "A"}}`, []string{"not base64"}},
		"there already":            {`{"directory": "d", "content": {"url": "` + s.put("/x", tarball(t, false, "x", "1")) + `"}, "format": "tar"}, {"file": "d/x", "content": {"raw": ""}}`, []string{`mounts[1] (file at "d/x")`, "already"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := s.life("["+c.mount+"]", success(), nil)
			r.resolved(t, task.Failed, c.says...)
			_ = filepath.WalkDir(filepath.Dir(r.Dir), func(path string, d fs.DirEntry, _ error) error { // the worker writes there meanwhile
				if d != nil && d.Name() == "outside" {
					t.Errorf("left %s", path)
				}
				return nil
			})
			if len(s.caches()) > 0 {
				t.Error("a cache without its content is kept")
			}
		})
	}
}

// TestBrokenArchives: the error says once where the content comes from, and what is wrong with it.
func TestBrokenArchives(t *testing.T) {
	s := newStand(t)
	good, zipped, text := tarball(t, true, "a", "1"), zipfile(t, "z", "3"), bytes.Repeat([]byte("<html>\n"), 200)
	at := func(path string, data []byte) string { return s.put(path, data) }
	for name, c := range map[string]struct{ url, format, says string }{
		"none there":      {s.server.URL + "/none", "tar", ": 404 Not Found: nothing is there: check the url"},
		"cut tar":         {at("/cut", tarball(t, false, "a", strings.Repeat("1", 600))[:800]), "tar", ": the archive is cut off"},
		"cut tar.gz":      {at("/cut.gz", good[:len(good)-4]), "tar.gz", ": the archive is cut off"},
		"text as tar":     {at("/text", text), "tar", ": it is no tar archive"},
		"text as tar.gz":  {at("/text.gz", text), "tar.gz", ": it is no tar.gz archive"},
		"text as tar.bz2": {at("/text.bz2", text), "tar.bz2", ": it is no tar.bz2 archive"},
		"text as tar.zst": {at("/text.zst", text), "tar.zst", ": it is no tar.zst archive"},
		"text as rar":     {at("/text.rar", text), "rar", ": it is no rar archive"},
		"short text":      {at("/short", []byte("Not Found")), "tar", ": it is no tar archive, or it is cut off"},
		"cut zip":         {at("/cut.zip", zipped[:len(zipped)-10]), "zip", ": it is no zip archive, or it is cut off"},
	} {
		t.Run(name, func(t *testing.T) {
			r := s.life(`[{"directory": "d", "content": {"url": "`+c.url+`?token=x"}, "format": "`+c.format+`"}]`, success(), nil)
			r.resolved(t, task.Failed)
			if want := `mounts[0] (read-only directory at "d"): ` + c.url + c.says; fmt.Sprint(r.err) != want {
				t.Errorf("%v, want %s", r.err, want)
			}
			if c.format == "tar" && name == "none there" && strings.Contains(r.log, "Extracting") {
				t.Errorf("nothing was extracted:\n%s", r.log)
			}
		})
	}
	r := s.life(`[{"file": "f", "content": {"url": "`+at("/f", []byte("text"))+`"}, "format": "gz"}]`, success(), nil)
	r.resolved(t, task.Failed, "/f: it is no gz file")
}

// TestArchiveThatDisappears while it is unpacked: that is what is said, and not what became of the archive.
func TestArchiveThatDisappears(t *testing.T) {
	s := newStand(t)
	data := tarball(t, false, "a", strings.Repeat("1", 1<<20))
	var unpacked string
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) > 1 {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		_, _ = w.Write(data[:len(data)/2])
		w.(http.Flusher).Flush()
		for { // until it is being unpacked
			if _, err := os.Stat(unpacked); err == nil || r.Context().Err() != nil {
				break
			}
			runtime.Gosched()
		}
	}))
	defer server.Close()
	r := s.life(`[{"directory": "d", "content": {"url": "`+server.URL+`/x"}, "format": "tar"}]`, success(), nil, func(run *task.Run) {
		unpacked = filepath.Join(run.Own, "mounts", "0", "a")
	})
	r.resolved(t, task.Failed)
	if want := `mounts[0] (read-only directory at "d"): ` + server.URL + `/x: 404 Not Found: nothing is there: check the url`; fmt.Sprint(r.err) != want {
		t.Errorf("%v, want %s", r.err, want)
	}
}

// TestLines tell what is done when it is done.
func TestLines(t *testing.T) {
	s := newStand(t)
	url := s.put("/x", tarball(t, true, "a", "1"))
	list := `[{"directory": "d", "content": {"url": "` + url + `"}, "format": "tar.gz"}]`
	for _, want := range [][]string{
		{"Downloading " + url, "Extracting tar.gz file of " + url, "Downloaded "},
		{"Found " + url, "Extracting tar.gz file of " + url, "Successfully mounted"},
	} {
		log := s.life(list, success(), nil).log
		at := 0
		for _, line := range want {
			i := strings.Index(log[at:], "[mounts] "+line)
			if i < 0 {
				t.Fatalf("%q is not next in\n%s", line, log)
			}
			at += i
		}
		if hit := want[0][0] == 'F'; hit == strings.Contains(log, "Downloading") {
			t.Errorf("hit: %v\n%s", hit, log)
		}
	}
}

// TestEmptyDirectory: a volume of a container is made without unpacking anything, and its lines say what it is.
func TestEmptyDirectory(t *testing.T) {
	s := newStand(t)
	nothing := `"content": {"base64": "` + mounts.EmptyTar + `"}, "format": "` + mounts.EmptyFormat + `"`
	r := s.life(`[{"directory": "d", `+nothing+`}]`, success(), func(dir string) {
		if err := os.WriteFile(filepath.Join(dir, "d", "new"), nil, 0o600); err != nil {
			t.Error(err)
		}
	})
	if r.err != nil || len(r.files) != 1 || r.files["d"] != "folder" {
		t.Errorf("%v: %v", r.err, r.files)
	}
	at := filepath.Join(r.Dir, "d")
	for _, line := range []string{"Creating writable directory for '" + at + "'", "Successfully mounted writable directory '" + at + "'"} {
		if !strings.Contains(r.log, "[mounts] "+line) {
			t.Errorf("no line %q in\n%s", line, r.log)
		}
	}
	if strings.Contains(r.log, "Extracting") || strings.Contains(r.log, "read-only") {
		t.Error(r.log)
	}
	if log := s.life(`[{"directory": "d", "cacheName": "c", `+nothing+`}]`, success(), nil).log; !strings.Contains(log, "mounted writable directory cache") {
		t.Errorf("a cache: %s", log)
	}
}

// TestNoMounter is an engine that cannot mount.
func TestNoMounter(t *testing.T) {
	s := newStand(t)
	run := plugintest.NewRun(t, `{"mounts": [{"file": "f", "content": {"raw": ""}}]}`)
	hooks, err := s.New(run.Run)
	if err != nil {
		t.Fatal(err)
	}
	var plain struct{ engines.Builder }
	err = errors.Join(hooks.(all).Prepare(t.Context()), hooks.(all).Build(t.Context(), plain), hooks.(all).Stopped(t.Context(), nil), hooks.(all).Close(t.Context()))
	if !errors.Is(err, engines.ErrNotSupported) {
		t.Errorf("got %v", err)
	}
}

// TestCopies: what a task does to a mounted file, the next task does not see.
func TestCopies(t *testing.T) {
	s := newStand(t)
	list := `[{"file": "f", "content": {"url": "` + s.put("/f", []byte("original")) + `"}}]`
	for range 2 {
		r := s.life(list, success(), func(dir string) {
			if err := os.WriteFile(filepath.Join(dir, "f"), []byte("changed"), 0o600); err != nil {
				t.Error(err)
			}
		})
		r.resolved(t, task.Completed)
		if r.files["f"] != "original" {
			t.Errorf("saw %q", r.files["f"])
		}
	}
	if len(s.gets) != 1 {
		t.Errorf("downloaded %d times", len(s.gets))
	}
}

// TestTogether: downloads of one task are under way at the same time, and are unpacked while they come.
func TestTogether(t *testing.T) {
	s := newStand(t)
	data := tarball(t, false, "a", "1")
	var meeting sync.WaitGroup
	meeting.Add(3)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(data[:512])
		w.(http.Flusher).Flush()
		meeting.Done()
		meeting.Wait() // for ever, unless all three are under way
		_, _ = w.Write(data[512:])
	}))
	defer server.Close()
	var list []string
	for i := range 3 {
		list = append(list, fmt.Sprintf(`{"directory": "d%d", "content": {"url": "%s/%d"}, "format": "tar"}`, i, server.URL, i))
	}
	r := s.life("["+strings.Join(list, ",")+"]", success(), nil)
	r.resolved(t, task.Completed)
	if len(r.files) != 6 || r.files["d2/a"] != "1" {
		t.Errorf("saw %v", r.files)
	}
}

// TestAbort: a download that takes for ever ends with the run.
func TestAbort(t *testing.T) {
	s := newStand(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("the worker goes away")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("x"))
		w.(http.Flusher).Flush()
		cancel(cause)
		<-r.Context().Done()
	}))
	defer server.Close()
	run := plugintest.NewRun(t, `{"mounts": [
		{"directory": "d", "cacheName": "c", "content": {"url": "`+server.URL+`"}, "format": "tar.gz"},
		{"file": "f", "content": {"url": "`+server.URL+`/f"}}]}`)
	run.Definition.Scopes = []string{"generic-worker:cache:c"}
	hooks, err := s.New(run.Run)
	if err != nil {
		t.Fatal(err)
	}
	h := hooks.(all)
	if err := h.Prepare(ctx); !errors.Is(err, cause) || strings.Contains(err.Error(), "mounts") {
		t.Errorf("got %v", err)
	}
	if err := errors.Join(h.Stopped(ctx, nil), h.Finish(ctx), h.Close(context.WithoutCancel(ctx))); err != nil {
		t.Error(err)
	}
	if len(s.caches()) > 0 {
		t.Error("a cache without its content is kept")
	}
}

// TestSchema has the forms of the public worker, and no others.
func TestSchema(t *testing.T) {
	schema, err := payload.Merge(map[string]payload.Fragment{"mounts": mounts.New(mounts.Config{}).Payload()})
	if err != nil {
		t.Fatal(err)
	}
	const id, hash = "VOq9JeqHT3KyoEmN6J_Row", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	type cases map[string]bool
	list := cases{
		`{"file": "f", "content": {"taskId": "` + id + `", "artifact": "public/a"}}`:                            true,
		`{"file": "f", "content": {"taskId": "` + id + `", "artifact": "a", "sha256": "` + hash + `"}}`:         true,
		`{"file": "f", "content": {"taskId": "not-a-slug", "artifact": "a"}}`:                                   false,
		`{"file": "f", "content": {"taskId": "` + id + `"}}`:                                                    false,
		`{"file": "f", "content": {"namespace": "a.b", "artifact": "a"}}`:                                       true,
		`{"file": "f", "content": {"namespace": "a.b", "artifact": "a", "sha256": "` + hash + `"}}`:             false,
		`{"file": "f", "content": {"url": "https://example.com/a", "sha256": "` + hash + `"}}`:                  true,
		`{"file": "f", "content": {"url": "https://example.com/a", "sha256": "` + strings.ToUpper(hash) + `"}}`: false,
		`{"file": "f", "content": {"url": "no url"}}`:                                                           false,
		`{"file": "f", "content": {"raw": "x", "url": "https://example.com"}}`:                                  false,
		`{"file": "f", "content": {"raw": 1}}`:                                                                  false,
		`{"file": "f", "content": {"raw": "` + strings.Repeat("ü", 65536) + `"}}`:                               true,
		`{"file": "f", "content": {"raw": "` + strings.Repeat("x", 65537) + `"}}`:                               false,
		`{"file": "f", "content": {"base64": "YQ=="}}`:                                                          true,
		`{"file": "f", "content": {"base64": "Y Q"}}`:                                                           false,
		`{"file": "f", "content": {"base64": ""}}`:                                                              false,
		`{"file": "f"}`: false,
		`{"file": "f", "content": {"raw": ""}, "cacheName": "c"}`: false,
		`{"directory": "d"}`:                                                            false,
		`{"directory": "d", "cacheName": "c"}`:                                          true,
		`{"directory": "d", "cacheName": "c", "content": {"raw": ""}}`:                  false,
		`{"directory": "d", "cacheName": "c", "format": "zip"}`:                         false,
		`{"directory": "d", "cacheName": "c", "content": {"raw": ""}, "format": "zip"}`: true,
		`{"directory": "d", "cacheName": 1}`:                                            false,
		`{"directory": "d", "content": {"raw": ""}}`:                                    false,
		`{"directory": "d", "content": {"raw": ""}, "format": "tar.gz", "x": 1}`:        false,
		`7`: false,
	}
	for format := range strings.FieldsSeq("br bz2 gz lz lz4 mz sz xz zst zz") {
		list[`{"file": "f", "content": {"raw": ""}, "format": "`+format+`"}`] = true
		list[`{"directory": "d", "content": {"raw": ""}, "format": "`+format+`"}`] = false
	}
	for format := range strings.FieldsSeq("7z rar tar tar.br tar.bz2 tar.gz tar.lz tar.lz4 tar.mz tar.sz tar.xz tar.zst tar.zz zip") {
		list[`{"file": "f", "content": {"raw": ""}, "format": "`+format+`"}`] = false
		list[`{"directory": "d", "content": {"raw": ""}, "format": "`+format+`"}`] = true
	}
	if formats := slices.Concat(archive.Formats(), archive.FileFormats()); len(formats) != 24 {
		t.Errorf("more formats than the public worker's: %v", formats)
	}
	for mount, want := range list {
		problems, err := schema.Validate(json.RawMessage(`{"mounts": [` + mount + `]}`))
		if got := len(problems) == 0; err != nil || got != want {
			t.Errorf("%.120s: valid: %v %q, %v", mount, got, problems, err)
		}
	}
}

// TestDirectoriesThatCannotBeUsed stop the worker, and no task.
func TestDirectoriesThatCannotBeUsed(t *testing.T) {
	s := newStand(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, spoil := range []func(*mounts.Config){
		func(c *mounts.Config) { c.Caches.Dir = file },
		func(c *mounts.Config) { c.Files.Dir, c.Caches.Dir, c.Caches.State = file, file+".caches", file+".json" },
	} {
		c := s.config
		spoil(&c)
		if err := mounts.New(c).Open(); err == nil {
			t.Error("opened")
		}
	}
}
