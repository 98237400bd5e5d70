package images_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/workerkit/workerkit/internal/docker/dockertest"
)

// made is an image made by code.
type made struct {
	config, layer, manifest []byte
	plain                   []byte // the layer before it was compressed
}

// makeImage makes an image with busybox that has a text in /hello.
func makeImage(t *testing.T, text string) made {
	t.Helper()
	files := dockertest.Busybox(t)
	files["hello"] = dockertest.File{Text: []byte(text)}
	return makeOf(t, files)
}

// makeOf makes an image of these files.
func makeOf(t *testing.T, files map[string]dockertest.File) made {
	t.Helper()
	plain := dockertest.Tar(t, files)
	m := made{plain: plain, layer: packed(t, "gz", plain)}
	m.config = []byte(fmt.Sprintf(`{"architecture":%q,"os":"linux","config":{"Cmd":["/bin/cat","/hello"],"Env":["PATH=/bin"]},"rootfs":{"type":"layers","diff_ids":[%q]},"history":[{"created_by":"test"}]}`,
		runtime.GOARCH, digest(string(plain))))
	m.manifest = []byte(fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":%q,"size":%d},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":%q,"size":%d}]}`,
		digest(string(m.config)), len(m.config), digest(string(m.layer)), len(m.layer)))
	return m
}

func blob(data []byte) file {
	return file{name: "blobs/" + strings.Replace(digest(string(data)), ":", "/", 1), text: string(data)}
}

// archive is the image as an OCI layout, with the list of docker save as well or without it.
func (m made) archive(t *testing.T, tag string, both bool) []byte {
	t.Helper()
	index := fmt.Sprintf(`{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":%q,"size":%d,"annotations":{"io.containerd.image.name":%q,"org.opencontainers.image.ref.name":"latest"}}]}`,
		digest(string(m.manifest)), len(m.manifest), tag)
	files := []file{blob(m.config), blob(m.layer), blob(m.manifest), {name: "oci-layout", text: `{"imageLayoutVersion":"1.0.0"}`}, {name: "index.json", text: index}}
	if both {
		list, err := json.Marshal([]map[string]any{{"Config": blob(m.config).name, "RepoTags": []string{tag}, "Layers": []string{blob(m.layer).name}}})
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file{name: "manifest.json", text: string(list)})
	}
	return archiveOf(files...)
}

// registry is one of images, by the paths of its protocol.
type registry struct {
	*httptest.Server
	login string // a name and a password that it asks for; "" is everybody
	// tokens has it give everybody a token who does not say who they are, as the large registries do. It knows nobody.
	tokens bool

	mu   sync.Mutex
	data map[string][]byte
}

func newRegistry(t *testing.T) *registry {
	t.Helper()
	r := &registry{data: map[string][]byte{}}
	r.Server = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.Close)
	return r
}

func (r *registry) host() string { return strings.TrimPrefix(r.URL, "http://") }

func (r *registry) serve(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	data, known := r.data[req.URL.Path]
	r.mu.Unlock()
	name, password, _ := req.BasicAuth()
	const token = "everybody"
	switch {
	case req.URL.Path == "/token" && (name != "" || req.Method == http.MethodPost):
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"details":"incorrect username or password"}`))
	case req.URL.Path == "/token":
		_, _ = w.Write([]byte(`{"token":"` + token + `"}`))
	case r.tokens && req.Header.Get("Authorization") != "Bearer "+token:
		w.Header().Set("WWW-Authenticate", `Bearer realm="`+r.URL+`/token",service="test"`)
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`))
	case r.login != "" && name+":"+password != r.login:
		w.Header().Set("WWW-Authenticate", `Basic realm="private"`)
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`))
	case req.URL.Path == "/v2/":
	case !known:
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}`))
	default:
		if strings.Contains(req.URL.Path, "/manifests/") {
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
		}
		w.Header().Set("Docker-Content-Digest", digest(string(data)))
		http.ServeContent(w, req, "", testTime, bytes.NewReader(data))
	}
}

// push has the registry have an image, and returns its name with the tag and that with the digest.
func (r *registry) push(m made, name string) (tagged, exact string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.data["/v2/"+name+"/manifests/latest"] = m.manifest
	r.data["/v2/"+name+"/manifests/"+digest(string(m.manifest))] = m.manifest
	for _, blob := range [][]byte{m.config, m.layer} {
		r.data["/v2/"+name+"/blobs/"+digest(string(blob))] = blob
	}
	return r.host() + "/" + name + ":latest", r.host() + "/" + name + "@" + digest(string(m.manifest))
}
