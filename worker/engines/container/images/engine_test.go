package images_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/moby/moby/client"
)

// engine plays an engine over its API.
type engine struct {
	server *httptest.Server
	api    *client.Client

	mu     sync.Mutex
	images map[string]string // ids by name
	asked  []string
	load   func(w http.ResponseWriter, archive []byte, err error) bool // true: it has answered
	pull   func(w http.ResponseWriter, name string)
	inUse  string // an id of which there is a container
	system string // what images are for; "" is not known
}

func newEngine(t *testing.T) *engine {
	t.Helper()
	e := &engine{images: map[string]string{}, system: "linux"}
	e.server = httptest.NewServer(http.HandlerFunc(e.serve))
	t.Cleanup(e.server.Close)
	var err error
	if e.api, err = client.New(client.WithHost("tcp://" + strings.TrimPrefix(e.server.URL, "http://"))); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.api.Close() })
	return e
}

func (e *engine) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Api-Version", "1.41")
	path := regexp.MustCompile(`^/v[0-9.]+`).ReplaceAllString(r.URL.Path, "")
	name, isInspect := strings.CutSuffix(strings.TrimPrefix(path, "/images/"), "/json")
	if path != "/_ping" {
		e.note(r.Method + " " + path)
	}
	switch {
	case path == "/_ping":
	case path == "/images/load":
		e.loads(w, r)
	case path == "/images/create":
		name := r.FormValue("fromImage") + ":" + r.FormValue("tag")
		if strings.HasPrefix(r.FormValue("tag"), "sha256:") {
			name = r.FormValue("fromImage") + "@" + r.FormValue("tag")
		}
		e.mu.Lock()
		pull := e.pull
		e.mu.Unlock()
		pull(w, name)
	case path == "/images/json":
		e.list(w)
	case isInspect:
		if id := e.find(name); id != "" {
			_ = json.NewEncoder(w).Encode(map[string]any{"Id": id, "RepoDigests": e.exact(id), "Os": e.system})
			return
		}
		refuse(w, http.StatusNotFound, "No such image: "+name)
	case r.Method == http.MethodDelete:
		e.remove(w, name)
	default:
		refuse(w, http.StatusNotImplemented, path)
	}
}

func refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"message":%q}`, message)
}

func (e *engine) note(what string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked = append(e.asked, what)
}

// count tells how many requests begin so.
func (e *engine) count(prefix string) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, a := range e.asked {
		if strings.HasPrefix(a, prefix) {
			n++
		}
	}
	return n
}

// find finds an image by its name or id, or as Podman does by its digest alone.
func (e *engine) find(name string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, digest, exact := strings.Cut(name, "@")
	for known, id := range e.images {
		if known == name || id == name || exact && strings.HasSuffix(known, "@"+digest) {
			return id
		}
	}
	return ""
}

// exact lists the names of an image with a digest, in short.
func (e *engine) exact(id string) []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := []string{}
	for known, of := range e.images {
		if of == id && strings.Contains(known, "@") {
			all = append(all, strings.TrimPrefix(known, "docker.io/library/"))
		}
	}
	return all
}

// loading has loads go like this; nil is well.
func (e *engine) loading(load func(http.ResponseWriter, []byte, error) bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.load = load
}

// pulling has pulls go like this.
func (e *engine) pulling(pull func(http.ResponseWriter, string)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.pull = pull
}

func (e *engine) put(name, id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.images[name] = id
}

// names lists what there is.
func (e *engine) names() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var all []string
	for name := range e.images {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// loads takes an archive of which it believes the list of images.
func (e *engine) loads(w http.ResponseWriter, r *http.Request) {
	archive, err := io.ReadAll(r.Body)
	e.mu.Lock()
	load := e.load
	e.mu.Unlock()
	if load != nil && load(w, archive, err) {
		return
	}
	if err != nil {
		refuse(w, http.StatusInternalServerError, "unexpected EOF")
		return
	}
	var list []struct {
		Config   string
		RepoTags []string
	}
	files := untar(archive)
	if err := json.Unmarshal([]byte(files["manifest.json"]), &list); err != nil || len(list) != 1 {
		refuse(w, http.StatusInternalServerError, "invalid archive")
		return
	}
	for _, name := range list[0].RepoTags {
		e.put(name, digest(files[list[0].Config]))
	}
	_, _ = io.WriteString(w, `{"status":"Loading layer","progressDetail":{"current":1048576,"total":2097152},"id":"a"}`+"\n")
	_, _ = fmt.Fprintf(w, `{"stream":"Loaded image: %s\n"}`, strings.Join(list[0].RepoTags, ","))
}

func (e *engine) list(w http.ResponseWriter) {
	const size = 1000
	tags := map[string][]string{}
	e.mu.Lock()
	for name, id := range e.images {
		tags[id] = append(tags[id], name)
	}
	e.mu.Unlock()
	all := []map[string]any{}
	for id, names := range tags {
		all = append(all, map[string]any{"Id": id, "RepoTags": names, "Size": size, "SharedSize": -1})
	}
	_ = json.NewEncoder(w).Encode(all)
}

func (e *engine) remove(w http.ResponseWriter, name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for known, id := range e.images {
		if known != name && id != name {
			continue
		}
		if id == e.inUse {
			refuse(w, http.StatusConflict, "a container is made of it")
			return
		}
		delete(e.images, known)
		_, _ = fmt.Fprintf(w, `[{"Untagged":%q}]`, known)
		return
	}
	refuse(w, http.StatusNotFound, "No such image: "+name)
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// file is one of an archive.
type file struct {
	name, text string
	kind       byte // 0 is a regular one
	link       string
}

func archiveOf(files ...file) []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range files {
		kind := f.kind
		if kind == 0 {
			kind = tar.TypeReg
		}
		if err := w.WriteHeader(&tar.Header{Name: f.name, Typeflag: kind, Linkname: f.link, Size: int64(len(f.text)), Mode: 0o644}); err != nil {
			panic(err)
		}
		if _, err := io.WriteString(w, f.text); err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return out.Bytes()
}

func untar(archive []byte) map[string]string {
	files := map[string]string{}
	r := tar.NewReader(bytes.NewReader(archive))
	for {
		header, err := r.Next()
		if err != nil {
			return files
		}
		text, _ := io.ReadAll(r)
		files[header.Name] = string(text)
	}
}

// saved is the archive of an image as docker save makes it. What is in the image goes by its text.
func saved(text string, tags ...string) []byte {
	names, _ := json.Marshal(tags)
	return archiveOf(
		file{name: "layer", kind: tar.TypeDir},
		file{name: "layer/layer.tar", text: strings.Repeat(text, 1000)},
		file{name: "config.json", text: text},
		file{name: "manifest.json", text: `[{"Config":"config.json","RepoTags":` + string(names) + `,"Layers":["layer/layer.tar"]}]`},
		file{name: "repositories", text: `{"clash":{"latest":"layer"}}`},
	)
}
