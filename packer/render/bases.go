package render

import (
	"fmt"
	"strings"

	"github.com/workerkit/workerkit/packer"
)

// base sets the variables of one target.
func base(all map[string]any, image packer.Image, t packer.Target) error {
	b := image.Bases[t]
	arm := image.Arch == "arm64"
	machine := func(forARM string) string {
		if b.MachineType == "" && arm { // the template's default is not for it
			return forARM
		}
		return b.MachineType
	}
	switch t {
	case packer.AWS:
		user, device := "admin", "/dev/xvda"
		if !strings.HasPrefix(image.OS, "debian-") {
			user, device = "ubuntu", "/dev/sda1"
		}
		all["aws_region"], all["aws_instance_type"] = b.Region, machine("t4g.medium")
		all["aws_source_ami"], all["aws_source_owner"], all["aws_source_filter"] = b.ID, b.Owner, b.Filter
		all["aws_ssh_user"], all["aws_root_device"] = user, device
	case packer.GCP:
		all["gcp_zone"], all["gcp_machine_type"] = b.Zone, machine("t2a-standard-2")
		all["gcp_source_image"], all["gcp_source_family"], all["gcp_source_project"] = b.ID, b.Family, b.Project
		all["gcp_labels"] = labels(image.Tags)
		if image.Windows() {
			all["gcp_metadata"] = map[string]string{"sysprep-specialize-script-cmd": "winrm quickconfig -quiet & net user /add packer & net localgroup administrators packer /add"}
		}
	case packer.Azure:
		all["azure_location"], all["azure_vm_size"] = b.Region, machine("Standard_D2ps_v5")
		return azureBase(all, b)
	case packer.QEMU:
		all["qemu_disk"] = b.Disk
		if b.SHA256 != "" {
			all["qemu_disk_checksum"] = "sha256:" + b.SHA256
		}
		all["qemu_machine"] = machine("virt")
		if arm {
			all["qemu_binary"] = "qemu-system-aarch64"
		}
	}
	return nil
}

func azureBase(all map[string]any, b packer.Base) error {
	version := b.Version
	if b.ID != "" {
		version = b.ID
	}
	if b.Gallery == "" {
		all["azure_publisher"], all["azure_offer"], all["azure_sku"], all["azure_base_version"] = b.Publisher, b.Offer, b.SKU, version
		return nil
	}
	parts := map[string]string{}
	path := strings.Split(strings.Trim(b.Gallery, "/"), "/")
	for i := 0; i+1 < len(path); i += 2 {
		parts[strings.ToLower(path[i])] = path[i+1]
	}
	for _, name := range []string{"subscriptions", "resourcegroups", "galleries", "images"} {
		if parts[name] == "" {
			return fmt.Errorf("azure: %q is no id of an image in a gallery: it lacks %s", b.Gallery, name)
		}
	}
	if version == "" {
		version = parts["versions"]
	}
	all["azure_base_gallery"] = map[string]string{
		"subscription": parts["subscriptions"], "resource_group": parts["resourcegroups"],
		"gallery_name": parts["galleries"], "image_name": parts["images"], "image_version": version,
	}
	// With the defaults of the template there would be two bases.
	for _, name := range []string{"azure_publisher", "azure_offer", "azure_sku"} {
		all[name] = none{}
	}
	return nil
}

// none is an empty string that is meant.
type none struct{}

// labels are tags as Google allows them.
func labels(tags map[string]string) map[string]string {
	all := make(map[string]string, len(tags))
	for name, text := range tags {
		all[cut(label(name))] = cut(label(text))
	}
	return all
}

// label is a slug that may have underscores.
func label(text string) string {
	parts := strings.Split(text, "_")
	for i := range parts {
		parts[i] = slug(parts[i])
	}
	return strings.Join(parts, "_")
}

func cut(s string) string { return s[:min(len(s), 63)] }
