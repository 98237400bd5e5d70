package ledger_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/ledger"
)

func contextWithCancel(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithCancel(t.Context())
}

func promote(l *ledger.Ledger, version string, targets ...packer.Target) error {
	return l.Promote(ledger.Promotion{Image: "a", Version: version, Channel: "production", Targets: targets, At: noon(1)})
}

// three is a ledger with the versions 1, 2 and 3 of the image a.
func three(t *testing.T) *ledger.Ledger {
	t.Helper()
	return of(t, built("a", "1", packer.AWS), built("a", "2", packer.AWS), built("a", "2", packer.GCP), built("a", "3", packer.AWS))
}

func TestPromoteAndRollBack(t *testing.T) {
	l := three(t)
	for _, v := range []string{"1", "2", "3", "3"} {
		if err := promote(l, v); err != nil {
			t.Fatal(err)
		}
	}
	if got := l.Current("a", "production"); got != "3" || len(l.Channels["a/production"]) != 3 {
		t.Errorf("current %s, history %v", got, l.Channels)
	}
	for _, want := range []string{"2", "1"} { // each rollback goes further back, not to and fro
		got, err := l.Rollback("a", "production", noon(2))
		if err != nil || got != want || l.Current("a", "production") != want {
			t.Errorf("got %s, %v, want %s", got, err, want)
		}
	}
	if _, err := l.Rollback("a", "production", noon(3)); !errors.Is(err, ledger.ErrNothing) || l.Current("a", "production") != "1" {
		t.Errorf("%v, and the channel has %s", err, l.Current("a", "production"))
	}
	if _, err := l.Rollback("a", "beta", noon(3)); !errors.Is(err, ledger.ErrNothing) || l.Current("a", "beta") != "" {
		t.Errorf("a channel that is not there: %v", err)
	}
}

func TestWhatIsNotPromoted(t *testing.T) {
	l := three(t)
	l.Find("a", "1", "")[0].Revoked = &ledger.Revocation{Reason: "leaks"}
	gone := noon(0)
	l.Find("a", "3", "")[0].Deleted = &gone
	for _, test := range []ledger.Test{{Name: "boot", Passed: false}, {Name: "boot", Passed: true}, {Name: "scan", Passed: false}} {
		if err := l.AddTest("a", "2", packer.GCP, test); err != nil {
			t.Fatal(err)
		}
	}
	all := []packer.Target{packer.AWS, packer.GCP, packer.Azure, packer.QEMU}
	for _, c := range []struct {
		p     ledger.Promotion
		want  string
		force string // what Force says
	}{
		{ledger.Promotion{Version: "9"}, "no such build", "no such build"},
		{ledger.Promotion{Version: "1"}, "aws was revoked: leaks", "aws was revoked: leaks"},
		{ledger.Promotion{Version: "3"}, "the image in aws was deleted", "the image in aws was deleted"},
		{ledger.Promotion{Version: "2", Targets: all}, "gcp failed scan; it was not built for azure; it was not built for qemu", ""},
	} {
		c.p.Image, c.p.Channel = "a", "production"
		if err := l.Promote(c.p); err == nil || !strings.Contains(err.Error(), c.want) || l.Current("a", "production") != "" {
			t.Errorf("%s: %v, want %s", c.p.Version, err, c.want)
		}
		c.p.Force = true
		err := l.Promote(c.p)
		if c.force == "" && (err != nil || l.Current("a", "production") != c.p.Version) {
			t.Errorf("%s by force: %v", c.p.Version, err)
		}
		if c.force != "" && (err == nil || !strings.Contains(err.Error(), c.force)) {
			t.Errorf("%s by force: %v, want %s", c.p.Version, err, c.force)
		}
	}
	if err := l.Promote(ledger.Promotion{Image: "a", Version: "2", Channel: "x/y", Force: true}); err == nil {
		t.Error("a channel with a slash")
	}
}

