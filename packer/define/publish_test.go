package define_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/define"
	"github.com/workerkit/workerkit/packer/templates"
)

const cloudy = `
image "shared" {
  abstract = true
  os       = "debian-12"
  arch     = "amd64"
  base "aws" {
    owner     = "o"
    filter    = "f"
    region    = "eu-west-1"
    variables = { aws_subnet = "subnet-1", aws_public_ip = false }
  }
  base "azure" {
    gallery = "/subscriptions/x"
    region  = "westeurope"
  }
  base "qemu" {
    disk      = "x"
    variables = { qemu_memory = 4096, qemu_args = [["-cpu", "host"]] }
  }
  publish "aws" {
    regions  = ["us-west-2"]
    accounts = ["123456789012"]
    encrypt  = true
    kms_key  = "alias/images"
    region_kms_keys = { us-west-2 = "alias/images" }
  }
  publish "azure" {
    resource_group = "images"
  }
}
`

// TestPublish: what an image inherits of where it goes, what it adds, and what it drops.
func TestPublish(t *testing.T) {
	images := load(t, cloudy+`
image "more" {
  extends = "shared"
  base "aws" {
    variables = { aws_subnet = "subnet-2", aws_security_groups = ["sg-1"] }
  }
  publish "aws" {
    regions = ["us-east-2"]
    region_kms_keys = { us-east-2 = "alias/other" }
  }
  publish "azure" {
    gallery = "workers"
    image   = "linux"
    regions = ["eastus"]
  }
}
image "less" {
  extends = "shared"
  targets = ["azure", "qemu"]
  replace = ["publish.azure"]
}
image "elsewhere" {
  extends = "shared"
  replace = ["publish", "base.aws", "base.azure"]
}
`, define.Options{})
	if got := names(images); !slices.Equal(got, []string{"more", "less", "elsewhere"}) {
		t.Fatalf("got %v", got)
	}
	want := map[packer.Target]packer.Publish{
		packer.AWS: {
			Regions: []string{"us-west-2", "us-east-2"}, Accounts: []string{"123456789012"}, Encrypt: true, KMSKey: "alias/images",
			RegionKMSKeys: map[string]string{"us-west-2": "alias/images", "us-east-2": "alias/other"},
		},
		packer.Azure: {ResourceGroup: "images", Gallery: "workers", Image: "linux", Regions: []string{"eastus"}},
	}
	if diff := cmp.Diff(want, images[0].Publish); diff != "" {
		t.Error(diff)
	}
	variables := map[string]any{"aws_subnet": "subnet-2", "aws_public_ip": false, "aws_security_groups": []any{"sg-1"}}
	if diff := cmp.Diff(variables, images[0].Bases[packer.AWS].Variables); diff != "" {
		t.Error(diff)
	}
	for key, want := range map[string]string{
		"publish.aws.regions[0]": "images/a.hcl:21", "publish.aws.regions[1]": "images/a.hcl:38",
		"publish.aws.region_kms_keys.us-east-2": "images/a.hcl:39", "base.aws.variables.aws_subnet": "images/a.hcl:35",
	} {
		if got := images[0].From[key]; got != want {
			t.Errorf("%s comes from %q, want %q", key, got, want)
		}
	}
	if images[1].Publish != nil || images[2].Publish != nil {
		t.Errorf("published without a target, or though replaced: %v, %v", images[1].Publish, images[2].Publish)
	}
	if got := images[0].For(packer.QEMU); got.Publish != nil || got.Bases[packer.QEMU].Variables["qemu_memory"] != int64(4096) {
		t.Errorf("the local disk is published, or has lost its variables: %+v", got)
	}
}

// TestVariablesSetElsewhere: a variable of a template that is renamed must be renamed here.
func TestVariablesSetElsewhere(t *testing.T) {
	known, err := templates.Variables()
	if err != nil {
		t.Fatal(err)
	}
	for name := range define.SetElsewhere() {
		if _, ok := known[name]; !ok {
			t.Errorf("the templates have no variable %s", name)
		}
	}
}
