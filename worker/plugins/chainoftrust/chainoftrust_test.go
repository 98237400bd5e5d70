package chainoftrust_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/artifact"
	"github.com/workerkit/workerkit/internal/cot"
	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/plugins/chainoftrust"
	"github.com/workerkit/workerkit/worker/plugins/plugintest"
	"github.com/workerkit/workerkit/worker/task"
)

const asked = `{"features": {"chainOfTrust": true}}`

func key() ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed([]byte("an ed25519 seed, which has 32 B."))
}

func config(store *plugintest.Store) chainoftrust.Config {
	return chainoftrust.Config{
		Key: key(), KeyFile: "/etc/key", WorkerGroup: "group", WorkerID: "worker",
		Environment: cot.Environment{InstanceID: "i-1", Region: "here"},
		Uploader: &artifact.Uploader{
			HTTP: store.Client(), Now: time.Now, Policy: retry.Policy{Initial: time.Millisecond, Attempts: 8},
		},
	}
}

func TestConform(t *testing.T) {
	plugintest.Conform(t, plugintest.Case{
		New:     func(_ *testing.T, store *plugintest.Store) plugins.Plugin { return chainoftrust.New(config(store)) },
		Payload: asked,
	})
}

// files puts files into the task directory.
func files(t *testing.T, dir string, contents map[string]string) {
	t.Helper()
	for name, content := range contents {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// download puts what was uploaded into a folder.
func download(t *testing.T, run *plugintest.Run) string {
	t.Helper()
	dir := t.TempDir()
	for name, stored := range run.Queue.Store.Names() {
		text, err := stored.Text()
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func public(t *testing.T) ed25519.PublicKey {
	t.Helper()
	k, ok := key().Public().(ed25519.PublicKey)
	if !ok {
		t.Fatal("no public key")
	}
	return k
}

func TestCertificate(t *testing.T) {
	for _, objects := range []bool{false, true} {
		run := plugintest.NewRun(t, asked)
		run.Raw = json.RawMessage(`{"payload": {"z": 1, "a": 2}}`)
		run.RunID = 3
		hash := sha256.Sum256([]byte("x"))
		run.Uploads.Add("public/x", hex.EncodeToString(hash[:]))
		run.Uploads.Add(cot.CertificateName, "of what the task made itself")
		run.Log.Info("before")
		_, _ = run.Log.Write([]byte(strings.Repeat("a line of the task's\n", 100_000)))
		c := config(run.Queue.Store)
		if objects {
			c.Uploader.Objects = run.Queue.Store
		}
		if err := run.Life(t.Context(), chainoftrust.New(c), plugintest.Result{Dir: run.Dir}); err != nil {
			t.Fatal(err)
		}
		names := slices.Sorted(func(yield func(string) bool) {
			for _, call := range run.Queue.Calls() {
				if strings.HasPrefix(call.String(), "createArtifact") && !yield(call.String()+" "+call.ContentType) {
					return
				}
			}
		})
		kind := map[bool]string{false: "s3", true: "object"}[objects]
		want := []string{
			"createArtifact " + kind + " public/chain-of-trust.json text/plain; charset=utf-8",
			"createArtifact " + kind + " public/chain-of-trust.json.sig application/octet-stream",
			"createArtifact " + kind + " public/logs/certified.log text/plain; charset=utf-8",
		}
		if !slices.Equal(names, want) {
			t.Errorf("calls %q", names)
		}
		for _, stored := range run.Queue.Store.Names() {
			if got := stored.Header.Get("Content-Encoding"); !objects && got != "gzip" {
				t.Errorf("stored with the encoding %s", got)
			}
		}
		dir := download(t, run)
		certificate, err := cot.ReadSet(public(t), dir)
		if err != nil {
			t.Fatal(err)
		}
		var definition any
		if err := json.Unmarshal(certificate.Task, &definition); err != nil || certificate.RunID != 3 || certificate.WorkerID != "worker" || certificate.Environment.InstanceID != "i-1" {
			t.Errorf("%+v, %v", certificate, err)
		}
		found, err := certificate.Check(t.Context(), dir)
		if err != nil || len(found) != 2 || found[0] != (cot.Finding{Name: cot.LogName, Verdict: cot.OK}) || found[1].Verdict != cot.Missing {
			t.Errorf("%+v, %v", found, err)
		}
		if log, _ := os.ReadFile(filepath.Join(dir, filepath.FromSlash(cot.LogName))); string(log) != run.TaskLog(t) {
			t.Errorf("%d bytes of the log are certified", len(log))
		}
		if left, _ := os.ReadDir(run.Own); len(left) > 0 {
			t.Errorf("left %v", left)
		}
	}
}

func TestAdditionalData(t *testing.T) {
	const name = "chain-of-trust-additional-data.json"
	for text, says := range map[string]string{
		`{"built": "here", "taskId": "forged"}`: "",
		`[1]`:                                   name + ": not a JSON object",
		`{"a"`:                                  name + ": not a JSON object",
		``:                                      name + ": it is empty",
		`{"a": "` + strings.Repeat("x", 1<<20) + `"}`: name + ": it is longer than",
	} {
		run := plugintest.NewRun(t, asked)
		files(t, run.Dir, map[string]string{name: text})
		err := run.Life(t.Context(), chainoftrust.New(config(run.Queue.Store)), plugintest.Result{Dir: run.Dir})
		if says == "" {
			document, _ := run.Queue.Store.Get(cot.CertificateName)
			got, textErr := document.Text()
			if err != nil || textErr != nil || !strings.Contains(got, `"built": "here"`) || strings.Contains(got, "forged") {
				t.Errorf("%v: %s", err, got)
			}
			continue
		}
		if task.Resolve(err) != task.Failed || !strings.Contains(err.Error(), says) {
			t.Errorf("%.20s: %v", text, err)
		}
		if _, made := run.Queue.Store.Get(cot.SignatureName); made {
			t.Errorf("%.20s: it was signed", text)
		}
	}
	run := plugintest.NewRun(t, asked)
	if err := os.Mkdir(filepath.Join(run.Dir, name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := run.Life(t.Context(), chainoftrust.New(config(run.Queue.Store)), plugintest.Result{Dir: run.Dir}); task.Resolve(err) != task.Failed {
		t.Errorf("a folder: %v", err)
	}
}

// builder says what the task can read.
type builder struct {
	engines.Builder
	asked    string
	readable bool
	fail     error
}

func (b *builder) CanRead(_ context.Context, path string) (bool, error) {
	b.asked = path
	return b.readable, b.fail
}

// Image says what the commands run in.
func (*builder) Image() (id, artifact string) { return "sha256:1", "sha256:2" }

// TestImage: what the commands ran in is certified.
func TestImage(t *testing.T) {
	run := plugintest.NewRun(t, asked)
	hooks, err := chainoftrust.New(config(run.Queue.Store)).New(run.Run)
	if err == nil {
		err = hooks.(plugins.Builder).Build(t.Context(), &builder{})
	}
	if err == nil {
		err = hooks.(plugins.Stopper).Stopped(t.Context(), plugintest.Result{Dir: run.Dir})
	}
	if err != nil {
		t.Fatal(err)
	}
	document, _ := run.Queue.Store.Get(cot.CertificateName)
	if text, err := document.Text(); err != nil || !strings.Contains(text, `"imageHash": "sha256:1",`) || !strings.Contains(text, `"imageArtifactHash": "sha256:2"`) {
		t.Errorf("%s, %v", text, err)
	}
}

func TestWhoMayNotHaveIt(t *testing.T) {
	var without struct{ engines.Builder }
	broken := errors.New("cannot ask")
	for name, test := range map[string]struct {
		disabled bool
		builder  engines.Builder
		want     task.Resolution
		is       error
		says     string
	}{
		"good":              {builder: &builder{}, want: task.Completed},
		"disabled":          {disabled: true, builder: &builder{}, want: task.MalformedPayload, says: "disabled on workers of the pool provisioner/pool"},
		"can read the key":  {builder: &builder{readable: true}, want: task.MalformedPayload, says: "could read the worker's signing key"},
		"not known":         {builder: &builder{fail: broken}, want: task.InternalError, is: broken},
		"without any users": {builder: without, want: task.InternalError, is: engines.ErrNotSupported},
	} {
		t.Run(name, func(t *testing.T) {
			run := plugintest.NewRun(t, asked)
			c := config(run.Queue.Store)
			c.Disabled = test.disabled
			hooks, err := chainoftrust.New(c).New(run.Run)
			if err == nil {
				err = hooks.(plugins.Builder).Build(t.Context(), test.builder)
			}
			if task.Resolve(err) != test.want || test.is != nil && !errors.Is(err, test.is) || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v", err)
			}
			if b, ok := test.builder.(*builder); ok && !test.disabled && b.asked != "/etc/key" {
				t.Errorf("asked for %q", b.asked)
			}
		})
	}
	run := plugintest.NewRun(t, `{}`)
	c := config(run.Queue.Store)
	c.Disabled = true
	if hooks, err := chainoftrust.New(c).New(run.Run); hooks != nil || err != nil {
		t.Errorf("a task that does not ask for it: %v, %v", hooks, err)
	}
}

func TestNothingRan(t *testing.T) {
	run := plugintest.NewRun(t, asked)
	if err := run.Life(t.Context(), chainoftrust.New(config(run.Queue.Store)), nil); err != nil || len(run.Queue.Calls()) > 0 {
		t.Errorf("%v, %v", err, run.Queue.Calls())
	}
}

func TestFailuresResolveTheRun(t *testing.T) {
	for status, want := range map[int]task.Resolution{
		http.StatusConflict: task.MalformedPayload, http.StatusServiceUnavailable: task.ResourceUnavailable, http.StatusForbidden: task.InternalError,
	} {
		for _, name := range []string{cot.LogName, cot.CertificateName, cot.SignatureName} {
			run := plugintest.NewRun(t, asked)
			run.Queue.Fail(name, plugintest.Refusal(status))
			err := run.Life(t.Context(), chainoftrust.New(config(run.Queue.Store)), plugintest.Result{Dir: run.Dir})
			if task.Resolve(err) != want || !strings.Contains(err.Error(), name) {
				t.Errorf("%s, %d: %v", name, status, err)
			}
		}
	}
}
