package cloudstest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/clouds"
)

// Fixtures are what Run needs of one cloud. All members are required.
type Fixtures struct {
	Base    packer.Base // has an image for amd64
	Missing packer.Base // has none

	// Image makes an image of a name with just these tags (labels on Google), and returns its id
	// as clouds.Image has it.
	Image func(t testing.TB, name string, tags map[string]string) string
	// Leftover makes something that a build leaves, with just these tags, and returns its id as
	// clouds.Resource has it.
	Leftover func(t testing.TB, tags map[string]string) string
	// Refuse makes the cloud deny all calls from now on.
	Refuse func(t testing.TB)
	// Secrets are what no error may hold.
	Secrets []string
}

// Run checks what every cloud must do. The stand has nothing in it before.
func Run(t *testing.T, cloud clouds.Cloud, f Fixtures) {
	t.Run("linked", func(t *testing.T) { linked(t, cloud) })
	t.Run("bases", func(t *testing.T) { bases(t, cloud, f) })
	t.Run("images", func(t *testing.T) { images(t, cloud, f) })
	t.Run("leftovers", func(t *testing.T) { leftovers(t, cloud, f) })
	t.Run("ended", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for name, err := range failures(ctx, cloud, f.Base) {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s with a context that has ended: %v", name, err)
			}
		}
	})
	t.Run("refused", func(t *testing.T) { // the last one: nothing works after it
		f.Refuse(t)
		for name, err := range failures(t.Context(), cloud, f.Base) {
			if err == nil {
				t.Errorf("%s was denied, and said nothing", name)
				continue
			}
			if errors.Is(err, clouds.ErrNotFound) {
				t.Errorf("%s was denied, and says that there is nothing: %v", name, err)
			}
			for _, secret := range f.Secrets {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("%s has a secret in its error", name)
				}
			}
		}
	})
}

// failures are the errors of the calls that list.
func failures(ctx context.Context, cloud clouds.Cloud, base packer.Base) map[string]error {
	_, newest := cloud.Newest(ctx, base, "amd64")
	_, images := cloud.Images(ctx)
	_, leftovers := cloud.Leftovers(ctx)
	return map[string]error{"Newest": newest, "Images": images, "Leftovers": leftovers}
}

func bases(t *testing.T, cloud clouds.Cloud, f Fixtures) {
	found, err := cloud.Newest(t.Context(), f.Base, "amd64")
	if err != nil || found.ID == "" || found.Name == "" {
		t.Fatalf("the base is %+v: %v", found, err)
	}
	if again, err := cloud.Newest(t.Context(), f.Base, "amd64"); err != nil || again.ID != found.ID {
		t.Errorf("asked again it is %s: %v", again.ID, err)
	}
	if found, err := cloud.Newest(t.Context(), f.Missing, "amd64"); !errors.Is(err, clouds.ErrNotFound) {
		t.Errorf("a base that is not there is %+v: %v", found, err)
	}
}

// ours are the tags of an image of a build.
func ours(run string) map[string]string {
	return map[string]string{clouds.TagName: "linux", clouds.TagDefinition: "sha256-12", clouds.TagRun: run}
}

func images(t *testing.T, cloud clouds.Cloud, f Fixtures) {
	list := func() map[string]clouds.Image {
		all, err := cloud.Images(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]clouds.Image{}
		for _, i := range all {
			found[i.ID] = i
		}
		return found
	}
	if all := list(); len(all) > 0 {
		t.Fatalf("there are images in an empty cloud: %v", all)
	}
	first, second := f.Image(t, "linux-1", ours("run-1")), f.Image(t, "linux-2", ours("run-2"))
	foreign := f.Image(t, "other-1", map[string]string{"made-by": "someone"})
	all := list()
	if _, there := all[foreign]; there || len(all) != 2 {
		t.Fatalf("the images that are ours are %s and %s; listed are %v", first, second, all)
	}
	got := all[first]
	if got.Name == "" || got.Image != "linux" || got.Definition != "sha256-12" || got.Run != "run-1" || got.Made.IsZero() {
		t.Errorf("the image is listed as %+v", got)
	}
	if uses, err := cloud.Uses(t.Context(), got); err != nil || len(uses) > 0 {
		t.Errorf("nobody uses the image, and yet: %q, %v", uses, err)
	}
	for range 2 { // one that is gone is no error
		if err := cloud.Delete(t.Context(), got); err != nil {
			t.Fatal(err)
		}
	}
	if all := list(); len(all) != 1 || all[second].ID == "" {
		t.Errorf("after %s was deleted there are %v", first, all)
	}
	// An image whose tag has gone is not ours any more, whatever the caller believes.
	if err := cloud.Delete(t.Context(), clouds.Image{Region: got.Region, ID: foreign, Name: "other-1"}); err == nil {
		t.Error("an image without our tag was deleted")
	}
}

func leftovers(t *testing.T, cloud clouds.Cloud, f Fixtures) {
	list := func() map[string]clouds.Resource {
		all, err := cloud.Leftovers(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]clouds.Resource{}
		for _, r := range all {
			if r.Kind == "" || r.Run == "" {
				t.Errorf("something of no kind or no build: %+v", r)
			}
			found[r.ID] = r
		}
		return found
	}
	first, second := f.Leftover(t, ours("run-1")), f.Leftover(t, ours("run-2"))
	foreign := f.Leftover(t, map[string]string{"made-by": "someone"})
	all := list()
	if _, there := all[foreign]; there {
		t.Errorf("%s is not ours", foreign)
	}
	if all[first].Run != "run-1" || all[second].Run != "run-2" {
		t.Fatalf("the leftovers %s and %s are not listed as they are: %+v", first, second, all)
	}
	for range 2 { // one that is gone is no error
		if err := cloud.Remove(t.Context(), all[first]); err != nil {
			t.Fatal(err)
		}
	}
	after := list()
	if after[first].ID != "" || after[second].ID == "" {
		t.Errorf("after %s was removed there are %+v", first, after)
	}
	stranger := clouds.Resource{Kind: all[second].Kind, Region: all[second].Region, ID: foreign, Run: "run-1"}
	if err := cloud.Remove(t.Context(), stranger); err == nil {
		t.Error("something without our tag was removed")
	}
}
