package images_test

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/fetch"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker/engines/container/images"
	"github.com/workerkit/workerkit/worker/plugins/plugintest"
	"github.com/workerkit/workerkit/worker/task"
)

// TestArtifact loads an image once, under a name of ours only, and knows it after a restart.
func TestArtifact(t *testing.T) {
	e := newEngine(t)
	s := newStand(t, e.api)
	data := saved("one", "debian:12", "debian:latest")
	ref := s.put("public/image.tar", data)
	e.put("docker.io/library/debian:12", digest("the real one"))

	first, text := s.ensure(ref)
	contains(t, text, "[d2g] Loading docker image", `[d2g] Loaded docker image "`+first.Name+`"`, first.ID)
	if first.ID != digest("one") || first.ArtifactSHA256 != fetch.Sum(data) {
		t.Errorf("got %+v", first)
	}
	if got := e.names(); !slices.Equal(got, []string{"docker.io/library/debian:12", first.Name}) || e.find("docker.io/library/debian:12") != digest("the real one") {
		t.Errorf("the engine has %q", got)
	}
	for range 2 {
		again, text := s.ensure(ref)
		contains(t, text, `[d2g] Using cached docker image "`+first.Name+`"`)
		if again.ID != first.ID || again.ArtifactSHA256 != first.ArtifactSHA256 {
			t.Errorf("then %+v", again)
		}
		again.Release()
		s.restart()
	}
	indexed, _ := s.ensure(images.Ref{Namespace: "some.index", Path: "public/image.tar"})
	if indexed.ID != first.ID || e.count("POST /images/load") != 1 || s.downloads("public/image.tar") != 1 {
		t.Errorf("%+v after %d loads and %d downloads", indexed, e.count("POST /images/load"), s.downloads("public/image.tar"))
	}
}

// TestState is in the reference's form, and what the reference has left is used.
func TestState(t *testing.T) {
	e := newEngine(t)
	s := newStand(t, e.api)
	data := saved("one")
	image, _ := s.ensure(s.put("public/image.tar", data))
	image.Release()
	s.closed(s.Store, s.files)()
	path := filepath.Join(s.dir, "d2g-image-cache.json")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var state map[string]struct{ ID, Name string }
	if err := json.Unmarshal(text, &state); err != nil || len(state) != 1 || state[fetch.Sum(data)].ID != image.ID || state[fetch.Sum(data)].Name != image.Name {
		t.Errorf("%s, %v", text, err)
	}
	if info, err := os.Stat(path); err != nil || os.PathSeparator == '/' && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	reference := fmt.Sprintf(`{%q: {"id": %q, "name": "of/reference"}, "damaged": 7, "empty": {}}`, fetch.Sum(data), strings.TrimPrefix(image.ID, "sha256:"))
	if err := os.WriteFile(path, []byte(reference), 0o600); err != nil {
		t.Fatal(err)
	}
	s.open()
	again, log := s.ensure(images.Ref{TaskID: taskID, Path: "public/image.tar"})
	contains(t, log, `Using cached docker image "of/reference"`)
	if again.ID != image.ID || again.ArtifactSHA256 != fetch.Sum(data) || e.count("POST /images/load") != 1 {
		t.Errorf("%+v after %d loads", again, e.count("POST /images/load"))
	}
	s.closed(s.Store, s.files)()
	if err := os.WriteFile(path, []byte(`{"a`), 0o600); err != nil {
		t.Fatal(err)
	}
	s.open()
	contains(t, s.log.String(), "the state file of the images cannot be read")
	if again, _ := s.ensure(images.Ref{TaskID: taskID, Path: "public/image.tar"}); again.ID != image.ID {
		t.Errorf("got %+v", again)
	}
}

