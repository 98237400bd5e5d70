package filecache_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/internal/fetch"
)

func TestHitAndState(t *testing.T) {
	m := newMachine(t)
	if m.log.Len() > 0 {
		t.Errorf("a first start says %s", m.log)
	}
	c := m.put("/a", "the content")
	first := m.get(c, "the content")
	second := m.get(c, "the content")
	if first.Hit || !second.Hit || first.Path != second.Path || len(m.requests()) != 1 || second.Source != c.URL {
		t.Errorf("%+v, then %+v, after %v", first, second, m.requests())
	}
	m.close()
	want := map[string]map[string]any{"urlcontent:" + c.URL: {
		"created": "2030-01-01T00:00:04Z", "location": first.Path, "hits": float64(1),
		"key": "urlcontent:" + c.URL, "sha256": fetch.Sum([]byte("the content")), "last_used": "2030-01-01T00:00:08Z",
	}}
	got := m.state()
	for _, times := range []string{"created", "last_used"} { // the clock is looked at by the download as well
		delete(want["urlcontent:"+c.URL], times)
		at, err := time.Parse(time.RFC3339, fmt.Sprint(got["urlcontent:"+c.URL][times]))
		if err != nil || at.Year() != 2030 {
			t.Errorf("%s: %v, %v", times, at, err)
		}
		delete(got["urlcontent:"+c.URL], times)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"file-caches.json", "workerkit-file-hashes.json"} {
		if info, err := os.Stat(filepath.Join(m.dir, name)); err != nil || (os.PathSeparator == '/' && info.Mode().Perm() != 0o600) {
			t.Errorf("%v, %v", info, err)
		}
	}

	m.open()
	if third := m.get(c, "the content"); !third.Hit || third.Path != first.Path || len(m.requests()) != 1 {
		t.Errorf("%+v after a restart", third)
	}
}

// TestOfTheReference reads what the public worker has left.
func TestOfTheReference(t *testing.T) {
	m := newMachine(t)
	c := m.put("/a", "from the server")
	m.close()
	names := []string{"AAAAAAAAAAAAAAAAAAAAAA", "BBBBBBBBBBBBBBBBBBBBBB", "CCCCCCCCCCCCCCCCCCCCCC", "DDDDDDDDDDDDDDDDDDDDDD"}
	for i, data := range []string{"of the reference", "YWJj", "raw", "no entry"} {
		if err := os.WriteFile(filepath.Join(m.downloads(), names[i]), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	state := map[string]any{
		"urlcontent:" + c.URL: map[string]any{
			"created": "2029-03-01T10:11:12.123456789+01:00", "location": filepath.Join(m.downloads(), names[0]), "hits": 3, "key": "urlcontent:" + c.URL,
			"sha256": fetch.Sum([]byte("of the reference")), "in_use": false, "last_used": "0001-01-01T00:00:00Z", "something": "new",
		},
		// The reference neither decodes nor hashes it.
		"Base64 content: YWJj": map[string]any{"created": "2029-03-01T10:11:12Z", "location": "downloads/" + names[1], "sha256": ""},
		"Raw content: raw":     map[string]any{"created": "2029-03-01T10:11:12Z", "location": "downloads/" + names[2], "sha256": ""},
		"urlcontent:gone":      map[string]any{"created": "2029-03-01T10:11:12Z", "location": "downloads/EEEEEEEEEEEEEEEEEEEEEE", "sha256": ""},
		"urlcontent:outside":   map[string]any{"created": "2029-03-01T10:11:12Z", "location": filepath.Join(m.dir, names[3]), "sha256": ""},
		"urlcontent:up":        map[string]any{"created": "2029-03-01T10:11:12Z", "location": "downloads/../" + names[3], "sha256": ""},
		"urlcontent:damaged":   7,
	}
	text, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(filepath.Join(m.dir, "file-caches.json"), text, 0o600), os.WriteFile(filepath.Join(m.dir, names[3]), []byte("mine"), 0o600)); err != nil {
		t.Fatal(err)
	}
	m.open()
	if got := m.get(c, "of the reference"); !got.Hit || filepath.Base(got.Path) != names[0] {
		t.Errorf("%+v", got)
	}
	for want, c := range map[string]fetch.Content{"raw": {Raw: "raw"}, "abc": {Base64: "YWJj"}} {
		if m.get(c, want).Hit {
			t.Errorf("%s was kept, of which there is no need", c)
		}
	}
	if diff := cmp.Diff(names[:1], m.files()); diff != "" {
		t.Error(diff)
	}
	if _, err := os.Stat(filepath.Join(m.dir, names[3])); err != nil {
		t.Errorf("a file outside: %v", err)
	}
	for _, warning := range []string{"cannot be read", "not in downloadsDir", "a download is gone"} {
		if !strings.Contains(m.log.String(), warning) {
			t.Errorf("no warning %q in\n%s", warning, m.log)
		}
	}
	m.close()
	keys := slices.Sorted(maps.Keys(m.state()))
	if diff := cmp.Diff([]string{"urlcontent:" + c.URL}, keys); diff != "" {
		t.Error(diff)
	}
}

// TestStateThatIsLost: what lies in the directory goes, if it can only be the cache's.
func TestStateThatIsLost(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"missing": os.Remove,
		"damaged": func(path string) error { return os.WriteFile(path, []byte(`{"half`), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			c := m.put("/a", "x")
			m.get(c, "x")
			m.close()
			strange := []string{"DDDDDDDDDDDDDDDDDDDDDD", "notes.txt", "thatisnobody'sbutmine!"}
			err := errors.Join(os.Mkdir(filepath.Join(m.downloads(), strange[0]), 0o700), spoil(filepath.Join(m.dir, "file-caches.json")))
			for _, name := range strange[1:] {
				err = errors.Join(err, os.WriteFile(filepath.Join(m.downloads(), name), nil, 0o600))
			}
			if err != nil {
				t.Fatal(err)
			}
			m.open()
			if diff := cmp.Diff(strange, m.files()); diff != "" {
				t.Error(diff)
			}
			if !strings.Contains(m.log.String(), "level=WARN") {
				t.Error("there is no warning")
			}
			if m.get(c, "x").Hit {
				t.Error("found what is gone")
			}
		})
	}
}
