package aws_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/packer/clouds"
)

// broken leaves what a build with packer 1.6.6 has while it runs, in the names of packer, of
// which the instance and its volume alone have tags.
func (f fake) broken(t testing.TB, tags map[string]string, suffix string) {
	t.Helper()
	// the time in the name is 2026-01-01T00:00:00Z
	name := "packer_6955b900-aaaa-bbbb-cccc-" + suffix
	f.call(t, here, "keyName", "CreateKeyPair", "KeyName", name)
	group := f.call(t, here, "groupId", "CreateSecurityGroup", "GroupName", name, "GroupDescription", "Temporary")
	f.machine(t, "", tags, "KeyName", name, "SecurityGroupId.1", group, "BlockDeviceMapping.1.Ebs.DeleteOnTermination", "false")
}

// TestBrokenBuild: all that it left is found and removed, in the order in which that can be done.
func TestBrokenBuild(t *testing.T) {
	f, c := start(t)
	f.broken(t, ours("run-1"), "1")
	f.broken(t, map[string]string{"made-by": "someone"}, "2") // packer's as well, but not ours
	list := func() (kinds []string, all []clouds.Resource) {
		all, err := c.Leftovers(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range all {
			if r.Run != "run-1" || r.Region != here || r.Made.IsZero() {
				t.Errorf("%+v", r)
			}
			kinds = append(kinds, r.Kind)
		}
		return kinds, all
	}
	kinds, all := list()
	if diff := cmp.Diff([]string{"instance", "key pair", "security group"}, kinds); diff != "" {
		t.Fatal(diff)
	}
	if want := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC); !all[2].Made.Equal(want) {
		t.Errorf("the security group is of %v, want %v", all[2].Made, want)
	}
	for _, r := range all {
		if err := c.Remove(t.Context(), r); err != nil {
			t.Error(err)
		}
	}
	kinds, all = list() // the volume was kept when its machine went
	if diff := cmp.Diff([]string{"volume"}, kinds); diff != "" {
		t.Fatal(diff)
	}
	if err := c.Remove(t.Context(), all[0]); err != nil {
		t.Error(err)
	}
	if kinds, _ = list(); len(kinds) > 0 {
		t.Errorf("still there: %v", kinds)
	}
	if left := f.left(t); strings.Count(left, `"kind":"key-pair"`) != 1 || strings.Count(left, `"kind":"security-group"`) != 1 {
		t.Errorf("someone else's are gone: %s", left)
	}
}

// TestTaggedKeysAndGroups: newer packers tag them, and then no machine has to prove anything.
func TestTaggedKeysAndGroups(t *testing.T) {
	f, c := start(t)
	f.call(t, here, "keyName", "CreateKeyPair", append([]string{"KeyName", "packer_1"}, tagging([]string{"key-pair"}, ours("run-1"))...)...)
	f.call(t, here, "groupId", "CreateSecurityGroup", append([]string{"GroupName", "mine", "GroupDescription", "d"}, tagging([]string{"security-group"}, ours("run-1"))...)...)
	f.call(t, here, "keyName", "CreateKeyPair", "KeyName", "packer_2")
	all, err := c.Leftovers(t.Context())
	if err != nil || len(all) != 2 {
		t.Fatalf("%+v, %v", all, err)
	}
	if !all[1].Made.IsZero() {
		t.Errorf("EC2 does not tell when a security group was made; listed is %v", all[1].Made)
	}
	for _, r := range all {
		for range 2 {
			if err := c.Remove(t.Context(), r); err != nil {
				t.Error(err)
			}
		}
	}
	if left := f.left(t); !strings.Contains(left, "packer_2") || strings.Contains(left, "packer_1") {
		t.Errorf("left are %s", left)
	}
}

func TestUnknownKind(t *testing.T) {
	f, c := start(t)
	id := f.machine(t, "", ours("run-1"))
	if err := c.Remove(t.Context(), clouds.Resource{Kind: "vpc", Region: here, ID: id}); err == nil {
		t.Error("a kind that there is not")
	}
	// A cloud that has listed nothing asks for the tag.
	if err := c.Remove(t.Context(), clouds.Resource{Kind: "instance", Region: here, ID: id}); err != nil {
		t.Error(err)
	}
	all, err := c.Leftovers(t.Context())
	if err != nil || slices.ContainsFunc(all, func(r clouds.Resource) bool { return r.ID == id }) {
		t.Errorf("%+v, %v", all, err)
	}
}
