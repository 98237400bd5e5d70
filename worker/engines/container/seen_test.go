package container

import (
	"archive/tar"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/workerkit/workerkit/worker/engines"
)

// TestManyLinks: an engine is not asked where links lead of which it has told that in the list.
func TestManyLinks(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		place := r.URL.Query().Get("path")
		switch {
		case strings.HasSuffix(r.URL.Path, "/_ping"):
		case r.Method == http.MethodHead:
			asked.Add(1)
			stat, err := json.Marshal(container.PathStat{Name: "x", Mode: 0o644, Size: 1})
			if err != nil {
				t.Error(err)
			}
			if strings.Contains(place, "gone") {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			w.Header().Set("X-Docker-Container-Path-Stat", base64.StdEncoding.EncodeToString(stat))
		case place == "/d/.":
			w.Header().Set("X-Docker-Container-Path-Stat", base64.StdEncoding.EncodeToString([]byte("{}")))
			writeLinks(t, w)
		default:
			t.Errorf("%s %s", r.Method, r.URL)
		}
	}))
	defer server.Close()
	api, err := client.New(client.WithHost("tcp://" + strings.TrimPrefix(server.URL, "http://")))
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	f := &files{api: api, id: "x"}
	f.seen.note("/d", &entry{mode: 0o755 | 1<<31}) // a folder
	var found []string
	if err := f.walk(t.Context(), "/d", func(rel string, _ func() (engines.File, error)) error {
		found = append(found, rel)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	want := []string{"file", "hard", "outside", "sub/there", "to-hard"}
	for i := range 50 {
		want = append(want, fmt.Sprint("to-file-", i))
	}
	slices.Sort(want)
	slices.Sort(found)
	if !slices.Equal(found, want) {
		t.Errorf("found %q, want %q", found, want)
	}
	if n := asked.Load(); n != 3 { // hard, outside and one for all that lead out of the folder to nothing
		t.Errorf("the engine was asked %d times, want 3", n)
	}
}

// writeLinks writes the list of a folder with many links.
func writeLinks(t *testing.T, w http.ResponseWriter) {
	t.Helper()
	out := tar.NewWriter(w)
	put := func(kind byte, name, link string) {
		if err := out.WriteHeader(&tar.Header{Typeflag: kind, Name: "./" + name, Linkname: link, Mode: 0o755}); err != nil {
			t.Error(err)
		}
	}
	put(tar.TypeDir, "", "")
	put(tar.TypeReg, "file", "")
	put(tar.TypeLink, "hard", "file")
	put(tar.TypeDir, "sub", "")
	put(tar.TypeSymlink, "sub/there", "../file")
	put(tar.TypeSymlink, "to-hard", "hard")
	put(tar.TypeSymlink, "to-sub", "sub")
	put(tar.TypeSymlink, "loop", "loop")
	put(tar.TypeSymlink, "outside", "/outside")
	for i := range 50 {
		put(tar.TypeSymlink, fmt.Sprint("to-file-", i), "sub/../file")
		put(tar.TypeSymlink, fmt.Sprint("to-nothing-", i), fmt.Sprint("nothing", i))
		put(tar.TypeSymlink, fmt.Sprint("out-", i), "/gone")
	}
	if err := out.Close(); err != nil {
		t.Error(err)
	}
}
