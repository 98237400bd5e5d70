package clouds_test

import (
	"testing"

	"github.com/workerkit/workerkit/local/clouds"
)

func TestTroubles(t *testing.T) {
	var troubles clouds.Troubles
	for _, add := range []struct {
		call  string
		kind  clouds.Trouble
		times int
		good  bool
	}{
		{"RunInstances", clouds.NoCapacity, 1, true},
		{"RunInstances", clouds.Throttled, 2, true},
		{"CreateImage", clouds.Broken, 0, true},
		{"CreateImage", "flood", 1, false},
		{"CreateImage", clouds.Broken, -1, false},
	} {
		if err := troubles.Add(add.call, add.kind, add.times); (err == nil) != add.good {
			t.Errorf("%+v: %v", add, err)
		}
	}
	for i, want := range []struct {
		call string
		kind clouds.Trouble
	}{
		{"DescribeImages", ""},
		{"runInstances", clouds.NoCapacity},
		{"RunInstances", clouds.Throttled},
		{"CreateImage", clouds.Broken},
		{"RunInstances", clouds.Throttled},
		{"RunInstances", ""},
		{"CreateImage", clouds.Broken},
	} {
		if got := troubles.Next(want.call); got != want.kind {
			t.Errorf("call %d, %s: %q, want %q", i, want.call, got, want.kind)
		}
	}
}

func TestTroubleOfAnyCall(t *testing.T) {
	var troubles clouds.Troubles
	if err := troubles.Add("", clouds.Forbidden, 1); err != nil {
		t.Fatal(err)
	}
	if a, b := troubles.Next("x"), troubles.Next("y"); a != clouds.Forbidden || b != "" {
		t.Errorf("%q, then %q", a, b)
	}
}

func TestBuildOptionsAreUsableWithoutAny(t *testing.T) {
	o := clouds.BuildOptions{}.WithDefaults()
	if err := o.Boot("i-1", nil); err != nil || !o.Base("any") || o.Host != clouds.PublicAddress || o.Clock().IsZero() {
		t.Errorf("%+v, boot: %v", o, err)
	}
	o.Halt("i-1")
	o.Log.Info("discarded")
}
