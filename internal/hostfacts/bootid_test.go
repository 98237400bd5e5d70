package hostfacts

import (
	"testing"
	"time"
)

func TestBootIDStays(t *testing.T) {
	a, err := BootID()
	if err != nil {
		t.Fatal(err)
	}
	if b, err := BootID(); err != nil || a != b || len(a) < 10 {
		t.Errorf("%q, then %q, %v", a, b, err)
	}
}

func TestBootIDOfABootTime(t *testing.T) {
	boot := time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))
	if got := bootIDOf(boot); got != "boot-20260102T0204Z" || got != bootIDOf(boot.Add(20*time.Second)) {
		t.Errorf("%q, then %q", got, bootIDOf(boot.Add(20*time.Second)))
	}
	if bootIDOf(boot) == bootIDOf(boot.Add(2*time.Minute)) {
		t.Error("two boots have one ID")
	}
}
