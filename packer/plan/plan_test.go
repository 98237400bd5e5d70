package plan_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/ledger"
	"github.com/workerkit/workerkit/packer/plan"
	"github.com/workerkit/workerkit/packer/record"
)

// stand is a definition, a ledger, and records.
type stand struct {
	ledger  *ledger.Ledger
	records map[string]packer.Image // by version: the image that was built
}

func newStand() *stand {
	return &stand{&ledger.Ledger{}, map[string]packer.Image{}}
}

// built notes that an image was built for AWS as it is.
func (s *stand) built(t *testing.T, i packer.Image, version string) *ledger.Build {
	t.Helper()
	d := of(t, i, folder(), packer.AWS)
	if err := s.ledger.Add(ledger.Build{
		Image: i.Name, Version: version, Target: packer.AWS, Definition: d.Hash, Parts: d.Parts,
		Base: i.Bases[packer.AWS].ID, Artifacts: []record.Artifact{{Region: "r", ID: "ami-of-" + i.Name + "-" + version}},
	}); err != nil {
		t.Fatal(err)
	}
	s.records[i.Name+version] = i
	return &s.ledger.Builds[len(s.ledger.Builds)-1]
}

func (s *stand) planner() *plan.Planner {
	return &plan.Planner{
		Definitions: plan.NewDefinitions(folder()), Ledger: s.ledger,
		Record: func(b *ledger.Build) *record.Record {
			if i, ok := s.records[b.Image+b.Version]; ok {
				return &record.Record{Resolved: i}
			}
			return nil
		},
	}
}

func (s *stand) one(t *testing.T, i packer.Image) plan.Step {
	t.Helper()
	step, err := s.planner().One(i, packer.AWS)
	if err != nil {
		t.Fatal(err)
	}
	return step
}

func TestNeverBuiltThenUnchanged(t *testing.T) {
	s := newStand()
	step := s.one(t, image())
	if !step.Build || step.Why != "never built" || step.Existing != nil {
		t.Errorf("got %+v", step)
	}
	if diff := cmp.Diff([]string{"worker-images build a --target aws"}, step.Commands); diff != "" {
		t.Error(diff)
	}
	b := s.built(t, image(), "1")
	step = s.one(t, image())
	if step.Build || step.Why != "unchanged since 1 (ami-of-a-1 in r)" || step.Existing != b || step.Definition != b.Definition || step.Commands != nil {
		t.Errorf("got %+v", step)
	}
}

// TestWhatChanged names the parts and, where the former record is there, the values.
func TestWhatChanged(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*packer.Image)
		want   string
	}{
		"packages": {func(i *packer.Image) { i.Packages = []string{"git", "zstd"} }, "packages changed since 1 (curl removed, zstd added)"},
		"order":    {func(i *packer.Image) { i.Packages = []string{"git", "curl"} }, "packages changed since 1 (packages in another order)"},
		"two parts": {func(i *packer.Image) {
			i.Size, i.Files = 40, append(i.Files, packer.File{Path: "/etc/y"})
		}, "files, size changed since 1 (/etc/y added, size 30 → 40)"},
		"base":         {func(i *packer.Image) { b := i.Bases[packer.AWS]; b.ID = "ami-2"; i.Bases[packer.AWS] = b }, "base changed since 1 (bases aws id ami-1 → ami-2)"},
		"worker":       {func(i *packer.Image) { i.Worker.Version, i.Worker.Config["a"] = "2", 2 }, "worker changed since 1 (worker config a 1 → 2, worker version 1 → 2)"},
		"long":         {func(i *packer.Image) { i.Files[1].Content = strings.Repeat("x", 100) }, "files changed since 1 (/etc/x content changed)"},
		"environment":  {func(i *packer.Image) { i.Environment["B"] = "2" }, "environment changed since 1 (environment B added)"},
		"signed URL":   {func(i *packer.Image) { i.Downloads[0].URL = "https://x?signature=123" }, "downloads changed since 1 (/x url changed)"},
		"content only": {func(i *packer.Image) { i.Files[0].Source = "scripts/s.sh" }, "files changed since 1 (/etc/motd source motd → scripts/s.sh)"},
		"many": {func(i *packer.Image) {
			i.Packages = append(i.Packages, "1", "2", "3", "4", "5", "6", "7", "8")
		}, "packages changed since 1 (1 added, 2 added, 3 added, 4 added, 5 added, 6 added, and 2 more)"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand()
			s.built(t, image(), "1")
			i := image()
			c.change(&i)
			step := s.one(t, i)
			if !step.Build || step.Why != c.want {
				t.Errorf("got  %s\nwant %s", step.Why, c.want)
			}
		})
	}
	s := newStand()
	s.built(t, image(), "1")
	clear(s.records)
	i := image()
	i.Packages = nil
	if step := s.one(t, i); step.Why != "packages changed since 1" {
		t.Errorf("without a record: %s", step.Why)
	}
}

// TestAnotherToolRebuilds: what this program makes of every image counts.
func TestAnotherToolRebuilds(t *testing.T) {
	s := newStand()
	b := s.built(t, image(), "1")
	b.Parts["templates"] = "of another version"
	b.Definition = plan.Hash(b.Parts)
	if step := s.one(t, image()); !step.Build || step.Why != "templates changed since 1" {
		t.Errorf("got %+v", step)
	}
}

