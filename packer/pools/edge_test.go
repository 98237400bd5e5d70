package pools_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/workerkit/workerkit/packer/pools"
)

// value draws JSON of the words that launch configs are made of, in any order.
func value(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		kind := rapid.IntRange(0, 5).Draw(t, "kind")
		if depth == 0 {
			kind %= 4
		}
		switch kind {
		case 0:
			return nil
		case 1:
			return rapid.Bool().Draw(t, "bool")
		case 2:
			return rapid.IntRange(-1, 2).Draw(t, "number")
		case 3:
			return rapid.SampledFrom([]string{"", sentinel, "us-east-1", "ami-e1", "linux-v1", gallery + "1.0.0"}).Draw(t, "text")
		case 4:
			return rapid.SliceOfN(value(depth-1), 0, 3).Draw(t, "list")
		default:
			names := []string{"launchConfig", "ImageId", "disks", "boot", "initializeParams", "sourceImage", "storageProfile", "imageReference", "id",
				"armDeployment", "parameters", "imageId", "value", "location", "region", "workerManager", "launchConfigId", "initialWeight"}
			return rapid.MapOfN(rapid.SampledFrom(names), value(depth-1), 0, 5).Draw(t, "object")
		}
	})
}

// TestMakeOfAnything: launch configs of any shape neither stop it nor show anything, and with
// nothing to replace they stay as they are.
func TestMakeOfAnything(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		launch, err := json.Marshal(map[string]any{
			"region": "us-east-1", "launchConfig": value(2).Draw(rt, "launchConfig"), "disks": value(4).Draw(rt, "disks"), "storageProfile": value(3).Draw(rt, "storage"),
			"armDeployment": value(4).Draw(rt, "deployment"), "workerManager": value(2).Draw(rt, "manager"),
		})
		if err != nil {
			rt.Fatal(err)
		}
		former := definition(t, string(launch))
		nobody := images()
		nobody.Name = "nobody"
		change, err := pools.Make(former, nobody, pools.Options{})
		if err != nil || !change.Empty() || change.Diff() != "" {
			rt.Fatalf("%v: %s", err, change.Diff())
		}
		for _, o := range []pools.Options{{}, {All: true}, {Beside: 0.5}} {
			change, err := pools.Make(former, images(), o)
			if err == nil && change.Empty() != (change.Diff() == "") {
				rt.Fatalf("%s: empty %v, but\n%s", launch, change.Empty(), change.Diff())
			}
		}
	})
}

// TestLaunchConfigsThatBecomeTheSame are one, with the weight of all.
func TestLaunchConfigsThatBecomeTheSame(t *testing.T) {
	d := definition(t, aws("us-east-1", "ami-e1", `"launchConfigId":"a","initialWeight":0.25`), aws("us-east-1", "ami-other", `"launchConfigId":"b","initialWeight":0.5`))
	change, err := pools.Make(d, images(), pools.Options{All: true})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sorted(t, aws("us-east-1", "ami-e2", `"initialWeight":0.75`)), launches(t, change.Next)); diff != "" {
		t.Error(diff)
	}
	if ids, nameless := change.Gone(); !slices.Equal(ids, []string{"a", "b"}) || nameless {
		t.Errorf("gone %v, %v", ids, nameless)
	}
}

// TestBesideOneThatIsOff keeps it off.
func TestBesideOneThatIsOff(t *testing.T) {
	change, err := pools.Make(definition(t, aws("us-east-1", "ami-e1", `"initialWeight":0`)), images(), pools.Options{Beside: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sorted(t, aws("us-east-1", "ami-e1", `"initialWeight":0`), aws("us-east-1", "ami-e2", `"initialWeight":0`)), launches(t, change.Next)); diff != "" {
		t.Error(diff)
	}
}

func TestGoneWithoutIDs(t *testing.T) {
	d := definition(t, gcp("projects/q/global/images/linux-v1"))
	change, err := pools.Make(d, images(), pools.Options{})
	if ids, nameless := change.Gone(); err != nil || len(ids) != 0 || !nameless {
		t.Errorf("%v, %v, %v", ids, nameless, err)
	}
	if _, nameless := pools.Back(d, d).Gone(); nameless {
		t.Error("nothing changes and something is gone")
	}
}

// TestDigests: a change of either side is another digest, the time of the last change is not.
func TestDigests(t *testing.T) {
	a, b := definition(t, aws("us-east-1", "ami-e1", "")), definition(t, aws("us-east-1", "ami-e2", ""))
	touched := a
	touched.LastModified = "2027-01-01T00:00:00.000Z"
	if pools.Back(a, b).Digest() != pools.Back(touched, b).Digest() {
		t.Error("the same change has two digests")
	}
	if pools.Back(a, b).Digest() == pools.Back(b, b).Digest() || pools.Back(a, b).Digest() == pools.Back(a, a).Digest() {
		t.Error("two changes have one digest")
	}
}

func TestIDs(t *testing.T) {
	for id, want := range map[string]bool{"proj/linux": true, "a_b-C/x": true, "proj": false, "../../etc": false, "proj/..": false, "proj/Linux": false, "a/b/c": false, "": false, "a/b\n": false} {
		if pools.ValidID(id) != want {
			t.Errorf("%q: %v", id, !want)
		}
	}
}

// TestTheNewestCounts: by the time in its name, and what is no definition is left out.
func TestTheNewestCounts(t *testing.T) {
	m, change, keep := ready(t)
	var files []string
	for n := range 3 {
		m.modified = change.Former.LastModified
		data, err := json.Marshal(change.Former)
		if err != nil {
			t.Fatal(err)
		}
		m.definition = data
		file, err := pools.Apply(t.Context(), m, change, keep, time.Date(2026, 1, 2, 3, 4, n, 0, time.UTC))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(files[0]), "zzz.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if kept, err := keep.Newest("proj/linux"); err != nil || kept.File != files[2] {
		t.Errorf("%s, %v", kept.File, err)
	}
	if err := os.WriteFile(files[2], []byte(`{"token":"`+sentinel), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := keep.Newest("proj/linux"); err == nil || strings.Contains(err.Error(), sentinel) || !strings.HasPrefix(err.Error(), files[2]) {
		t.Error(err)
	}
	if _, err := keep.Left("proj/other"); !errors.Is(err, pools.ErrNothingKept) {
		t.Error(err)
	}
}
