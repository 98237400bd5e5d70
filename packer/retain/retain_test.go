package retain_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/clouds"
	"github.com/workerkit/workerkit/packer/ledger"
	"github.com/workerkit/workerkit/packer/record"
	"github.com/workerkit/workerkit/packer/retain"
)

const (
	day  = 24 * time.Hour
	home = "eu-central-1"
	away = "us-east-1"
)

func now() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// image is one of the image linux that was made some days ago: "ami-VERSION".
func image(version string, days int) clouds.Image {
	return clouds.Image{
		Region: home, ID: "ami-" + version, Name: "linux-" + version, Image: "linux", Run: "run-" + version,
		Made: now().Add(-time.Duration(days) * day),
	}
}

// situation has a build of each version in its ledger.
func situation(versions ...string) retain.Situation {
	l := &ledger.Ledger{}
	for _, v := range versions {
		l.Builds = append(l.Builds, ledger.Build{
			Image: "linux", Version: v, Target: packer.AWS, Made: now(), Run: "run-" + v,
			Artifacts: []record.Artifact{{Region: home, ID: "ami-" + v}},
		})
	}
	return retain.Situation{Target: packer.AWS, Ledger: l}
}

func rules() retain.Rules { return retain.Rules{Keep: 1, OlderThan: 30 * day} }

// reasons are the verdicts as "ID: why", in their order.
func reasons(verdicts []retain.Verdict) []string {
	var all []string
	for _, v := range verdicts {
		all = append(all, v.Image.ID+": "+v.Kept)
	}
	return all
}