// TestStateSoon: it is written while the worker works, as that may be killed.
func TestStateSoon(t *testing.T) {
	e := newEngine(t)
	s := newStand(t, e.api)
	image, _ := s.ensure(s.put("public/image.tar", saved("one")))
	written := func(want bool) func() bool {
		return func() bool {
			text, _ := os.ReadFile(filepath.Join(s.dir, "d2g-image-cache.json"))
			return strings.Contains(string(text), image.ID) == want
		}
	}
	until(t, "the state has the image", written(true))
	image.Release()
	if _, err := s.Collect(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	until(t, "the state has lost the image", written(false))
}

// TestRemovedBySomebody has an image loaded again.
func TestRemovedBySomebody(t *testing.T) {
	e := newEngine(t)
	s := newStand(t, e.api)
	ref := s.put("public/image.tar", saved("one"))
	first, _ := s.ensure(ref)
	e.mu.Lock()
	clear(e.images)
	e.mu.Unlock()
	if again, _ := s.ensure(ref); again.ID != first.ID || e.count("POST /images/load") != 2 || s.downloads("public/image.tar") != 1 {
		t.Errorf("%+v after %d loads", again, e.count("POST /images/load"))
	}
}

// waiting is a request for an image.
type waiting struct {
	run   *plugintest.Run
	leave context.CancelCauseFunc
	done  chan struct{}
	image images.Image
	err   error
}

func (s *stand) begin(ref images.Ref, change ...func(*task.Run)) *waiting {
	ctx, leave := context.WithCancelCause(s.t.Context())
	w := &waiting{run: s.run(), leave: leave, done: make(chan struct{})}
	for _, f := range change {
		f(w.run.Run)
	}
	go func() {
		defer close(w.done)
		w.image, w.err = s.Ensure(ctx, ref, w.run.Run)
	}()
	return w
}

// until waits for something to be so.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never happens that %s", what)
		}
	}
}

// TestShared: the image begins to get into the engine before it is downloaded; who leaves, even first,
// does not end it for the others, and the last one does.
func TestShared(t *testing.T) {
	e := newEngine(t)
	s := newStand(t, e.api)
	ref := s.put("public/image.tar", saved(strings.Repeat("much", 1000)))
	gate := s.slow("public/image.tar")
	gone := errors.New("cancelled")

	alone := s.begin(ref)
	until(t, "the engine is given an image", func() bool { return e.count("POST /images/load") == 1 })
	alone.leave(gone)
	if <-alone.done; !errors.Is(alone.err, gone) {
		t.Errorf("who left has %v", alone.err)
	}

	all := []*waiting{s.begin(ref)}
	until(t, "the engine is given an image again", func() bool { return e.count("POST /images/load") == 2 })
	for range 3 {
		w := s.begin(ref)
		all = append(all, w)
		until(t, "it waits with the others", func() bool { return s.Waiting("artifact:"+taskID+":public/image.tar") == len(all) })
	}
	all[0].leave(gone)
	if <-all[0].done; !errors.Is(all[0].err, gone) {
		t.Errorf("who left has %v", all[0].err)
	}
	close(gate)
	for _, w := range all[1:] {
		if <-w.done; w.err != nil || w.image.ID != all[1].image.ID || w.image.ID == "" {
			t.Errorf("%+v, %v", w.image, w.err)
		}
		contains(t, w.run.TaskLog(t), "Loaded docker image")
	}
	if n := e.count("POST /images/load"); n != 2 {
		t.Errorf("%d loads", n)
	}
	// Each has a use of its own.
	for _, w := range all[1:] {
		if freed, err := s.Collect(t.Context(), 1); freed != 0 || err != nil || len(e.names()) != 1 {
			t.Errorf("freed %d, %v", freed, err)
		}
		w.image.Release()
		w.image.Release()
	}
	if freed, err := s.Collect(t.Context(), 1); freed == 0 || err != nil || len(e.names()) != 0 {
		t.Errorf("freed %d, %v; left %q", freed, err, e.names())
	}
}

