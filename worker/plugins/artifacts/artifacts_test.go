package artifacts_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/plugins/artifacts"
	"github.com/workerkit/workerkit/worker/plugins/plugintest"
	"github.com/workerkit/workerkit/worker/task"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func files(t *testing.T, dir string, contents map[string]string) {
	t.Helper()
	for name, content := range contents {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestConforms(t *testing.T) {
	plugintest.Conform(t, plugintest.Case{
		New: func(t *testing.T, store *plugintest.Store) plugins.Plugin {
			return artifacts.New(store.Uploader())
		},
		Payload: `{"artifacts": [{"type": "file", "path": "a.txt", "name": "public/a.txt"}, {"type": "directory", "path": "out"}]}`,
		Files: func(t *testing.T, dir string) {
			files(t, dir, map[string]string{"a.txt": "a", "out/b.zip": "b", "out/c/d": "d"})
		},
	})
}

// life runs a payload's artifacts over these files and returns the run and its first error.
func life(t *testing.T, payload string, contents map[string]string, prepare ...func(*plugintest.Run)) (*plugintest.Run, error) {
	t.Helper()
	run := plugintest.NewRun(t, payload)
	files(t, run.Dir, contents)
	for _, f := range prepare {
		f(run)
	}
	err := run.Life(t.Context(), artifacts.New(run.Queue.Store.Uploader()), plugintest.Result{Dir: run.Dir})
	if left, _ := os.ReadDir(run.Own); len(left) > 0 {
		t.Errorf("spools left: %v", left)
	}
	return run, err
}

func calls(run *plugintest.Run) []string {
	var all []string
	for _, c := range run.Queue.Calls() {
		all = append(all, c.String())
	}
	slices.Sort(all)
	return all
}

func TestFilesAndFoldersAreUploaded(t *testing.T) {
	contents := map[string]string{
		"a.txt": "a\n", "empty.bin": "", "out/d/b.json": "{}", "out/x.tgz": "packed", "out/weiß: ünï": "unicode",
		"big.log": strings.Repeat("a line of the log\n", 200_000), // 3.4 MiB
	}
	run, err := life(t, `{"artifacts": [
		{"type": "file", "path": "a.txt", "name": "public/a.txt"},
		{"type": "file", "path": "empty.bin"},
		{"type": "file", "path": "big.log", "contentEncoding": "zstd"},
		{"type": "file", "path": "a.txt", "name": "typed", "contentType": "text/x-own", "contentEncoding": "gzip"},
		{"type": "directory", "path": "out", "name": "public/out"}
	]}`, contents)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct{ content, contentType, encoding string }{
		"public/a.txt":         {"a\n", "text/plain; charset=utf-8", "gzip"},
		"empty.bin":            {"", "application/octet-stream", "gzip"},
		"big.log":              {contents["big.log"], "text/plain", "zstd"},
		"typed":                {"a\n", "text/x-own", "gzip"},
		"public/out/d/b.json":  {"{}", "application/json", "gzip"},
		"public/out/x.tgz":     {"packed", "", "identity"},
		"public/out/weiß: ünï": {"unicode", "application/octet-stream", "gzip"},
	} {
		got, ok := run.Queue.Store.Get(name)
		text, err := got.Text()
		if !ok || err != nil || text != want.content || got.Header.Get("Content-Encoding") != want.encoding ||
			want.contentType != "" && got.Header.Get("Content-Type") != want.contentType {
			t.Errorf("%s: %d bytes with %v, %v", name, len(text), got.Header, err)
		}
	}
	for _, c := range run.Queue.Calls() {
		if *c.ContentLength != int64(len(contents[strings.NewReplacer("public/", "", "typed", "a.txt").Replace(c.Name)])) {
			t.Errorf("%s was announced with %d bytes", c.Name, *c.ContentLength)
		}
	}
	if log := run.TaskLog(t); strings.Count(log, "\n") != 1 || !strings.Contains(log, "] Uploaded 7 artifacts, 3.4 MiB (") || !strings.Contains(log, " bytes sent) in ") {
		t.Errorf("the task's log has %q", log)
	}
}

func TestMissingFile(t *testing.T) {
	run, err := life(t, `{"artifacts": [{"type": "file", "path": "missing.txt", "name": "public/missing.txt"}, {"type": "file", "path": "there"}]}`,
		map[string]string{"there": "x"})
	message := "Could not read file '" + filepath.Join(run.Dir, "missing.txt") + "'"
	if task.Resolve(err) != task.Failed || err.Error() != "file-missing-on-worker: "+message {
		t.Errorf("resolved %s: %v", task.Resolve(err), err)
	}
	got := run.TaskLog(t)
	summary := regexp.MustCompile(`\[taskcluster \S+\] Uploaded 1 artifact, 1 byte \(\d+ bytes sent\) in \S+\n`).FindString(got)
	want := "[taskcluster:error] Uploading error artifact public/missing.txt from file missing.txt with message " + strconv.Quote(message) +
		", reason \"file-missing-on-worker\" and expiry " + run.Definition.Expires.Format("2006-01-02T15:04:05.000Z") + "\n" +
		"[taskcluster:error] TASK FAILURE during artifact upload: file-missing-on-worker: " + message + "\n" +
		summary + "[taskcluster:error] file-missing-on-worker: " + message + "\n"
	if summary == "" || got != want {
		t.Errorf("the log says\n%s\nwant\n%s", got, want)
	}
	if got := calls(run); !slices.Equal(got, []string{"createArtifact error public/missing.txt", "createArtifact s3 there"}) {
		t.Errorf("calls %v", got)
	}
}

func TestWhatCannotBeUploaded(t *testing.T) {
	long := strings.Repeat("ä", 5000)
	for _, test := range []struct {
		name, item, reason string
		unix               bool
	}{
		{"folder as file", `{"type": "file", "path": "out"}`, "invalid-resource-on-worker", false},
		{"file as folder", `{"type": "directory", "path": "out/a"}`, "invalid-resource-on-worker", false},
		{"no folder", `{"type": "directory", "path": "none"}`, "file-missing-on-worker", false},
		{"pipe", `{"type": "file", "path": "pipe"}`, "invalid-resource-on-worker", true},
		{"link to a device", `{"type": "file", "path": "device"}`, "invalid-resource-on-worker", true},
		{"dangling link", `{"type": "file", "path": "dangling"}`, "file-missing-on-worker", true},
		{"long name", `{"type": "file", "name": "n", "path": "` + long + `"}`, "file-missing-on-worker", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.unix && runtime.GOOS == "windows" {
				t.Skip("needs named pipes and symbolic links of Unix")
			}
			run, err := life(t, `{"artifacts": [`+test.item+`]}`, map[string]string{"out/a": "x"}, special)
			c := run.Queue.Calls()
			if task.Resolve(err) != task.Failed || len(c) != 1 || c[0].StorageType != "error" || c[0].Reason != test.reason {
				t.Fatalf("%v, calls %+v", err, c)
			}
			if n := len([]rune(c[0].Message)); n > 4096 || n == 0 {
				t.Errorf("a message of %d characters", n)
			}
		})
	}
}

func TestOptionalArtifactMayBeMissing(t *testing.T) {
	run, err := life(t, `{"artifacts": [{"type": "file", "path": "a", "optional": true}, {"type": "directory", "path": "b", "optional": true}]}`, nil)
	if log := run.TaskLog(t); err != nil || strings.Count(log, "] Uploading error artifact ") != 2 || strings.Contains(log, "[taskcluster:error]") {
		t.Errorf("%v; the task's log says %q", err, log)
	}
	if got := calls(run); !slices.Equal(got, []string{"createArtifact error a", "createArtifact error b"}) {
		t.Errorf("calls %v", got)
	}
}

func TestExpires(t *testing.T) {
	deadline, expires := time.Hour, 24*time.Hour // from the task's creation
	for _, test := range []struct {
		at   time.Duration
		want time.Duration // 0: malformed
	}{
		{deadline, deadline},
		{deadline - time.Second, deadline - time.Second},
		{deadline - 1001*time.Millisecond, 0},
		{expires, expires},
		{expires + time.Second, expires}, // the queue allows no slack
		{expires + 1001*time.Millisecond, 0},
	} {
		run := plugintest.NewRun(t, "")
		files(t, run.Dir, map[string]string{"a": "x"})
		at := run.Definition.Created.Add(test.at)
		run.Payload = json.RawMessage(fmt.Sprintf(`{"artifacts": [{"type": "file", "path": "a", "expires": %q}]}`, at.Format(time.RFC3339Nano)))
		err := run.Life(t.Context(), artifacts.New(run.Queue.Store.Uploader()), plugintest.Result{Dir: run.Dir})
		if test.want == 0 {
			if task.Resolve(err) != task.MalformedPayload || !strings.Contains(err.Error(), "artifact a: expires") {
				t.Errorf("%v: %v", test.at, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%v: %v", test.at, err)
		} else if got := run.Queue.Calls()[0].Expires; !got.Equal(run.Definition.Created.Add(test.want)) {
			t.Errorf("%v: expires %v", test.at, got)
		}
	}
}

func TestNamesOfTheLogsAreReserved(t *testing.T) {
	run, err := life(t, `{"logs": {"live": "mine/live.txt"}, "artifacts": [{"type": "directory", "path": "public"}, {"type": "directory", "path": "mine"}]}`,
		map[string]string{"public/logs/live.log": "free", "public/logs/live_backing.log": "taken", "mine/live.txt": "taken"})
	if err != nil {
		t.Fatal(err)
	}
	if got := calls(run); !slices.Equal(got, []string{"createArtifact s3 public/logs/live.log"}) {
		t.Errorf("calls %v", got)
	}
	for _, name := range []string{"mine/live.txt", "public/logs/live_backing.log"} {
		if !strings.Contains(run.TaskLog(t), "Artifact "+name+" is not uploaded") {
			t.Errorf("no warning of %s: %s", name, run.TaskLog(t))
		}
	}
	run, err = life(t, `{"features": {"backingLog": false}, "artifacts": [{"type": "directory", "path": "public"}]}`,
		map[string]string{"public/logs/live_backing.log": "own"})
	if err != nil || len(run.Queue.Calls()) != 1 {
		t.Errorf("without a log the name is free: %v, %v", err, run.Queue.Calls())
	}
}

func TestFileThatIsListedTwiceIsUploadedOnce(t *testing.T) {
	run, err := life(t, `{"artifacts": [{"type": "directory", "path": "out"}, {"type": "file", "path": "out/a"}]}`, map[string]string{"out/a": "x"})
	if err != nil || len(run.Queue.Calls()) != 1 {
		t.Errorf("%v, calls %v", err, run.Queue.Calls())
	}
}

func TestOneNameForTheSameFile(t *testing.T) {
	for _, second := range []string{
		`{"type": "file", "path": "./out//a", "name": "out/a"}`, `{"type": "file", "path": "DIR/out/a", "name": "out/a"}`,
		`{"type": "file", "path": "out/a", "optional": true}`,
	} {
		payload := `{"artifacts": [` + second + `, {"type": "directory", "path": "out"}]}`
		run := plugintest.NewRun(t, "")
		run.Payload = json.RawMessage(strings.ReplaceAll(payload, "DIR", filepath.ToSlash(run.Dir)))
		files(t, run.Dir, map[string]string{"out/a": "x"})
		err := run.Life(t.Context(), artifacts.New(run.Queue.Store.Uploader()), plugintest.Result{Dir: run.Dir})
		if got := calls(run); err != nil || !slices.Equal(got, []string{"createArtifact s3 out/a"}) {
			t.Errorf("%s: %v, calls %v", second, err, got)
		}
	}
	run, err := life(t, `{"artifacts": [{"type": "file", "path": "a", "optional": true}, {"type": "file", "path": "a"}]}`, nil)
	if task.Resolve(err) != task.Failed || len(run.Queue.Calls()) != 1 {
		t.Errorf("a file that is wanted once, and missing: %v, calls %v", err, run.Queue.Calls())
	}
}

func TestOneNameForTwoFiles(t *testing.T) {
	for _, second := range []string{
		`{"type": "file", "path": "b", "name": "public/a"}`,
		`{"type": "file", "path": "a", "name": "public/a", "contentType": "text/x-own"}`,
		`{"type": "file", "path": "a", "name": "public/a", "contentEncoding": "identity"}`,
		`{"type": "directory", "path": "out", "name": "public"}`,
	} {
		run, err := life(t, `{"artifacts": [{"type": "file", "path": "a", "name": "public/a"}, {"type": "file", "path": "b"}, `+second+`]}`,
			map[string]string{"a": "x", "b": "y", "out/a": "z"})
		if task.Resolve(err) != task.MalformedPayload || !strings.Contains(err.Error(), "artifact public/a:") {
			t.Errorf("%s: %v", second, err)
		}
		if got := calls(run); len(got) > 0 {
			t.Errorf("%s: calls %v", second, got)
		}
	}
}

// TestTwoFilesOfOneName are found before the commands run.
func TestTwoFilesOfOneName(t *testing.T) {
	for second, want := range map[string]task.Resolution{"b": task.MalformedPayload, "./a": task.Completed} {
		run := plugintest.NewRun(t, `{"artifacts": [{"type": "file", "path": "a", "name": "x"}, {"type": "file", "path": "`+second+`", "name": "x"}]}`)
		_, err := artifacts.New(run.Queue.Store.Uploader()).New(run.Run)
		if task.Resolve(err) != want || err != nil && !strings.Contains(err.Error(), "artifact x: two entries that differ make it, with the paths a and b") {
			t.Errorf("%s: %v", second, err)
		}
	}
}

func TestFailuresResolveTheRun(t *testing.T) {
	for status, want := range map[int]task.Resolution{
		http.StatusConflict: task.MalformedPayload, http.StatusBadRequest: task.MalformedPayload,
		http.StatusServiceUnavailable: task.ResourceUnavailable, http.StatusForbidden: task.InternalError,
	} {
		run, err := life(t, `{"artifacts": [{"type": "file", "path": "a"}, {"type": "file", "path": "b", "optional": true}]}`, map[string]string{"a": "x", "b": "y"},
			func(run *plugintest.Run) { run.Queue.Fail("b", plugintest.Refusal(status)) })
		if task.Resolve(err) != want || !strings.Contains(run.TaskLog(t), "TASK FAILURE during artifact upload: artifact b: ") {
			t.Errorf("%d: %s, %v; log %s", status, task.Resolve(err), err, run.TaskLog(t))
		}
		if _, ok := run.Queue.Store.Get("a"); !ok {
			t.Errorf("%d: the other artifact was not uploaded", status)
		}
	}
	run, err := life(t, `{"artifacts": [{"type": "file", "path": "a.zip"}]}`, map[string]string{"a.zip": "x"},
		func(run *plugintest.Run) { run.Queue.Store.Answer("a.zip", 503, 0, 403) })
	if got, _ := run.Queue.Store.Get("a.zip"); err != nil || got.Puts != 4 || len(run.Queue.Calls()) != 2 {
		t.Errorf("%v after %d PUTs and %d URLs", err, got.Puts, len(run.Queue.Calls()))
	}
}

func TestManyFilesAtOnce(t *testing.T) {
	contents := map[string]string{}
	for i := range 300 {
		contents[fmt.Sprintf("out/%03d.txt", i)] = strings.Repeat(fmt.Sprintln("content", i), i)
	}
	run, err := life(t, `{"artifacts": [{"type": "directory", "path": "out", "name": "public"}]}`, contents)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range contents {
		got, _ := run.Queue.Store.Get(strings.Replace(name, "out", "public", 1))
		if text, err := got.Text(); err != nil || text != content {
			t.Errorf("%s: %d bytes, %v", name, len(text), err)
		}
	}
}

func TestObjectServiceGetsFilesAsTheyAre(t *testing.T) {
	run := plugintest.NewRun(t, `{"artifacts": [{"type": "file", "path": "small.txt"}, {"type": "file", "path": "large.txt", "contentEncoding": "gzip"}]}`)
	large := strings.Repeat("text", 5000)
	files(t, run.Dir, map[string]string{"small.txt": "x", "large.txt": large})
	u := run.Queue.Store.Uploader()
	u.Objects = run.Queue.Store
	if err := run.Life(t.Context(), artifacts.New(u), plugintest.Result{Dir: run.Dir}); err != nil {
		t.Fatal(err)
	}
	if got, _ := run.Queue.Store.Get("large.txt"); string(got.Data) != large || got.Header.Get("X-Storage") != "object" {
		t.Errorf("%d bytes with %v", len(got.Data), got.Header)
	}
	want := []string{"createArtifact object large.txt", "createArtifact object small.txt", "finishArtifact large.txt", "finishArtifact small.txt"}
	if got := calls(run); !slices.Equal(got, want) {
		t.Errorf("calls %v", got)
	}
	const sha256OfX = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
	if sha256, sha512 := run.Queue.Store.Sums("small.txt"); sha256 != sha256OfX || len(sha512) != 128 {
		t.Errorf("finished with %s and %s", sha256, sha512)
	}
	for _, c := range run.Queue.Calls() {
		if c.ContentLength != nil {
			t.Errorf("%s has a content length, with which it could not be finished", c)
		}
	}
}

func TestNothingRan(t *testing.T) {
	run := plugintest.NewRun(t, `{"artifacts": [{"type": "file", "path": "a"}]}`)
	var none engines.Result
	if err := run.Life(t.Context(), artifacts.New(run.Queue.Store.Uploader()), none); err != nil || len(run.Queue.Calls()) > 0 {
		t.Errorf("%v, calls %v", err, run.Queue.Calls())
	}
}

// TestServiceThatIsDown: each artifact is tried for a while, and so the rest are not.
func TestServiceThatIsDown(t *testing.T) {
	contents := map[string]string{}
	for i := range 200 {
		contents[fmt.Sprintf("out/%03d", i)] = "x"
	}
	payload := `{"artifacts": [{"type": "directory", "path": "out"}]}`
	run, err := life(t, payload, contents, func(run *plugintest.Run) { run.Queue.Store.Refuse() })
	log := run.TaskLog(t)
	if n := len(calls(run)); task.Resolve(err) != task.ResourceUnavailable || n < 48 || n > 100 || !strings.Contains(log, "more artifacts were not tried") {
		t.Errorf("%d artifacts were tried: %v\n%s", n, err, log)
	}

	// One that the store would not have says nothing of the others.
	run, err = life(t, payload, contents, func(run *plugintest.Run) { run.Queue.Store.Answer("out/000", http.StatusRequestEntityTooLarge) })
	if n := len(calls(run)); task.Resolve(err) != task.ResourceUnavailable || n != 200 || strings.Contains(run.TaskLog(t), "not tried") {
		t.Errorf("%d artifacts were tried: %v", n, err)
	}
}

// TestNameThatIsNone: the address of such an artifact would be another one.
func TestNameThatIsNone(t *testing.T) {
	for _, artifact := range []string{`"path": ""`, `"path": "a", "name": "."`, `"path": "a", "name": ".."`, `"path": "."`} {
		_, err := life(t, `{"artifacts": [{"type": "file", `+artifact+`}]}`, map[string]string{"a": "x"})
		if task.Resolve(err) != task.MalformedPayload || !strings.Contains(err.Error(), "needs a name") {
			t.Errorf("%s: %v", artifact, err)
		}
	}
	for _, artifact := range []string{`"path": ""`, `"path": "."`, `"path": "out", "name": "."`} {
		run, err := life(t, `{"artifacts": [{"type": "directory", `+artifact+`}]}`, map[string]string{"out/a": "x"})
		if got := calls(run); err != nil || len(got) != 1 || !strings.HasSuffix(got[0], "a") {
			t.Errorf("%s: %v, %v", artifact, got, err)
		}
	}
}