func TestReasons(t *testing.T) {
	four := []clouds.Image{image("1", 90), image("2", 80), image("3", 70), image("4", 10)}
	promote := func(s *retain.Situation, versions ...string) {
		s.Ledger.Channels = map[string][]ledger.Version{}
		for _, v := range versions {
			s.Ledger.Channels["linux/production"] = append(s.Ledger.Channels["linux/production"], ledger.Version{Version: v, By: "promote"})
		}
	}
	for name, c := range map[string]struct {
		change func(*retain.Situation, *retain.Rules)
		want   []string
	}{
		"newest": {nil, []string{"newest", "", "", ""}},
		"newest ones": {func(_ *retain.Situation, r *retain.Rules) { r.Keep = 3 },
			[]string{"newest 3", "newest 3", "newest 3", ""}},
		"young": {func(_ *retain.Situation, r *retain.Rules) { r.Keep, r.OlderThan = 0, 75*day },
			[]string{"younger than 75 days", "younger than 75 days", "", ""}},
		"all": {func(_ *retain.Situation, r *retain.Rules) { r.Keep, r.OlderThan = 0, 0 }, []string{"", "", "", ""}},
		"channel": {func(s *retain.Situation, _ *retain.Rules) { promote(s, "2") },
			[]string{"newest", "", "in channel production", ""}},
		"rollback": {func(s *retain.Situation, _ *retain.Rules) { promote(s, "1", "2", "4") },
			[]string{"newest", "", "channel production would roll back to it", ""}},
		"pool": {func(s *retain.Situation, _ *retain.Rules) {
			s.Pools = map[string]string{"proj/linux": `{"ImageId":"ami-3"}`, "proj/other": `{"ImageId":"ami-30"}`}
		}, []string{"newest", "pool proj/linux uses it", "", ""}},
		"base": {func(s *retain.Situation, _ *retain.Rules) { s.Bases = map[string]string{"AMI-3": "linux-gpu"} },
			[]string{"newest", "base of linux-gpu", "", ""}},
		"revoked images take no place": {func(s *retain.Situation, r *retain.Rules) {
			s.Ledger.Builds[3].Revoked = &ledger.Revocation{}
			r.OlderThan = 5 * day
		}, []string{"", "newest", "", ""}},
		"not in the ledger": {func(s *retain.Situation, _ *retain.Rules) { s.Ledger.Builds = s.Ledger.Builds[2:] },
			[]string{"newest", "", "has no build in the ledger", "has no build in the ledger"}},
		"not in the ledger, and may go": {func(s *retain.Situation, r *retain.Rules) {
			s.Ledger, r.Unknown, r.Keep = &ledger.Ledger{}, true, 2
		}, []string{"newest 2", "newest 2", "", ""}},
		"of another target": {func(s *retain.Situation, _ *retain.Rules) { s.Target = packer.GCP },
			slices.Repeat([]string{"has no build in the ledger"}, 4)},
	} {
		t.Run(name, func(t *testing.T) {
			s, r := situation("1", "2", "3", "4"), rules()
			if c.change != nil {
				c.change(&s, &r)
			}
			want := slices.Clone(c.want)
			for n, id := range []string{"ami-4", "ami-3", "ami-2", "ami-1"} {
				want[n] = id + ": " + want[n]
			}
			if diff := cmp.Diff(want, reasons(retain.Prune(four, s, r, now()))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestUnknownAge(t *testing.T) {
	i := image("1", 0)
	i.Made = time.Time{}
	r := rules()
	r.Keep = 0
	if got := retain.Prune([]clouds.Image{i}, situation("1"), r, now()); got[0].Kept != "of unknown age" {
		t.Errorf("kept because %q", got[0].Kept)
	}
}

// TestEachImageAndRegionCounts: the newest of one is not that of another.
func TestEachImageAndRegionCounts(t *testing.T) {
	other, far := image("2", 60), image("3", 50)
	other.Image, far.Region = "windows", away
	s := situation("1", "2", "3")
	s.Ledger.Builds[2].Artifacts[0].Region = away
	for _, v := range retain.Prune([]clouds.Image{image("1", 90), other, far}, s, rules(), now()) {
		if v.Kept != "newest" {
			t.Errorf("%s is kept because %q", v.Image.ID, v.Kept)
		}
	}
}

func TestUse(t *testing.T) {
	v := retain.Verdict{}
	v.Use(nil)
	if v.Kept != "" {
		t.Errorf("nobody uses it, and it is kept because %q", v.Kept)
	}
	v.Use([]string{"instance i-1", "shared with 1", "instance i-2", "instance i-3"})
	if want := "in use: instance i-1, shared with 1, instance i-2 and 1 more"; v.Kept != want {
		t.Errorf("%q, want %q", v.Kept, want)
	}
	v.Use([]string{"instance i-9"})
	if strings.Contains(v.Kept, "i-9") {
		t.Error("the first reason counts")
	}
}

// TestTogether: a build is there whole, or not at all.
func TestTogether(t *testing.T) {
	copied, strange := image("1", 90), image("5", 90)
	copied.Region, copied.ID, strange.Run = away, "ami-7", ""
	verdicts := []retain.Verdict{{Image: image("1", 90)}, {Image: copied, Kept: "in use: instance i-1"}, {Image: image("2", 90)}, {Image: strange}}
	retain.Together(verdicts)
	want := []string{"ami-1: copy of ami-7 in us-east-1 (in use: instance i-1)", "ami-7: in use: instance i-1", "ami-2: ", "ami-5: "}
	if diff := cmp.Diff(want, reasons(verdicts)); diff != "" {
		t.Error(diff)
	}
}

// TestNeverTooMany: whatever there is, the newest stay, and so does what is young.
func TestNeverTooMany(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ages := rapid.SliceOfN(rapid.IntRange(0, 100), 0, 20).Draw(t, "ages")
		keep := rapid.IntRange(0, 5).Draw(t, "keep")
		var images []clouds.Image
		var versions []string
		for n, age := range ages {
			version := strings.Repeat("1", n+1)
			images, versions = append(images, image(version, age)), append(versions, version)
		}
		verdicts := retain.Prune(images, situation(versions...), retain.Rules{Keep: keep, OlderThan: 30 * day}, now())
		left := 0
		for _, v := range verdicts {
			if v.Kept != "" {
				left++
			} else if now().Sub(v.Image.Made) < 30*day {
				t.Errorf("%s is of %v, and goes", v.Image.ID, v.Image.Made)
			}
		}
		if len(verdicts) != len(images) || left < min(keep, len(images)) {
			t.Errorf("of %d images %d stay; at least %d must", len(images), left, keep)
		}
	})
}

func TestGC(t *testing.T) {
	resource := func(kind, run string, hours int) clouds.Resource {
		r := clouds.Resource{Kind: kind, ID: kind + " of " + run, Run: run}
		if hours > 0 {
			r.Made = now().Add(-time.Duration(hours) * time.Hour)
		}
		return r
	}
	leftovers := []clouds.Resource{
		resource("instance", "old", 30), resource("group", "old", 0),
		resource("instance", "slow", 30), resource("snapshot", "slow", 2),
		resource("instance", "going", 50), resource("group", "dateless", 0),
	}
	var got []string
	for _, f := range retain.GC(leftovers, 24*time.Hour, []string{"going"}, now()) {
		got = append(got, f.Resource.ID+": "+f.Kept)
	}
	want := []string{
		"instance of old: ", "group of old: ", // the machine says how old the build is
		"instance of slow: its build is younger than 24 hours", "snapshot of slow: its build is younger than 24 hours",
		"instance of going: its build is still going", "group of dateless: of unknown age",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
