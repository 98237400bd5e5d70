package templates_test

import (
	"testing"

	"github.com/zclconf/go-cty/cty"

	"github.com/workerkit/workerkit/packer/templates"
)

func TestVariables(t *testing.T) {
	all, err := templates.Variables()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]templates.Variable{
		"name": {Type: cty.String}, "aws_public_ip": {Type: cty.Bool}, "qemu_memory": {Type: cty.Number},
		"aws_copy_to": {Type: cty.List(cty.String)}, "qemu_args": {Type: cty.List(cty.List(cty.String))},
		"azure_base_gallery": {Type: cty.Map(cty.String)}, "azure_client_secret": {Type: cty.String, Sensitive: true},
	} {
		if got, ok := all[name]; !ok || !got.Type.Equals(want.Type) || got.Sensitive != want.Sensitive {
			t.Errorf("%s is %+v, want %+v", name, got, want)
		}
	}
}