func TestWhatIsGone(t *testing.T) {
	s := newStand()
	b := s.built(t, image(), "1")
	b.Revoked = &ledger.Revocation{Reason: "leaks"}
	if step := s.one(t, image()); !step.Build || step.Why != "1 was revoked: leaks" {
		t.Errorf("got %+v", step)
	}
	now := time.Now()
	b = s.built(t, image(), "2")
	b.Deleted = &now
	if step := s.one(t, image()); !step.Build || step.Why != "the image of 2 was deleted" {
		t.Errorf("got %+v", step)
	}
	s.built(t, image(), "3")
	if step := s.one(t, image()); step.Build || step.Existing.Version != "3" {
		t.Errorf("got %+v", step)
	}
	i := image()
	i.Size = 31
	s.built(t, i, "4")
	if step := s.one(t, image()); step.Build || step.Existing.Version != "3" {
		t.Errorf("what was changed and changed back: %+v", step)
	}
}

func TestWhatIsNotPinned(t *testing.T) {
	const unknown = ": nobody knows whether it has changed"
	disk := packer.Image{Name: "d", OS: "debian-12", Arch: "amd64", Targets: []packer.Target{packer.QEMU}, Bases: map[packer.Target]packer.Base{packer.QEMU: {Disk: "x.qcow2"}}}
	for name, c := range map[string]struct {
		image  packer.Image
		target packer.Target
		change func(*packer.Image)
		want   string
	}{
		"base":     {image(), packer.AWS, func(i *packer.Image) { i.Bases[packer.AWS] = packer.Base{Filter: "f"} }, "base is not pinned" + unknown},
		"download": {image(), packer.AWS, func(i *packer.Image) { i.Downloads[0].SHA256 = "" }, `"https://x" has no sha256` + unknown},
		"password": {image(), packer.AWS, func(i *packer.Image) { i.Downloads[0].SHA256, i.Downloads[0].URL = "", "https://u:p@x?key=s" }, `"https://x" has no sha256` + unknown},
		"disk":     {disk, packer.QEMU, func(*packer.Image) {}, `base "x.qcow2" has no sha256` + unknown},
		"pinned":   {disk, packer.QEMU, func(i *packer.Image) { i.Bases[packer.QEMU] = packer.Base{Disk: "x", SHA256: "y"} }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c.change(&c.image)
			s := newStand()
			d := of(t, c.image, folder(), c.target)
			if err := s.ledger.Add(ledger.Build{Image: c.image.Name, Version: "1", Target: c.target, Definition: d.Hash, Parts: d.Parts}); err != nil {
				t.Fatal(err)
			}
			step, err := s.planner().One(c.image, c.target)
			if err != nil || step.Build != (c.want != "") || step.Build && step.Why != c.want {
				t.Errorf("got %+v, %v", step, err)
			}
		})
	}
}

// upon is an image whose base is pinned to a build.
func upon(name string, b *ledger.Build) packer.Image {
	i := image()
	i.Name = name
	i.Bases[packer.AWS] = packer.Base{Region: "r", Owner: "self", Filter: "a-*", ID: b.Artifacts[0].ID}
	return i
}

// TestABaseOfOurs: an image upon an image that we have built.
func TestABaseOfOurs(t *testing.T) {
	s := newStand()
	s.built(t, image(), "1")
	child := upon("child", &s.ledger.Builds[0])
	s.built(t, child, "1")
	grandchild := upon("grandchild", &s.ledger.Builds[1])

	again := image()
	again.Size = 99
	steps, err := s.planner().Make([]packer.Image{again.For(packer.AWS), child.For(packer.AWS)})
	if err != nil || len(steps) != 2 || !steps[0].Build || steps[1].Build || len(steps[1].Notes) != 1 || !strings.HasPrefix(steps[1].Notes[0], "its base a (ours) is to be built as well") {
		t.Errorf("in one plan: %+v, %v", steps, err)
	}
	s.built(t, again, "2")
	step := s.one(t, child)
	if diff := cmp.Diff([]string{"its base a 1 (ours) was rebuilt as 2: `worker-images update` pins it"}, step.Notes); diff != "" || step.Build {
		t.Errorf("rebuilt: %+v\n%s", step, diff)
	}
	if _, err := s.ledger.Revoke("a", "1", "", "leaks", time.Time{}); err != nil {
		t.Fatal(err)
	}
	step = s.one(t, child)
	if step.Build || !step.Blocked || step.Why != "its base a 1 (ours) was revoked: leaks: build a, then pin the new one" {
		t.Errorf("revoked: %+v", step)
	}
	step = s.one(t, grandchild)
	if !step.Blocked || !strings.HasPrefix(step.Why, "its base child 1 (ours) is built upon a 1, which was revoked: leaks") {
		t.Errorf("grandchild: %+v", step)
	}
	// A base that is whatever is newest is not bound to the one that was revoked.
	b := child.Bases[packer.AWS]
	b.ID = ""
	child.Name, child.Bases[packer.AWS] = "loose", b
	s.built(t, child, "1").Base = "ami-of-a-1"
	if step := s.one(t, child); !step.Build || step.Why != "1 is built upon a 1 (ours), which was revoked: leaks" {
		t.Errorf("not pinned: %+v", step)
	}
}

func TestMakeKeepsTheOrder(t *testing.T) {
	steps, err := newStand().planner().Make([]packer.Image{image(), image().For(packer.GCP)})
	var got []packer.Target
	for _, s := range steps {
		got = append(got, s.Target)
	}
	if diff := cmp.Diff([]packer.Target{packer.AWS, packer.GCP, packer.GCP}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
}