// TestChanged: an artifact becomes another one while it is downloaded, and that is loaded.
func TestChanged(t *testing.T) {
	e := newEngine(t)
	s := newStand(t, e.api)
	ref := s.put("public/image.tar", saved(strings.Repeat("older", 1000)))
	newer := strings.Repeat("newer", 900)
	s.next["public/image.tar"] = saved(newer)
	image, _ := s.ensure(ref)
	if image.ID != digest(newer) || image.ArtifactSHA256 != fetch.Sum(saved(newer)) || !slices.Equal(e.names(), []string{image.Name}) {
		t.Errorf("%+v; the engine has %q", image, e.names())
	}
	if n := e.count("POST /images/load"); n != 2 {
		t.Errorf("%d loads", n)
	}
}

// TestClose ends a load, and the run is tried elsewhere.
func TestClose(t *testing.T) {
	e := newEngine(t)
	s := newStand(t, e.api)
	ref := s.put("public/image.tar", saved(strings.Repeat("much", 1000)))
	s.slow("public/image.tar")
	w := s.begin(ref)
	until(t, "the engine is given an image", func() bool { return e.count("POST /images/load") == 1 })
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-w.done
	if r := task.Resolve(w.err); r != task.WorkerShutdown {
		t.Errorf("%s: %v", r, w.err)
	}
	if r, text := s.fails(ref); r != task.WorkerShutdown {
		t.Errorf("then %s: %s", r, text)
	}
	if len(e.names()) > 0 {
		t.Errorf("the engine has %q", e.names())
	}
}

// TestPrivate: an image that was loaded for one run is not for another one that may not have it.
func TestPrivate(t *testing.T) {
	s := newStand(t, newEngine(t).api)
	ref := s.put("private/image.tar", saved("secret"))
	may := func(run *task.Run) { run.Credentials = tc.Fixed(tc.Credentials{ClientID: "may-read"}) }
	w := s.begin(ref, may)
	if <-w.done; w.err != nil {
		t.Fatal(w.err)
	}
	if r, text := s.fails(ref); r != task.MalformedPayload || !strings.Contains(text, "queue:get-artifact:private/image.tar") {
		t.Errorf("%s: %s", r, text)
	}
	again := s.begin(ref, may)
	if <-again.done; again.err != nil || again.image.ID != w.image.ID {
		t.Errorf("%+v, %v", again.image, again.err)
	}
}

