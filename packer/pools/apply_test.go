package pools_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/packer/pools"
)

// manager is a worker-manager with one pool.
type manager struct {
	mu         sync.Mutex
	definition json.RawMessage
	modified   string
	err        error // of Update
	updates    int
	getErrs    []error // of the calls of Get, in turn
	updated    func()  // called by Update; may be nil
}

func (m *manager) Get(ctx context.Context, _ string) (json.RawMessage, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.getErrs) > 0 {
		err := m.getErrs[0]
		m.getErrs = m.getErrs[1:]
		if err != nil {
			return nil, err
		}
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(m.definition, &all); err != nil {
		return nil, err
	}
	all["lastModified"] = json.RawMessage(`"` + m.modified + `"`)
	return json.Marshal(all)
}

func (m *manager) Update(_ context.Context, _ string, definition json.RawMessage) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.updates++
	if m.err == nil {
		m.definition, m.modified = definition, "2026-02-02T00:00:00.000Z"
	}
	if m.updated != nil {
		m.updated()
	}
	return m.err
}

func (m *manager) Workers(_ context.Context, _ string, f tc.WorkerFilter) ([]tc.WorkerName, error) {
	if f.State == "running" && f.LaunchConfigID == "a" {
		return make([]tc.WorkerName, 3), m.err
	}
	return nil, m.err
}

