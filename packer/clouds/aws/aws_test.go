package aws_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/clouds"
	"github.com/workerkit/workerkit/packer/clouds/aws"
	"github.com/workerkit/workerkit/packer/clouds/cloudstest"
)

func TestConformance(t *testing.T) {
	f, c := start(t)
	cloudstest.Run(t, c, cloudstest.Fixtures{
		Base:     packer.Base{Region: here, Owner: "136693071363", Filter: "debian-12-amd64-*"},
		Missing:  packer.Base{Region: here, Owner: "self", Filter: "nothing-*"},
		Image:    f.image,
		Leftover: func(t testing.TB, tags map[string]string) string { return f.machine(t, "", tags) },
		Refuse:   func(t testing.TB) { f.Trouble(t, "aws", "", "forbidden", 0) },
		Secrets:  []string{f.Getenv("AWS_SECRET_ACCESS_KEY")},
	})
}

// TestNewest: the newest of the architecture counts, unless its owner has deprecated it.
func TestNewest(t *testing.T) {
	f, c := start(t)
	base := packer.Base{Region: here, Owner: "self", Filter: "base-*"}
	old := f.image(t, "base-2", nil)
	time.Sleep(5 * time.Millisecond) // EC2 writes milliseconds, and the ids have no order
	young := f.image(t, "base-1", nil)
	newest := func() string {
		found, err := c.Newest(t.Context(), base, "amd64")
		if err != nil {
			t.Fatal(err)
		}
		return found.ID
	}
	if got := newest(); got != young {
		t.Errorf("the newest is %s, want %s", got, young)
	}
	f.call(t, here, "return", "EnableImageDeprecation", "ImageId", young, "DeprecateAt", "2020-01-01T00:00:00.000Z")
	if got := newest(); got != old {
		t.Errorf("the newest that is not deprecated is %s, want %s", got, old)
	}
	if _, err := c.Newest(t.Context(), base, "arm64"); !errors.Is(err, clouds.ErrNotFound) || !strings.Contains(err.Error(), "base-* of self, arm64") {
		t.Errorf("there is none for arm64: %v", err)
	}
	if found, err := c.Newest(t.Context(), packer.Base{Region: here, ID: young}, "amd64"); err != nil || found.Name != "base-1" {
		t.Errorf("the base that an id names: %+v, %v", found, err)
	}
	if _, err := c.Newest(t.Context(), packer.Base{Owner: "self", Filter: "base-*"}, "amd64"); err == nil {
		t.Error("a base without a region")
	}
}

// ours are the tags of what a build makes.
func ours(run string) map[string]string {
	return map[string]string{clouds.TagName: "linux", clouds.TagDefinition: "sha256:12", clouds.TagRun: run}
}

// copied copies an AMI into the other region, as packer does.
func (f fake) copied(t testing.TB, id, name string) string {
	t.Helper()
	pairs := append([]string{"SourceRegion", here, "SourceImageId", id, "Name", name}, tagging([]string{"image", "snapshot"}, ours("run-1"))...)
	return f.call(t, there, "imageId", "CopyImage", pairs...)
}

