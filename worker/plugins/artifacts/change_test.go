package artifacts_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/plugins/artifacts"
	"github.com/workerkit/workerkit/worker/plugins/plugintest"
	"github.com/workerkit/workerkit/worker/task"
)

func sum(content string) string {
	s := sha256.Sum256([]byte(content))
	return hex.EncodeToString(s[:])
}

func TestHashesForTheChainOfTrust(t *testing.T) {
	large := strings.Repeat("0123456789abcdef", 50_000)
	contents := map[string]string{"a.txt": "a", "b.zip": large, "c.bin": large + "c", "empty": "", "empty.zip": ""}
	const entries = `"artifacts": [{"type": "file", "path": "a.txt"}, {"type": "file", "path": "b.zip"}, {"type": "file", "path": "c.bin", "contentEncoding": "zstd"},
		{"type": "file", "path": "empty"}, {"type": "file", "path": "empty.zip"}, {"type": "file", "path": "none", "optional": true}]`
	want := map[string]string{}
	for name, content := range contents {
		want[name] = sum(content)
	}
	for _, object := range []bool{false, true} {
		run := plugintest.NewRun(t, `{"features": {"chainOfTrust": true}, `+entries+`}`)
		files(t, run.Dir, contents)
		u := run.Queue.Store.Uploader()
		if object {
			u.Objects = run.Queue.Store
		} else {
			run.Queue.Store.Answer("b.zip", 0, 403, 503) // the hash is of the attempt that was taken
		}
		if err := run.Life(t.Context(), artifacts.New(u), plugintest.Result{Dir: run.Dir}); err != nil {
			t.Fatal(err)
		}
		if got := run.Uploads.SHA256(); !maps.Equal(got, want) {
			t.Errorf("object %v: %v, want %v", object, got, want)
		}
	}
	run, err := life(t, `{`+entries+`}`, contents)
	if got := run.Uploads.SHA256(); err != nil || len(got) > 0 {
		t.Errorf("nobody wanted hashes: %v, %v", got, err)
	}
}

func TestNamesOfFeaturesAreReserved(t *testing.T) {
	names := []string{
		"public/chain-of-trust.json", "public/chain-of-trust.json.sig", "public/logs/certified.log", "private/generic-worker/shell.html",
		"public/workerkit/resources.json", "private/workerkit/resources.html",
	}
	for features, free := range map[string]int{`{}`: 4, `{"chainOfTrust": true}`: 1, `{"chainOfTrust": true, "interactive": true}`: 0} {
		var entries []string
		for _, name := range names {
			entries = append(entries, `{"type": "file", "path": "a", "name": "`+name+`"}`)
		}
		run, err := life(t, `{"features": `+features+`, "artifacts": [`+strings.Join(entries, ",")+`]}`, map[string]string{"a": "x"})
		if got := len(run.Queue.Calls()); err != nil || got != free {
			t.Errorf("%s: %d were uploaded, want %d: %v", features, got, free, err)
		}
		if got := strings.Count(run.TaskLog(t), "is not uploaded: that name is reserved for the "); got != len(names)-free {
			t.Errorf("%s: %d warnings", features, got)
		}
	}
}

// scripted is a result whose files are opened as it says.
type scripted struct {
	plugintest.Result
	opened []string
	open   func(path string) (engines.File, error) // nil opens the file
}

func (s *scripted) OpenFile(ctx context.Context, path string) (engines.File, error) {
	s.opened = append(s.opened, path)
	if s.open != nil {
		return s.open(path)
	}
	return s.Result.OpenFile(ctx, path)
}

// TestOrderIsThatOfThePayload: what comes first in the payload is begun first, as the time may be short.
func TestOrderIsThatOfThePayload(t *testing.T) {
	var want, entries []string
	contents := map[string]string{}
	for i := range 200 {
		name := fmt.Sprint(i * 7919 % 200)
		want, contents[name] = append(want, name), name
		entries = append(entries, `{"type": "file", "path": "`+name+`"}`)
	}
	run := plugintest.NewRun(t, `{"artifacts": [`+strings.Join(entries, ",")+`]}`)
	files(t, run.Dir, contents)
	result := &scripted{Result: plugintest.Result{Dir: run.Dir}}
	if err := run.Life(t.Context(), artifacts.New(run.Queue.Store.Uploader()), result); err != nil || !slices.Equal(result.opened, want) {
		t.Errorf("%v, opened %v", err, result.opened)
	}
}

// sized is a file that pretends to have another size.
type sized struct {
	*os.File
	size int64
}

func (s sized) Stat() (fs.FileInfo, error) {
	info, err := s.File.Stat()
	return sizedInfo{info, s.size}, err
}

type sizedInfo struct {
	fs.FileInfo
	size int64
}

func (s sizedInfo) Size() int64 { return s.size }

// TestFilesThatChange: a file that grows is cut at the length it had; one that shrinks fails the task.
func TestFilesThatChange(t *testing.T) {
	content := strings.Repeat("x", 1<<20)
	for _, encoding := range []string{"identity", "gzip", "zstd"} {
		for had, want := range map[int64]task.Resolution{1 << 20: task.Completed, 1000: task.Completed, 1<<20 + 1: task.Failed} {
			run := plugintest.NewRun(t, `{"features": {"chainOfTrust": true}, "artifacts": [{"type": "file", "path": "a", "contentEncoding": "`+encoding+`"}]}`)
			files(t, run.Dir, map[string]string{"a": content})
			first := true
			result := &scripted{Result: plugintest.Result{Dir: run.Dir}, open: func(string) (engines.File, error) {
				file, err := os.Open(filepath.Join(run.Dir, "a"))
				if !first { // what shrank while it was sent is looked at again
					return file, err
				}
				first = false
				return sized{file, had}, err
			}}
			err := run.Life(t.Context(), artifacts.New(run.Queue.Store.Uploader()), result)
			if task.Resolve(err) != want {
				t.Errorf("%s, %d bytes: %v", encoding, had, err)
			}
			if want == task.Failed {
				continue
			}
			got, _ := run.Queue.Store.Get("a")
			text, err := got.Text()
			if err != nil || text != content[:had] || run.Uploads.SHA256()["a"] != sum(content[:had]) {
				t.Errorf("%s, %d bytes: stored %d, hash %s, %v", encoding, had, len(text), run.Uploads.SHA256()["a"], err)
			}
		}
	}
}

func TestFileThatCannotBeOpened(t *testing.T) {
	for reason, problem := range map[string]error{"file-not-readable-on-worker": fs.ErrPermission, "file-missing-on-worker": fs.ErrNotExist, "invalid-resource-on-worker": engines.ErrWrongKind} {
		run := plugintest.NewRun(t, `{"artifacts": [{"type": "file", "path": "a"}]}`)
		result := &scripted{Result: plugintest.Result{Dir: run.Dir}, open: func(string) (engines.File, error) { return nil, problem }}
		err := run.Life(t.Context(), artifacts.New(run.Queue.Store.Uploader()), result)
		if c := run.Queue.Calls(); task.Resolve(err) != task.Failed || len(c) != 1 || c[0].Reason != reason {
			t.Errorf("%s: %v, calls %v", reason, err, c)
		}
	}
}
