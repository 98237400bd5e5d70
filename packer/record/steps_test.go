package record_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/build"
	"github.com/workerkit/workerkit/packer/record"
)

func start() time.Time { return time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC) }

// lines makes lines that come one second after another.
func lines(target packer.Target, texts ...string) []build.Line {
	var all []build.Line
	for i, text := range texts {
		all = append(all, build.Line{Target: target, Step: "build", Text: text, Time: start().Add(time.Duration(i+1) * time.Second)})
	}
	return all
}

func TestSteps(t *testing.T) {
	all := lines(
		packer.AWS,
		"==> linux.amazon-ebs.image: Creating temporary keypair: packer_6b02bbd8",
		"==> linux.amazon-ebs.image: Waiting for instance (i-4b430dc1) to become ready...",
		"    linux.amazon-ebs.image: Instance ID: i-4b430dc168a57fefb",
		"==> linux.amazon-ebs.image:  -> ComputeName : 'x'",
		"==> linux.amazon-ebs.image: Uploading ./image => /var/tmp/workerkit/",
		"==> linux.amazon-ebs.image: Uploading ./root => /var/tmp/workerkit/",
		"==> linux.amazon-ebs.image: Provisioning with shell script: ./scripts/linux/provision.sh",
		"    linux.amazon-ebs.image: ==> step packages",
		"    linux.amazon-ebs.image: the step before this one: ok",
		"==> linux.amazon-ebs.image: Created symlink /etc/systemd/system/start-worker.service", // a program's standard error
		"==> linux.amazon-ebs.image: Downloading /var/tmp/workerkit/inventory.txt => inventory.txt",
		"    linux.amazon-ebs.image: ==> step clean",
		"==> linux.amazon-ebs.image: Stopping the source instance...",
		"==> Wait completed after 16 seconds",
	)
	all[7].Time = all[6].Time.Add(20 * time.Millisecond) // provision.sh itself takes no time
	all = append(all, build.Line{Target: packer.GCP, Step: "build", Text: "==> x: another target", Time: start()}, build.Line{Target: packer.AWS, Step: "validate", Text: "==> x: another run", Time: start()})
	got := record.Steps(packer.AWS, start(), 16*time.Second, all)
	want := []record.Step{{Name: "begin", Took: 1}, {Name: "Creating temporary keypair", Took: 1}, {Name: "Waiting for instance", Took: 3}, {Name: "Uploading", Took: 2.02}, {Name: "packages", Took: 3.98}, {Name: "Downloading", Took: 1}, {Name: "clean", Took: 1}, {Name: "Stopping the source instance", Took: 3}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	if got := record.Steps(packer.AWS, start(), time.Second, nil); !slices.Equal(got, []record.Step{{Name: "begin", Took: 1}}) {
		t.Errorf("of no lines: %v", got)
	}
}

// TestStepsAddUp: whatever is printed, and whatever the clock does.
func TestStepsAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		took := time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "took"))
		var all []build.Line
		for _, at := range rapid.SliceOf(rapid.Int64Range(-int64(time.Minute), int64(2*time.Hour))).Draw(t, "at") {
			text := rapid.SampledFrom([]string{"==> a: one", "==> a: two", "    a: ==> step three", "text", "==> a: ", "==> "}).Draw(t, "text")
			all = append(all, build.Line{Target: packer.QEMU, Step: "build", Text: text, Time: start().Add(time.Duration(at))})
		}
		var sum float64
		for _, s := range record.Steps(packer.QEMU, start(), took, all) {
			if s.Name == "" || s.Took < 0 {
				t.Errorf("step %+v", s)
			}
			sum += s.Took
		}
		if math.Abs(sum-took.Seconds()) > 1e-6 {
			t.Errorf("%f seconds of %s", sum, took)
		}
	})
}

func TestBaseOf(t *testing.T) {
	said := append(lines(packer.AWS, "==> linux.amazon-ebs.image: x", "    linux.amazon-ebs.image: Found Image ID: ami-62a71ba62d2838e62"),
		lines(packer.GCP, "==> linux.googlecompute.image: Using image: debian-12-v20260101")...)
	for want, c := range map[string]struct {
		target packer.Target
		base   packer.Base
	}{
		"ami-62a71ba62d2838e62":                {packer.AWS, packer.Base{Filter: "debian-*"}},
		"ami-1":                                {packer.AWS, packer.Base{Filter: "debian-*", ID: "ami-1"}},
		"debian-12-v20260101":                  {packer.GCP, packer.Base{Family: "debian-12"}},
		"debian-12-v1":                         {packer.GCP, packer.Base{Family: "debian-12", ID: "debian-12-v1"}},
		"debian:debian-12:12-gen2:latest":      {packer.Azure, packer.Base{Publisher: "debian", Offer: "debian-12", SKU: "12-gen2"}},
		"debian:debian-12:12-gen2:0.1":         {packer.Azure, packer.Base{Publisher: "debian", Offer: "debian-12", SKU: "12-gen2", Version: "0.0", ID: "0.1"}},
		"/a/galleries/g/images/i/versions/1.0": {packer.Azure, packer.Base{Gallery: "/a/galleries/g/images/i", Version: "1.0"}},
		"/a/images/i/versions/2.0":             {packer.Azure, packer.Base{Gallery: "/a/images/i/versions/2.0", Version: "1.0"}},
		"disks/a.qcow2@sha256:" + sum:          {packer.QEMU, packer.Base{Disk: "disks/a.qcow2", SHA256: sum}},
		"https://example.com/a.qcow2":          {packer.QEMU, packer.Base{Disk: "https://u:" + strings.Repeat("p", 3) + "@example.com/a.qcow2"}},
	} {
		image := packer.Image{Bases: map[packer.Target]packer.Base{c.target: c.base}}
		if got := record.BaseOf(c.target, image, said); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := record.BaseOf(packer.AWS, packer.Image{}, nil); got != "" {
		t.Errorf("got %s of nothing", got)
	}
}