// TestBadArtifacts says how a run ends and what to do, and leaves no image.
func TestBadArtifacts(t *testing.T) {
	good := saved("one")
	full := func(w http.ResponseWriter, _ []byte, _ error) bool {
		_, _ = w.Write([]byte(`{"errorDetail":{"message":"write /blob: no space left on device"},"error":"no space left on device"}`))
		return true
	}
	corrupt := func(w http.ResponseWriter, _ []byte, _ error) bool {
		refuse(w, http.StatusInternalServerError, "invalid diffID for layer 0")
		return true
	}
	gone := func(http.ResponseWriter, []byte, error) bool { panic(http.ErrAbortHandler) }
	nothing := func(w http.ResponseWriter, _ []byte, _ error) bool {
		_, _ = w.Write([]byte(`{"stream":"Loaded nothing\n"}`))
		return true
	}
	for name, c := range map[string]struct {
		data []byte
		load func(http.ResponseWriter, []byte, error) bool
		cut  bool
		want task.Resolution
		says string
	}{
		"unknown format":   {data: []byte("PK\x03\x04 something"), want: task.MalformedPayload, says: "it begins with 504b0304"},
		"empty":            {data: nil, want: task.MalformedPayload, says: "empty"},
		"no image":         {data: archiveOf(file{name: "hello", text: "world"}), want: task.MalformedPayload, says: "docker save"},
		"truncated tar":    {data: good[:len(good)-3000], want: task.MalformedPayload, says: "run the task that makes it again"},
		"truncated gzip":   {data: packed(t, "gz", good)[:60], want: task.MalformedPayload, says: "decompress gz"},
		"damaged gzip":     {data: damage(packed(t, "gz", good)), want: task.MalformedPayload, says: "run the task that makes it again"},
		"interrupted":      {data: good, cut: true, want: task.ResourceUnavailable, says: "run the task again later"},
		"full disk":        {data: good, load: full, want: task.ResourceUnavailable, says: "larger disk"},
		"corrupt layer":    {data: good, load: corrupt, want: task.MalformedPayload, says: "invalid diffID"},
		"engine goes away": {data: good, load: gone, want: task.ResourceUnavailable, says: "engine's log"},
		"not unpacked":     {data: good, load: unpacking("no space left on device"), want: task.ResourceUnavailable, says: "disk of the container engine is full"},
		"torn":             {data: good, load: unpacking("unexpected EOF"), want: task.MalformedPayload, says: "unexpected EOF"},
		"nothing loaded":   {data: good, load: nothing, want: task.MalformedPayload, says: "found no image"},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEngine(t)
			e.loading(c.load)
			s := newStand(t, e.api)
			ref := s.put("public/image", c.data)
			s.cut["public/image"] = c.cut
			r, text := s.fails(ref)
			if r != c.want {
				t.Errorf("%s, want %s", r, c.want)
			}
			contains(t, text, c.says, "public/image")
			if len(e.names()) > 0 {
				t.Errorf("the engine has %q", e.names())
			}
			if c.load != nil { // the next one gets it
				e.loading(nil)
				s.ensure(ref)
			}
		})
	}
}

// unpacking is a load by which an image is there that cannot be used, as Docker does with containerd's store.
func unpacking(why string) func(http.ResponseWriter, []byte, error) bool {
	return func(w http.ResponseWriter, _ []byte, _ error) bool {
		_, _ = fmt.Fprintf(w, `{"stream":"Error unpacking image: %s\n"}`, why)
		return false
	}
}

// TestHollow: an image that was loaded without what it is made of is not kept.
func TestHollow(t *testing.T) {
	e := newEngine(t)
	e.system = ""
	s := newStand(t, e.api)
	if r, text := s.fails(s.put("public/image", saved("text"))); r != task.MalformedPayload || !strings.Contains(text, "lacks parts") || len(e.names()) > 0 {
		t.Errorf("%s: %s; the engine has %q", r, text, e.names())
	}
}

func damage(data []byte) []byte {
	data[len(data)/2] ^= 0xff
	return data
}

func TestNoArtifact(t *testing.T) {
	s := newStand(t, newEngine(t).api)
	for want, ref := range map[string]images.Ref{
		"add it to task.dependencies": {TaskID: "other", Path: "public/image.tar"},
		"check the name":              {TaskID: taskID, Path: "public/none.tar"},
		"check the namespace":         {Namespace: "none", Path: "public/image.tar"},
	} {
		if r, text := s.fails(ref); r != task.MalformedPayload || !strings.Contains(text, want) {
			t.Errorf("%s: %s, want %q", r, text, want)
		}
	}
	s.server.Close()
	if r, text := s.fails(images.Ref{Namespace: "any", Path: "public/image.tar"}); r != task.ResourceUnavailable {
		t.Errorf("%s: %s", r, text)
	}
}

// TestFormats are told by their first bytes, whatever the artifact's name.
func TestFormats(t *testing.T) {
	e := newEngine(t)
	s := newStand(t, e.api)
	for i, format := range []string{"", "gz", "zst", "lz4", "xz", "bz2", "pzstd"} {
		text := fmt.Sprint("image ", i)
		image, _ := s.ensure(s.put("public/image"+format, packed(t, format, saved(text))))
		if image.ID != digest(text) {
			t.Errorf("%s: %+v", format, image)
		}
	}
}

