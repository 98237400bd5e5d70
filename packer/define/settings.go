package define

import (
	"maps"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/workerkit/workerkit/packer/templates"
)

// settings checks the variables of templates that the bases set.
func (e *evaluation) settings(tree *node) {
	each(tree.get("base"), func(target string, base *node) {
		given := base.get("variables")
		if given == nil || len(given.keys) == 0 {
			return
		}
		known, err := templates.Variables()
		if err != nil {
			e.fail(given.at, "Templates not read", "%s.", capital(err.Error()))
			return
		}
		for _, name := range given.keys {
			e.setting(target, name, given.fields[name], known)
		}
	})
}

func (e *evaluation) setting(target, name string, value *node, known map[string]templates.Variable) {
	elsewhere := setElsewhere()
	declared, ok := known[name]
	switch {
	case !ok || !strings.HasPrefix(name, target+"_"):
		e.fail(value.at, "Unknown variable", "The template of %s has no variable %q to set here%s.", target, name, perhaps(name, settable(target, known)))
	case declared.Sensitive:
		e.fail(value.at, "Secret in a definition", "%s is a secret: it comes from the environment of whoever builds.", name)
		e.problems[len(e.problems)-1].Extra = hidden
	case elsewhere[name] != "":
		e.fail(value.at, "Variable set elsewhere", "%s is what %s sets.", name, elsewhere[name])
	default:
		if _, err := convert.Convert(value.cty(), declared.Type); err != nil {
			e.fail(value.at, "Wrong type", "%s is %s, not %s.", name, typeName(declared.Type), describe(value))
		}
	}
}

// settable lists the variables of a target's template that a base may set, sorted.
func settable(target string, known map[string]templates.Variable) []string {
	elsewhere := setElsewhere()
	var names []string
	for _, name := range slices.Sorted(maps.Keys(known)) {
		if strings.HasPrefix(name, target+"_") && elsewhere[name] == "" && !known[name].Sensitive {
			names = append(names, name)
		}
	}
	return names
}

// setElsewhere says which part of a definition sets a variable. What only the operating system
// suggests, such as whom to log in as, is not among them.
func setElsewhere() map[string]string {
	return map[string]string{
		"aws_region": "region", "aws_instance_type": "machine_type", "aws_source_ami": "id", "aws_source_owner": "owner",
		"aws_source_filter": "filter", "aws_copy_to": "publish.aws.regions", "aws_share_with": "publish.aws.accounts",
		"aws_encrypt": "publish.aws.encrypt", "aws_kms_key": "publish.aws.kms_key", "aws_region_kms_keys": "publish.aws.region_kms_keys",
		"gcp_zone": "zone", "gcp_machine_type": "machine_type", "gcp_source_image": "id", "gcp_source_family": "family",
		"gcp_source_project": "project", "gcp_labels": "tags", "gcp_locations": "publish.gcp.locations", "gcp_kms_key": "publish.gcp.kms_key",
		"azure_location": "region", "azure_vm_size": "machine_type", "azure_publisher": "publisher", "azure_offer": "offer",
		"azure_sku": "sku", "azure_base_version": "version", "azure_base_gallery": "gallery",
		"azure_resource_group": "publish.azure.resource_group", "azure_gallery": "publish.azure.gallery",
		"azure_gallery_resource_group": "publish.azure.gallery_resource_group", "azure_gallery_image": "publish.azure.image",
		"azure_gallery_regions": "publish.azure.regions", "azure_gallery_version": "--image-version",
		"qemu_disk": "disk", "qemu_disk_checksum": "sha256", "qemu_machine": "machine_type",
	}
}

// cty is the value as the language of the templates has it.
func (n *node) cty() cty.Value {
	switch n.shape {
	case mapping:
		fields := map[string]cty.Value{}
		for key, part := range n.fields {
			fields[key] = part.cty()
		}
		return cty.ObjectVal(fields)
	case list:
		parts := make([]cty.Value, 0, len(n.list))
		for _, part := range n.list {
			parts = append(parts, part.cty())
		}
		return cty.TupleVal(parts)
	}
	return n.value
}

// typeName says what a variable of the templates takes.
func typeName(t cty.Type) string {
	switch {
	case t.IsListType():
		return "a list of " + parts(t.ElementType())
	case t.IsMapType():
		return "a map of " + parts(t.ElementType())
	}
	return describeType(t)
}

// parts are several of a type.
func parts(t cty.Type) string {
	switch {
	case t.IsListType():
		return "lists of " + parts(t.ElementType())
	case t == cty.String:
		return "texts"
	}
	return t.FriendlyName() + "s"
}
