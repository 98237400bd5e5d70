package artifacts_test

import (
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/workerkit/workerkit/internal/isolated"
	"github.com/workerkit/workerkit/worker/plugins/artifacts"
	"github.com/workerkit/workerkit/worker/plugins/plugintest"
	"github.com/workerkit/workerkit/worker/task"
)

// TestFullDisk: what needs no copy is uploaded, the task is told what to do, and the disk is as it was.
func TestFullDisk(t *testing.T) {
	if !isolated.Entered() {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd, err := isolated.Command(self, nil, "-test.run=^TestFullDisk$", "-test.v")
		if err != nil {
			t.Skipf("a disk that is full is mounted in namespaces of its own: %v", err)
		}
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS: TestFullDisk") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	noise := make([]byte, 3<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(noise)
	for _, encoding := range []string{"gzip", "zstd"} {
		run := plugintest.NewRun(t, `{"artifacts": [{"type": "file", "path": "a", "contentEncoding": "`+encoding+`"}, {"type": "file", "path": "b", "contentEncoding": "identity"}]}`)
		files(t, run.Dir, map[string]string{"a": string(noise), "b": string(noise)})
		if err := syscall.Mount("none", run.Own, "tmpfs", 0, "size=1m"); err != nil {
			t.Fatal(err)
		}
		err := run.Life(t.Context(), artifacts.New(run.Queue.Store.Uploader()), plugintest.Result{Dir: run.Dir})
		if task.Resolve(err) != task.ResourceUnavailable || !strings.Contains(run.TaskLog(t), "contentEncoding identity, which needs no copy") {
			t.Errorf("%s: %s, %v", encoding, task.Resolve(err), err)
		}
		if got, _ := run.Queue.Store.Get("b"); len(got.Data) != len(noise) {
			t.Errorf("%s: %d bytes of the other one were uploaded", encoding, len(got.Data))
		}
		if left, _ := os.ReadDir(run.Own); len(left) > 0 {
			t.Errorf("%s: spools left: %v", encoding, left)
		}
		if err := syscall.Unmount(run.Own, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}
}