// TestArchives are what docker save and others make, and what could get other names into the engine.
func TestArchives(t *testing.T) {
	list := func(text string) file { return file{name: "manifest.json", text: text} }
	config := file{name: "c", text: "one"}
	good := list(`[{"Config":"c","RepoTags":["a:1","a:2"],"Layers":[]}]`)
	for name, c := range map[string]struct {
		files []file
		says  string // "" is that it is loaded
	}{
		"several names":     {files: []file{config, good}},
		"no name":           {files: []file{config, list(`[{"Config":"c","RepoTags":null}]`)}},
		"once a name":       {files: []file{config, list(`[{"Config":"c","RepoTags":["a:1"]},{"Config":"c","RepoTags":["a:2"]}]`)}},
		"list first":        {files: []file{good, config}},
		"links of layers":   {files: []file{config, {name: "b/layer.tar", kind: tar.TypeSymlink, link: "../a/layer.tar"}, good}},
		"oci as well":       {files: []file{config, {name: "index.json", text: `{"manifests":[{"digest":"sha256:1","annotations":{"x":"a:1"}},{"digest":"sha256:1"}]}`}, good}},
		"other letters":     {files: []file{config, list(`[{"Config":"c","RepoTags":["a:1"],"repotags":["a:1"],"repoTagſ":["a:2"]}]`)}},
		"oci's letters":     {files: []file{config, {name: "index.json", text: `{"manifests":[{"digest":"sha256:1","annotationſ":{"x":"a:1"}}],"manifestſ":[{"annotations":{"x":"a:1"}}],"annotations":{"x":"a:1"}}`}, good}},
		"several images":    {files: []file{list(`[{"Config":"c"},{"Config":"d"}]`)}, says: "several images"},
		"several oci":       {files: []file{{name: "index.json", text: `{"manifests":[{"digest":"sha256:1"},{"digest":"sha256:2"}]}`}}, says: "several images"},
		"names none":        {files: []file{list(`[]`)}, says: "names no image"},
		"list damaged":      {files: []file{list(`[{`)}, says: "manifest.json"},
		"oci damaged":       {files: []file{{name: "index.json", text: `{}`}}, says: "index.json"},
		"list is a link":    {files: []file{{name: "manifest.json", kind: tar.TypeSymlink, link: "x.tar"}}, says: "not from one layer to another"},
		"list through link": {files: []file{good, {name: "a", kind: tar.TypeSymlink, link: "."}, {name: "a/manifest.json"}}, says: "not from one layer to another"},
		"list elsewhere":    {files: []file{good, {name: "a/manifest.json"}}, says: "out of place"},
		"hard link":         {files: []file{good, {name: "a", kind: tar.TypeLink, link: "manifest.json"}}, says: "neither a file nor a directory"},
		"device":            {files: []file{good, {name: "a", kind: tar.TypeChar}}, says: "neither a file nor a directory"},
		"list too long":     {files: []file{list(strings.Repeat(" ", 5<<20))}, says: "too long"},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEngine(t)
			s := newStand(t, e.api)
			ref := s.put("public/image.tar", archiveOf(c.files...))
			if c.says != "" {
				if r, text := s.fails(ref); r != task.MalformedPayload || !strings.Contains(text, c.says) || len(e.names()) > 0 {
					t.Errorf("%s: %s, want %q; the engine has %q", r, text, c.says, e.names())
				}
				return
			}
			e.loading(func(_ http.ResponseWriter, archive []byte, _ error) bool {
				for name, text := range untar(archive) {
					if strings.Contains(text, "a:") && name != "c" || name == "repositories" {
						t.Errorf("the engine is given %s: %s", name, text)
					}
				}
				return false
			})
			if image, _ := s.ensure(ref); image.ID != digest("one") || !slices.Equal(e.names(), []string{image.Name}) {
				t.Errorf("%+v; the engine has %q", image, e.names())
			}
		})
	}
}
