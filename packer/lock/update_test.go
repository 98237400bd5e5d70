package lock_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/clouds"
	"github.com/workerkit/workerkit/packer/lock"
)

// fakeCloud knows the newest image of each query, by architecture.
type fakeCloud map[string]string

func (f fakeCloud) Newest(_ context.Context, b packer.Base, arch string) (clouds.Found, error) {
	if b.ID != "" {
		return clouds.Found{}, errors.New("asked for what is pinned")
	}
	query := b.Filter + b.Family + b.Offer
	id, ok := f[query+" "+arch]
	if !ok {
		return clouds.Found{}, clouds.ErrNotFound
	}
	return clouds.Found{ID: id, Name: "the " + query}, nil
}

func (f fakeCloud) cloud(context.Context, packer.Target) (clouds.Resolver, error) { return f, nil }

func today() fakeCloud {
	return fakeCloud{"f-* amd64": "ami-2", "f amd64": "f-2", "O amd64": "2.0.0"}
}

// open is the image that leaves all open, with an architecture.
func open() packer.Image {
	i := image()
	i.Arch = "amd64"
	i.Downloads = nil
	i.Bases[packer.QEMU] = packer.Base{Disk: "here.qcow2"}
	return i
}

func TestUpdateOfBases(t *testing.T) {
	was := lock.Lock{Worker: "1.0.0", Bases: map[lock.BaseKey]string{
		{packer.AWS, "r/o/f-*"}: "ami-1", {packer.GCP, "p/f"}: "f-2", {packer.GCP, "old/one"}: "x",
	}}
	i := open()
	was.Apply(&i) // as define.Load does
	now, changes, err := lock.Updater{Cloud: today().cloud}.Update(t.Context(), was, lock.Wanted{Images: []packer.Image{i}, Bases: true, Worker: "1.1.0"})
	if err != nil {
		t.Fatal(err)
	}
	want := []lock.Change{
		{Pin: "worker", Old: "1.0.0", New: "1.1.0"},
		{Pin: `base "aws" "r/o/f-*"`, Old: "ami-1", New: "ami-2", Name: "the f-*"},
		{Pin: `base "azure" "P/O/S"`, New: "2.0.0", Name: "the O"},
	}
	if diff := cmp.Diff(want, changes); diff != "" {
		t.Error(diff)
	}
	if now.Worker != "1.1.0" || len(now.Bases) != 4 || now.Bases[lock.BaseKey{packer.GCP, "old/one"}] != "x" {
		t.Errorf("got %+v", now)
	}
	if was.Worker != "1.0.0" || len(was.Bases) != 3 || was.Bases[lock.BaseKey{packer.AWS, "r/o/f-*"}] != "ami-1" {
		t.Errorf("the lock that was is changed: %+v", was)
	}
	i = open()
	now.Apply(&i)
	if _, changes, err := (lock.Updater{Cloud: today().cloud}).Update(t.Context(), now, lock.Wanted{Images: []packer.Image{i}, Bases: true}); err != nil || len(changes) != 0 {
		t.Errorf("again: %v, %v", changes, err)
	}
}