func TestRevoke(t *testing.T) {
	l := three(t)
	for _, v := range []string{"1", "2", "3"} {
		if err := promote(l, v); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Revoke("a", "2", packer.GCP, "old kernel", noon(4)); err != nil {
		t.Fatal(err)
	}
	done, err := l.Revoke("a", "3", "", "leaks", noon(5))
	if err != nil || len(done.Builds) != 1 || done.Builds[0].Revoked.Reason != "leaks" {
		t.Fatalf("%+v, %v", done, err)
	}
	// Version 2 is half revoked: no channel may have it.
	if diff := cmp.Diff([]ledger.Moved{{Channel: "production", Now: "1"}}, done.Channels); diff != "" {
		t.Error(diff)
	}
	done, err = l.Revoke("a", "1", "", "leaks too", noon(6))
	if err != nil || l.Current("a", "production") != "" {
		t.Errorf("%v, and the channel has %q", err, l.Current("a", "production"))
	}
	if diff := cmp.Diff([]ledger.Moved{{Channel: "production", Now: ""}}, done.Channels); diff != "" {
		t.Error(diff)
	}
	if done, err := l.Revoke("a", "1", "", "again", noon(7)); err != nil || len(done.Builds) != 0 || l.Find("a", "1", "")[0].Revoked.Reason != "leaks too" {
		t.Errorf("again: %+v, %v", done, err)
	}
	if _, err := l.Revoke("a", "1", packer.Azure, "x", noon(8)); !errors.Is(err, ledger.ErrUnknown) {
		t.Errorf("unknown target: %v", err)
	}
	if _, err := l.Revoke("a", "2", "", " ", noon(8)); err == nil {
		t.Error("without a reason")
	}
	if err := l.AddTest("a", "7", "", ledger.Test{Name: "x"}); !errors.Is(err, ledger.ErrUnknown) {
		t.Errorf("test of what is not there: %v", err)
	}
}

func TestLatest(t *testing.T) {
	l := three(t)
	if b := l.Latest("a", packer.AWS, ""); b == nil || b.Version != "3" {
		t.Errorf("got %v", b)
	}
	l.Find("a", "3", "")[0].Revoked = &ledger.Revocation{}
	if b := l.Latest("a", packer.AWS, ""); b == nil || b.Version != "2" {
		t.Errorf("got %v", b)
	}
	if b := l.Latest("a", packer.AWS, "sha256:d-1"); b == nil || b.Version != "1" {
		t.Errorf("got %v", b)
	}
	if b := l.Latest("a", packer.AWS, "sha256:d-3"); b != nil {
		t.Errorf("a revoked one: %v", b)
	}
}

// TestAncestry: a cloud's own base, an image upon it, two upon that, and one upon one of those.
func TestAncestry(t *testing.T) {
	upon := func(b ledger.Build, base string) ledger.Build { b.Base = base; return b }
	disk := built("disk", "1", packer.QEMU)
	disk.Artifacts[0].ID, disk.Artifacts[0].SHA256 = "", strings.Repeat("a", 64)
	l := of(t,
		upon(built("base", "1", packer.AWS), "ami-of-the-cloud"),
		upon(built("mid", "1", packer.AWS), "ID-base-1-aws"), // Azure changes the case of ids
		upon(built("mid", "2", packer.AWS), "r:id-base-1-aws"),
		upon(built("top", "1", packer.AWS), "id-mid-1-aws"),
		upon(built("other", "1", packer.GCP), "id-base-1-aws"),
		disk,
		upon(built("upon-disk", "1", packer.QEMU), "disks/x.qcow2@sha256:"+strings.Repeat("a", 64)),
	)
	names := func(builds []*ledger.Build) (all []string) {
		for _, b := range builds {
			all = append(all, b.Image+" "+b.Version)
		}
		return all
	}
	find := func(image, version string) *ledger.Build { return l.Find(image, version, "")[0] }
	for name, c := range map[string]struct{ got, want []string }{
		"ancestors":          {names(l.Ancestors(find("top", "1"))), []string{"mid 1", "base 1"}},
		"ancestors of first": {names(l.Ancestors(find("base", "1"))), nil},
		"children":           {names(l.Children(find("base", "1"))), []string{"mid 1", "mid 2"}},
		"descendants":        {names(l.Descendants(find("base", "1"))), []string{"mid 1", "mid 2", "top 1"}},
		"of a disk":          {names(l.Children(find("disk", "1"))), []string{"upon-disk 1"}},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if b := l.Made(packer.AWS, "id-mid-2-aws"); b == nil || b.Version != "2" {
		t.Errorf("got %v", b)
	}
	if l.Made(packer.AWS, "ami-of-the-cloud") != nil || l.Made(packer.AWS, "") != nil || l.Made(packer.GCP, "id-mid-2-aws") != nil {
		t.Error("somebody else's image is taken for ours")
	}
	done, err := l.Revoke("base", "1", "", "leaks", noon(1))
	if diff := cmp.Diff([]string{"mid 1", "mid 2", "top 1"}, names(done.Children)); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

// TestACircle: a ledger that somebody wrote by hand does not hang.
func TestACircle(t *testing.T) {
	a, b := built("a", "1", packer.AWS), built("b", "1", packer.AWS)
	a.Base, b.Base = "id-b-1-aws", "id-a-1-aws"
	l := of(t, a, b)
	if got := l.Ancestors(&l.Builds[0]); len(got) != 1 {
		t.Errorf("ancestors %v", got)
	}
	if got := l.Descendants(&l.Builds[0]); len(got) != 1 {
		t.Errorf("descendants %v", got)
	}
}

// TestNoChannelHasARevokedVersion, whatever is promoted, rolled back and revoked: what a channel
// has is the top of a stack from which revoked versions are taken, and it is empty only when that
// is.
func TestNoChannelHasARevokedVersion(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		l, stack := &ledger.Ledger{}, map[string][]string{}
		versions := []string{"1", "2", "3", "4"}
		for _, v := range versions {
			for _, target := range []packer.Target{packer.AWS, packer.GCP} {
				if err := l.Add(built("a", v, target)); err != nil {
					r.Fatal(err)
				}
			}
		}
		version := rapid.SampledFrom(versions)
		channel := rapid.SampledFrom([]string{"production", "beta"})
		targets := rapid.SampledFrom([]packer.Target{"", packer.AWS, packer.GCP})
		r.Repeat(map[string]func(*rapid.T){
			"promote": func(r *rapid.T) {
				v, c := version.Draw(r, "version"), channel.Draw(r, "channel")
				err := l.Promote(ledger.Promotion{Image: "a", Version: v, Channel: c, Force: rapid.Bool().Draw(r, "force")})
				if (err == nil) != healthy(l, v) {
					r.Fatalf("promoted %s: %v", v, err)
				}
				if err == nil && top(stack[c]) != v {
					stack[c] = append(stack[c], v)
				}
			},
			"rollback": func(r *rapid.T) {
				c := channel.Draw(r, "channel")
				left := drop(stack[c], func(v string) bool { return v == top(stack[c]) || !healthy(l, v) })
				now, err := l.Rollback("a", c, noon(1))
				if (err == nil) != (len(left) > 0) || now != top(left) {
					r.Fatalf("rolled back to %q, %v; the stack is %v", now, err, stack[c])
				}
				if err == nil {
					stack[c] = left
				}
			},
			"revoke": func(r *rapid.T) {
				v := version.Draw(r, "version")
				done, err := l.Revoke("a", v, targets.Draw(r, "target"), "r", noon(2))
				if err != nil {
					r.Fatal(err)
				}
				for c := range stack {
					stack[c] = drop(stack[c], func(v string) bool { return !healthy(l, v) })
				}
				for _, moved := range done.Channels {
					if moved.Now != top(stack[moved.Channel]) {
						r.Fatalf("said %v, and the stack is %v", moved, stack)
					}
				}
			},
			"": func(r *rapid.T) {
				for c, s := range stack {
					if current := l.Current("a", c); current != top(s) || current != "" && !healthy(l, current) {
						r.Fatalf("%s has %q, the stack is %v", c, current, s)
					}
				}
			},
		})
	})
}

func healthy(l *ledger.Ledger, version string) bool {
	return !slices.ContainsFunc(l.Find("a", version, ""), func(b *ledger.Build) bool { return b.Revoked != nil })
}

func top(stack []string) string {
	if len(stack) == 0 {
		return ""
	}
	return stack[len(stack)-1]
}

// drop takes versions off the top while gone says so.
func drop(stack []string, gone func(string) bool) []string {
	for len(stack) > 0 && gone(top(stack)) {
		stack = stack[:len(stack)-1]
	}
	return slices.Clone(stack)
}
