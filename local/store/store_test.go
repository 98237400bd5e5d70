package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/workerkit/workerkit/local/store"
)

// childVariable makes the test program write into the store that it names, until it is killed.
const childVariable = "STORE_TEST_WRITE_TO"

func TestMain(m *testing.M) {
	if path := os.Getenv(childVariable); path != "" {
		fmt.Fprintln(os.Stderr, writeForever(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// writeForever puts the numbers from 0 on into the store, one a transaction, and says each
// once it is stored.
func writeForever(path string) error {
	s, err := store.Open(path)
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		err := s.Update(context.Background(), func(tx *store.Tx) error {
			return tx.Put("numbers", fmt.Sprintf("%09d", n), n)
		})
		if err != nil {
			return err
		}
		if _, err := fmt.Println(n); err != nil {
			return err
		}
	}
}

func open(t testing.TB, path string) *store.Store {
	t.Helper()
	s, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func update(t testing.TB, s *store.Store, fn func(*store.Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// keys lists a bucket with Each.
func keys(t *testing.T, s *store.Store, bucket, prefix, from string, most int) string {
	t.Helper()
	var got []string
	err := s.View(t.Context(), func(tx *store.Tx) error {
		return tx.Each(bucket, prefix, from, func(key string, value []byte) (bool, error) {
			got = append(got, key+"="+string(value))
			return len(got) < most, nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(got, " ")
}

func TestPutGetDelete(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "sub", "db"))
	type value struct{ A, B string }
	update(t, s, func(tx *store.Tx) error {
		if found, err := tx.Get("none", "k", new(value)); found || err != nil {
			t.Errorf("absent bucket: %v, %v", found, err)
		}
		if err := tx.Delete("none", "k"); err != nil {
			t.Errorf("absent bucket: %v", err)
		}
		return errors.Join(tx.Put("b", "k", value{A: "1"}), tx.Put("b", "k", value{B: "2"}))
	})
	err := s.View(t.Context(), func(tx *store.Tx) error {
		var got value
		found, err := tx.Get("b", "k", &got)
		if !found || got != (value{B: "2"}) {
			t.Errorf("%v %v", found, got)
		}
		if found, err := tx.Get("b", "other", &got); found || err != nil {
			t.Errorf("absent key: %v, %v", found, err)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	update(t, s, func(tx *store.Tx) error { return tx.Delete("b", "k") })
	if got := keys(t, s, "b", "", "", 9); got != "" {
		t.Errorf("after the delete: %s", got)
	}
}

func TestEach(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "db"))
	update(t, s, func(tx *store.Tx) error {
		for n, key := range []string{"b/2", "a", "b/1", "c", "b/3", "b"} {
			if err := tx.Put("k", key, n); err != nil {
				return err
			}
		}
		return nil
	})
	for _, c := range []struct {
		prefix, from string
		most         int
		want         string
	}{
		{"", "", 9, "a=1 b=5 b/1=2 b/2=0 b/3=4 c=3"},
		{"b/", "", 9, "b/1=2 b/2=0 b/3=4"},
		{"b/", "b/2", 9, "b/2=0 b/3=4"},
		{"b/", "a", 9, "b/1=2 b/2=0 b/3=4"},
		{"b/", "c", 9, ""},
		{"", "b/2", 2, "b/2=0 b/3=4"},
		{"x", "", 9, ""},
	} {
		if got := keys(t, s, "k", c.prefix, c.from, c.most); got != c.want {
			t.Errorf("prefix %q from %q: %s, want %s", c.prefix, c.from, got, c.want)
		}
	}
	fail := errors.New("enough")
	err := s.View(t.Context(), func(tx *store.Tx) error {
		return tx.Each("k", "", "", func(string, []byte) (bool, error) { return true, fail })
	})
	if !errors.Is(err, fail) {
		t.Errorf("the error of fn: %v", err)
	}
}

// TestUpdateIsAllOrNothing has the ways in which an Update fails after it has written.
func TestUpdateIsAllOrNothing(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "db"))
	fail := errors.New("no")
	ctx, cancel := context.WithCancel(t.Context())
	for name, c := range map[string]struct {
		ctx  context.Context
		end  func() error
		want error
	}{
		"error":   {t.Context(), func() error { return fail }, fail},
		"context": {ctx, func() error { cancel(); return nil }, context.Canceled},
	} {
		err := s.Update(c.ctx, func(tx *store.Tx) error {
			if err := tx.Put("b", name, 1); err != nil {
				return err
			}
			return c.end()
		})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := keys(t, s, "b", "", "", 9); got != "" {
		t.Errorf("left: %s", got)
	}
	if err := s.View(ctx, func(*store.Tx) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("view after the end: %v", err)
	}
}

func TestReadWrite(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "db"))
	n, err := store.Write(t.Context(), s, func(tx *store.Tx) (int, error) { return 5, tx.Put("b", "k", 7) })
	if n != 5 || err != nil {
		t.Errorf("write: %d, %v", n, err)
	}
	n, err = store.Read(t.Context(), s, func(tx *store.Tx) (int, error) {
		var got int
		_, err := tx.Get("b", "k", &got)
		return got, err
	})
	if n != 7 || err != nil {
		t.Errorf("read: %d, %v", n, err)
	}
}

func TestExpire(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "db"))
	update(t, s, func(tx *store.Tx) error {
		return errors.Join(tx.Put("b", "x", 1), tx.Put("b", "y", 2), tx.Put("b", "z", 3))
	})
	if err := store.Expire(t.Context(), s, "b", func(n int) bool { return n != 2 }); err != nil {
		t.Fatal(err)
	}
	if got := keys(t, s, "b", "", "", 9); got != "y=2" {
		t.Errorf("left: %s", got)
	}
	if err := store.Expire(t.Context(), s, "b", func(string) bool { return true }); err == nil {
		t.Error("a value of another type is no error")
	}
}

func TestEvery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3500*time.Millisecond)
		defer cancel()
		var log strings.Builder
		sweeps := 0
		store.Every(ctx, time.Second, slog.New(slog.NewTextHandler(&log, nil)), func(context.Context) error {
			sweeps++
			return fmt.Errorf("sweep %d", sweeps)
		})
		if sweeps != 3 || !strings.Contains(log.String(), "sweep 3") {
			t.Errorf("%d sweeps, log %s", sweeps, log.String())
		}
	})
}

func TestLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	s := open(t, path)
	_, err := store.Open(path)
	if !errors.Is(err, store.ErrLocked) || strings.Contains(err.Error(), "\n") {
		t.Errorf("a second opening: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, path)
}

func TestOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "db")
	open(t, path)
	for _, p := range []string{path, filepath.Dir(path)} {
		info, err := os.Stat(p)
		if err != nil {
			t.Fatal(err)
		}
		if os.PathSeparator == '/' && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v", p, info.Mode())
		}
	}
}

// TestKill kills a process while it writes: what it has said to be stored is there.
func TestKill(t *testing.T) {
	for round := range 5 {
		path := filepath.Join(t.TempDir(), "db")
		child := exec.CommandContext(t.Context(), os.Args[0])
		child.Env = append(os.Environ(), childVariable+"="+path)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for range 20 + 37*round {
			lines.Scan()
		}
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		last := lines.Text()
		for lines.Scan() {
			last = lines.Text()
		}
		io.Copy(io.Discard, out)
		child.Wait() // killed: its error is no news
		var said int
		if _, err := fmt.Sscan(last, &said); err != nil {
			t.Fatal(err)
		}
		stored := strings.Fields(keys(t, open(t, path), "numbers", "", "", 1<<30))
		if len(stored) <= said || len(stored) > said+2 || !slices.IsSorted(stored) {
			t.Errorf("round %d: %d stored, %d was said", round, len(stored), said)
		}
	}
}

// BenchmarkUpdate measures one small transaction, which is mostly the wait for the disk.
func BenchmarkUpdate(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "db"))
	for b.Loop() {
		update(b, s, func(tx *store.Tx) error { return tx.Put("bucket", "key", map[string]string{"a": "b"}) })
	}
}

func TestKeyTooLong(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "db"))
	put := func(length int) error {
		return s.Update(t.Context(), func(tx *store.Tx) error { return tx.Put("b", strings.Repeat("k", length), 1) })
	}
	if err := put(32768); err != nil {
		t.Errorf("the longest key: %v", err)
	}
	if err := put(32769); !errors.Is(err, store.ErrKeyTooLong) || len(err.Error()) > 100 {
		t.Errorf("a longer one: %v", err)
	}
}