// TestUpdateDrops what no definition uses, of the kinds that are updated.
func TestUpdateDrops(t *testing.T) {
	was := lock.Lock{
		Bases:     map[lock.BaseKey]string{{packer.AWS, "r/o/f-*"}: "ami-2", {packer.GCP, "old/one"}: "x"},
		Downloads: map[string]string{"https://old": sum("a")},
	}
	i := open().For(packer.AWS)
	all := []packer.Image{open()}
	now, changes, err := lock.Updater{Cloud: today().cloud}.Update(t.Context(), was, lock.Wanted{Images: []packer.Image{i}, Bases: true, All: all})
	if diff := cmp.Diff([]lock.Change{{Pin: `base "gcp" "old/one"`, Old: "x"}}, changes); diff != "" || err != nil || len(now.Downloads) != 1 {
		t.Errorf("%v, %+v\n%s", err, now, diff)
	}
	_, changes, err = lock.Updater{}.Update(t.Context(), was, lock.Wanted{Downloads: true, All: all})
	if diff := cmp.Diff([]lock.Change{{Pin: `download "https://old"`, Old: sum("a")}}, changes); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

// TestWhatTheDefinitionPins is not asked for.
func TestWhatTheDefinitionPins(t *testing.T) {
	i := open()
	i.Bases[packer.AWS] = packer.Base{Region: "r", Owner: "o", Filter: "f-*", ID: "ami-own"}
	i = i.For(packer.AWS)
	_, changes, err := lock.Updater{}.Update(t.Context(), lock.Lock{}, lock.Wanted{Images: []packer.Image{i}, Bases: true})
	if err != nil || len(changes) != 0 {
		t.Errorf("got %v, %v", changes, err)
	}
}

func TestAllThatFailsIsSaid(t *testing.T) {
	i, twin := open(), open()
	twin.Name = "twin"
	delete(i.From, "base.azure.publisher")
	var calls atomic.Int32
	u := lock.Updater{Cloud: func(_ context.Context, target packer.Target) (clouds.Resolver, error) {
		if target == packer.GCP {
			calls.Add(1)
			return nil, fmt.Errorf("gcp: %w", clouds.ErrCredentials) // as the cloud says it
		}
		return fakeCloud{}, nil
	}}
	other := open()
	other.Bases[packer.GCP] = packer.Base{Project: "p", Family: "g"}
	_, _, err := u.Update(t.Context(), lock.Lock{}, lock.Wanted{Images: []packer.Image{i, twin, other}, Bases: true})
	want := `update: base "aws" "r/o/f-*" for a (a.hcl:1), twin (a.hcl:1), a (a.hcl:1): the cloud has no such image
update: gcp: no credentials
update: base "azure" "P/O/S" for a, twin (a.hcl:3), a (a.hcl:3): the cloud has no such image`
	if err == nil || err.Error() != want || !errors.Is(err, clouds.ErrCredentials) {
		t.Errorf("got %v\nwant %s", err, want)
	}
	if calls.Load() != 1 {
		t.Errorf("%d calls for one cloud", calls.Load())
	}
}

// TestOneQueryForTwoArchitectures: a lock file could pin only one of them.
func TestOneQueryForTwoArchitectures(t *testing.T) {
	i, arm := open().For(packer.GCP), open().For(packer.GCP)
	arm.Name, arm.Arch = "arm", "arm64"
	u := lock.Updater{Cloud: fakeCloud{"f amd64": "f-2", "f arm64": "f-2-arm"}.cloud}
	_, _, err := u.Update(t.Context(), lock.Lock{}, lock.Wanted{Images: []packer.Image{i, arm}, Bases: true})
	if err == nil || !strings.Contains(err.Error(), "is f-2 for a (a.hcl:2), and f-2-arm for arm (a.hcl:2): a lock file pins one") {
		t.Errorf("got %v", err)
	}
	u.Cloud = fakeCloud{"f amd64": "f-2", "f arm64": "f-2"}.cloud // an image for both
	if now, _, err := u.Update(t.Context(), lock.Lock{}, lock.Wanted{Images: []packer.Image{i, arm}, Bases: true}); err != nil || len(now.Bases) != 1 {
		t.Errorf("got %v, %v", now, err)
	}
}

func TestUpdateEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped")
	cancel(stopped)
	i := open()
	if _, _, err := (lock.Updater{Cloud: today().cloud}).Update(ctx, lock.Lock{}, lock.Wanted{Images: []packer.Image{i}, Bases: true}); !errors.Is(err, stopped) {
		t.Errorf("got %v", err)
	}
}

func TestSave(t *testing.T) {
	path := filepath.Join(t.TempDir(), lock.FileName)
	first, second := lock.Lock{Worker: "1"}, lock.Lock{Worker: "2"}
	if err := lock.Save(t.Context(), path, lock.Lock{}, first); err != nil {
		t.Fatal(err)
	}
	if err := lock.Save(t.Context(), path, first, second); err != nil {
		t.Fatal(err)
	}
	if err := lock.Save(t.Context(), path, first, lock.Lock{Worker: "3"}); !errors.Is(err, lock.ErrChanged) {
		t.Errorf("somebody else's change was overwritten: %v", err)
	}
	if got, err := lock.Load(path); err != nil || got.Worker != "2" {
		t.Errorf("got %+v, %v", got, err)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("left: %v, %v", entries, err)
	}
}

// TestOneOfManyIsSaved: of updates of the same lock file that end at once, one counts, and the
// others are told.
func TestOneOfManyIsSaved(t *testing.T) {
	path := filepath.Join(t.TempDir(), lock.FileName)
	var saved atomic.Int64
	var wg sync.WaitGroup
	for n := range 20 {
		wg.Go(func() {
			err := lock.Save(t.Context(), path, lock.Lock{}, lock.Lock{Worker: fmt.Sprint(n)})
			if err == nil {
				saved.Add(1)
			} else if !errors.Is(err, lock.ErrChanged) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if saved.Load() != 1 {
		t.Errorf("%d were saved", saved.Load())
	}
}
