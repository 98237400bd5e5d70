package dircache_test

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/dircache"
)

// TestSurplus: of copies that tasks of the same time made, no more are kept than can be of use.
func TestSurplus(t *testing.T) {
	s := newStand(t)
	p := s.open()
	var all []*dircache.Cache
	for _, text := range []string{"1", "2", "3", "4"} {
		all = append(all, s.fill(p, "a", text))
	}
	for _, i := range []int{2, 0, 3, 1} {
		s.release(all[i])
	}
	want := []string{base(all[1]), base(all[3])} // those used last
	slices.Sort(want)
	if got := s.settled(); !slices.Equal(got, want) {
		t.Errorf("kept %v, want %v", got, want)
	}
	if n := len(s.state()["a"]); n != 2 {
		t.Errorf("%d are noted", n)
	}
}

func TestPurge(t *testing.T) {
	for name, c := range map[string]struct {
		after time.Duration // of the request, after the cache was made
		name  string
		purge bool
	}{
		"younger":                    {-5*time.Minute - time.Second, "a", false},
		"younger, by another clock":  {-4 * time.Minute, "a", true},
		"older":                      {time.Hour, "a", true},
		"another":                    {time.Hour, "b", false},
		"exactly as old as is meant": {-5 * time.Minute, "a", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			p := s.open()
			free, used := s.fill(p, "a", "free"), s.fill(p, "a", "used")
			s.release(free)
			made := s.state()["a"][1].Created // the later one
			if !c.purge {
				made = s.state()["a"][0].Created
			}
			purged, err := p.Purge(c.name, made.Add(c.after))
			if err != nil || (purged == 2) != c.purge || (purged == 0) == c.purge {
				t.Fatalf("purged %d, %v", purged, err)
			}
			if next := s.take(p, "a"); next.New != c.purge {
				t.Errorf("the free one was purged: %v", next.New)
			} else if err := next.Discard(); err != nil {
				t.Error(err)
			}
			if content(used) != "used" {
				t.Error("a cache was purged under a task")
			}
			s.release(used)
			if left := len(s.settled()); (left == 0) != c.purge {
				t.Errorf("%d are left", left)
			}
			if again, err := p.Purge(c.name, made.Add(c.after)); err != nil || again > 0 {
				t.Errorf("purged %d again, %v", again, err)
			}
		})
	}
}

// TestCollect deletes what is free, and in their order.
func TestCollect(t *testing.T) {
	s := newStand(t)
	p := s.open()
	var all []*dircache.Cache
	for _, name := range []string{"a", "b", "c", "d"} {
		all = append(all, s.fill(p, name, strings.Repeat("x", 1000)))
	}
	for _, i := range []int{2, 0, 3} { // b is in use
		s.release(all[i])
	}
	if freed, err := p.Collect(t.Context(), 1500); err != nil || freed < 2000 || freed > 2100 {
		t.Errorf("freed %d, %v", freed, err)
	}
	left := []string{base(all[1]), base(all[3])}
	slices.Sort(left)
	if got := s.settled(); !slices.Equal(got, left) || len(s.state()) != 2 {
		t.Errorf("left %v, want %v", got, left)
	}
	if freed, err := p.Collect(t.Context(), math.MaxUint64); err != nil || freed < 1000 {
		t.Errorf("freed %d, %v", freed, err)
	}
	if got := s.settled(); !slices.Equal(got, []string{base(all[1])}) {
		t.Errorf("left %v", got)
	}
	if freed, err := p.Collect(t.Context(), 1); err != nil || freed != 0 {
		t.Errorf("freed %d of what is in use, %v", freed, err)
	}
	s.release(all[1])
	ended, end := context.WithCancel(t.Context())
	end()
	if freed, err := p.Collect(ended, math.MaxUint64); err != nil || freed != 0 {
		t.Errorf("freed %d when nobody wanted it any more, %v", freed, err)
	}
}

// TestCollectWaits for what is being deleted anyway, as that makes space too.
func TestCollectWaits(t *testing.T) {
	s := newStand(t)
	p := s.open()
	for range 20 {
		c := s.take(p, "a")
		for _, name := range []string{"1", "2", "3"} {
			s.write(filepath.Join(c.Dir, name, "file"), "x")
		}
		if err := c.Discard(); err != nil {
			t.Error(err)
		}
	}
	if _, err := p.Collect(t.Context(), 1); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(s.config.Dir); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}