// TestCopies: each region has its own.
func TestCopies(t *testing.T) {
	f, c := start(t)
	id := f.image(t, "linux-1", ours("run-1"))
	second := f.copied(t, id, "linux-1")
	all, err := c.Images(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, i := range all {
		got = append(got, i.Region+" "+i.ID)
	}
	if diff := cmp.Diff([]string{here + " " + id, there + " " + second}, got); diff != "" {
		t.Error(diff)
	}
	if err := c.Delete(t.Context(), all[1]); err != nil {
		t.Fatal(err)
	}
	if all, err = c.Images(t.Context()); err != nil || len(all) != 1 || all[0].ID != id {
		t.Errorf("after the copy was deleted: %+v, %v", all, err)
	}
	if left := f.left(t); strings.Contains(left, `"kind":"snapshot"`) {
		t.Errorf("the copy's snapshot is left: %s", left)
	}
}

// TestUses: machines, any version of a launch template, other accounts.
func TestUses(t *testing.T) {
	f, c := start(t)
	free, used := f.image(t, "linux-1", ours("run-1")), f.image(t, "linux-2", ours("run-2"))
	machine := f.machine(t, used, nil)
	stopped := f.machine(t, used, nil)
	f.call(t, here, "instanceId", "StopInstances", "InstanceId.1", stopped)
	f.call(t, here, "instanceId", "TerminateInstances", "InstanceId.1", f.machine(t, free, nil))
	template := f.call(t, here, "launchTemplateId", "CreateLaunchTemplate", "LaunchTemplateName", "group", "LaunchTemplateData.ImageId", used)
	f.call(t, here, "versionNumber", "CreateLaunchTemplateVersion", "LaunchTemplateId", template, "LaunchTemplateData.ImageId", "ami-1")
	f.call(t, here, "return", "ModifyImageAttribute", "ImageId", used, "LaunchPermission.Add.1.UserId", "210987654321")
	machines := []string{"instance " + machine, "instance " + stopped}
	slices.Sort(machines)
	want := append(machines, "launch template group version 1", "shared with 210987654321")
	got, err := c.Uses(t.Context(), clouds.Image{Region: here, ID: used})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got, err := c.Uses(t.Context(), clouds.Image{Region: here, ID: free}); err != nil || len(got) > 0 {
		t.Errorf("nobody uses %s, and yet: %q, %v", free, got, err)
	}
}

// TestWhatCannotBeSeenCounts: an image is not free because nobody may look.
func TestWhatCannotBeSeenCounts(t *testing.T) {
	f, c := start(t)
	id := f.image(t, "linux-1", ours("run-1"))
	f.Trouble(t, "aws", "DescribeLaunchTemplates", "forbidden", 1)
	image := clouds.Image{Region: here, ID: id}
	got, err := c.Uses(t.Context(), image)
	if err != nil || len(got) != 1 || !strings.Contains(got[0], "ec2:DescribeLaunchTemplates") {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := c.Uses(t.Context(), image); err != nil || len(got) > 0 { // the failure is not remembered
		t.Errorf("%q, %v", got, err)
	}
}

// TestSharedSnapshot: a snapshot that another AMI has stays, and goes with the last one.
func TestSnapshotsThatStay(t *testing.T) {
	f, c := start(t)
	id := f.image(t, "linux-1", ours("run-1"))
	snapshot := f.call(t, here, "snapshotId", "DescribeImages", "ImageId.1", id)
	f.call(t, here, "return", "DeleteTags", "ResourceId.1", snapshot, "Tag.1.Key", clouds.TagName)
	if err := c.Delete(t.Context(), clouds.Image{Region: here, ID: id}); err != nil {
		t.Fatal(err)
	}
	if left := f.left(t); !strings.Contains(left, snapshot) {
		t.Errorf("a snapshot without our tag was deleted: %s", left)
	}
}

// TestDeleteThatStops: what is left is a leftover.
func TestDeleteThatStops(t *testing.T) {
	f, c := start(t)
	id := f.image(t, "linux-1", ours("run-1"))
	f.Trouble(t, "aws", "DeleteSnapshot", "forbidden", 1)
	err := c.Delete(t.Context(), clouds.Image{Region: here, ID: id})
	if err == nil || !strings.Contains(err.Error(), "ec2:DeleteSnapshot") || !strings.Contains(err.Error(), "is left") {
		t.Fatalf("the snapshot could not be deleted: %v", err)
	}
	all, err := c.Leftovers(t.Context())
	if err != nil || len(all) != 1 || all[0].Kind != "snapshot" || all[0].Run != "run-1" || all[0].Made.IsZero() {
		t.Fatalf("%+v, %v", all, err)
	}
	if err := c.Remove(t.Context(), all[0]); err != nil {
		t.Fatal(err)
	}
	if all, err := c.Leftovers(t.Context()); err != nil || len(all) > 0 {
		t.Errorf("%+v, %v", all, err)
	}
}

// TestThrottled: a moment's trouble is not the caller's.
func TestThrottled(t *testing.T) {
	f, c := start(t)
	f.image(t, "linux-1", ours("run-1"))
	f.Trouble(t, "aws", "DescribeImages", "throttled", 2)
	if all, err := c.Images(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestDenied(t *testing.T) {
	f, c := start(t)
	f.Trouble(t, "aws", "DescribeImages", "forbidden", 0)
	_, err := c.Images(t.Context())
	for _, want := range []string{here, there, "ec2:DescribeImages"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %s", err, want)
		}
	}
}

// TestNoCredentials: the error says what to set, and there is no waiting for a network.
func TestNoCredentials(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_WEB_IDENTITY_TOKEN_FILE"} {
		t.Setenv(name, "")
	}
	none := t.TempDir() + "/none"
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", none)
	t.Setenv("AWS_CONFIG_FILE", none)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	_, err := aws.New(t.Context(), aws.Options{})
	if !errors.Is(err, clouds.ErrCredentials) || !strings.Contains(err.Error(), "AWS_ACCESS_KEY_ID") || strings.Contains(err.Error(), "\n") {
		t.Errorf("without credentials: %v", err)
	}
	t.Setenv("AWS_PROFILE", "nobody")
	if _, err := aws.New(t.Context(), aws.Options{}); err == nil || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("with a profile that is not there: %v", err)
	}
}