// ready is a change of the one pool, in a manager that has it.
func ready(t *testing.T) (*manager, pools.Change, pools.Folder) {
	t.Helper()
	d := definition(t, aws("us-east-1", "ami-e1", `"launchConfigId":"a"`))
	data, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	m := &manager{definition: data, modified: d.LastModified}
	change, err := pools.Make(d, images(), pools.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return m, change, pools.Folder(filepath.Join(t.TempDir(), "kept"))
}

func TestApplyKeepsWhatWas(t *testing.T) {
	m, change, keep := ready(t)
	at := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	file, err := pools.Apply(t.Context(), m, change, keep, at)
	if err != nil || filepath.Base(file) != "20260102T030405.678Z.json" || !strings.Contains(string(m.definition), "ami-e2") {
		t.Fatalf("%s, %v: %s", file, err, m.definition)
	}
	kept, err := keep.Newest("proj/linux")
	if err != nil || kept.File != file || kept.Definition.Digest() != change.Former.Digest() {
		t.Errorf("kept %+v, %v", kept, err)
	}
	if left, err := keep.Left("proj/linux"); err != nil || left != change.Next.Digest() {
		t.Errorf("left %s, %v", left, err)
	}
	if info, err := os.Stat(file); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	// and back, in the same millisecond
	now, err := pools.Read(t.Context(), m, "proj/linux")
	if err != nil {
		t.Fatal(err)
	}
	second, err := pools.Apply(t.Context(), m, pools.Back(now, kept.Definition), keep, at)
	if err != nil || second == file || !strings.Contains(string(m.definition), "ami-e1") || strings.Contains(string(m.definition), "lastModified") {
		t.Errorf("%s, %v: %s", second, err, m.definition)
	}
}

func TestApplyRefusesAPoolThatWasChanged(t *testing.T) {
	for name, alter := range map[string]func(*manager){
		"another definition": func(m *manager) {
			m.definition = json.RawMessage(strings.Replace(string(m.definition), "m5.large", "m6.large", 1))
		},
		"the same, touched": func(m *manager) { m.modified = "2026-03-03T00:00:00.000Z" },
	} {
		m, change, keep := ready(t)
		alter(m)
		file, err := pools.Apply(t.Context(), m, change, keep, time.Now())
		changed, ok := errors.AsType[*pools.ChangedError](err)
		if !ok || changed.At != m.modified || file != "" || m.updates != 0 {
			t.Errorf("%s: %v, %d updates", name, err, m.updates)
		}
		if _, err := keep.Newest("proj/linux"); !errors.Is(err, pools.ErrNothingKept) {
			t.Errorf("%s: kept %v", name, err)
		}
	}
}

func TestApplyThatFails(t *testing.T) {
	m, change, keep := ready(t)
	m.err = &tc.Error{Op: "workerManager.updateWorkerPool", Status: 403}
	if _, err := pools.Apply(t.Context(), m, change, keep, time.Now()); tc.Status(err) != 403 {
		t.Error(err)
	}
	if _, err := keep.Newest("proj/linux"); !errors.Is(err, pools.ErrNothingKept) {
		t.Errorf("what was refused is kept: %v", err)
	}
	m.err = &tc.Error{Op: "workerManager.updateWorkerPool", Err: errors.New("connection reset")}
	if file, err := pools.Apply(t.Context(), m, change, keep, time.Now()); err == nil || file == "" || !strings.Contains(err.Error(), "not known whether the pool is changed; what it was is in "+file) {
		t.Errorf("%s, %v", file, err)
	}
	if left, err := keep.Left("proj/linux"); left != "" || err != nil {
		t.Errorf("nobody knows how the pool was left: %q, %v", left, err)
	}
	m, change, keep = ready(t)
	m.getErrs = []error{nil, errors.New("gone")}
	if _, err := pools.Apply(t.Context(), m, change, keep, time.Now()); err == nil || !strings.Contains(err.Error(), "a rollback will need --force") {
		t.Error(err)
	}
}

func TestRetire(t *testing.T) {
	m, change, _ := ready(t)
	retired, err := pools.Retire(t.Context(), m, change)
	if err != nil || len(retired) != 1 || retired[0] != (pools.Retired{LaunchConfigID: "a", Running: 3}) {
		t.Errorf("%+v, %v", retired, err)
	}
	beside, err := pools.Make(change.Former, images(), pools.Options{Beside: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	if retired, err := pools.Retire(t.Context(), m, beside); len(retired) != 0 || err != nil {
		t.Errorf("%+v, %v", retired, err)
	}
}

func TestOpen(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.json")
	if err := os.WriteFile(file, []byte(`{"workerPoolId":"proj/other","providerId":"p","config":{}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := pools.Open(file, "proj/linux"); err == nil || !strings.HasSuffix(err.Error(), "is of the pool proj/other") {
		t.Error(err)
	}
	if kept, err := pools.Open(file, "proj/other"); err != nil || kept.Note != "" {
		t.Errorf("%+v, %v", kept, err) // the first reading has closed it to others
	}
	if _, err := pools.Open(file+"x", "proj/linux"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestSince(t *testing.T) {
	_, change, _ := ready(t)
	if text := change.Since([]string{"x-y"}); text != "the pool was changed at 2026-01-02T00:00:00.000Z: look at the new diff" {
		t.Error(text)
	}
	if text := change.Since([]string{"x-y", change.Former.Digest() + "-y"}); !strings.HasPrefix(text, "the pool is as it was") {
		t.Error(text)
	}
}

// TestAnInterruptIsNoted: a change that has got through can be rolled back, whatever comes then.
func TestAnInterruptIsNoted(t *testing.T) {
	m, change, keep := ready(t)
	ctx, stop := context.WithCancel(t.Context())
	m.updated = stop
	if _, err := pools.Apply(ctx, m, change, keep, time.Now()); err != nil {
		t.Fatal(err)
	}
	if left, err := keep.Left("proj/linux"); err != nil || left != change.Next.Digest() {
		t.Errorf("left %q, %v", left, err)
	}
}

// TestTwoAtOnce: of changes that were worked out from the same pool one is made, and no other is
// lost without a word.
func TestTwoAtOnce(t *testing.T) {
	m, change, keep := ready(t)
	const many = 8
	errs := make([]error, many)
	var wg sync.WaitGroup
	for n := range errs {
		wg.Go(func() { _, errs[n] = pools.Apply(t.Context(), m, change, keep, time.Now()) })
	}
	wg.Wait()
	refused := 0
	for _, err := range errs {
		if _, ok := errors.AsType[*pools.ChangedError](err); ok {
			refused++
		} else if err != nil {
			t.Error(err)
		}
	}
	if refused != many-1 || m.updates != 1 {
		t.Errorf("%d of %d are refused, %d updates", refused, many, m.updates)
	}
}
