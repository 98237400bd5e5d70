package render

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/workerkit/workerkit/packer"
)

// field is a part of a template that packer 1.6.6 does not know.
type field struct{ name, text string }

// newerFields are those that an image wants in a target. With packer 1.7 the builders became
// plugins, whose versions we require: there are no versions between.
func newerFields(image packer.Image, t packer.Target) []field {
	switch t {
	case packer.AWS:
		all := []field{
			{"imds_support", "  imds_support = \"v2.0\"\n"},
			{"metadata_options", "  metadata_options {\n    http_endpoint = \"enabled\"\n    http_tokens   = \"required\"\n  }\n"},
		}
		if image.Windows() { // its password comes encrypted with an RSA key
			return all
		}
		return append(all, field{"temporary_key_pair_type", "  temporary_key_pair_type = \"ed25519\"\n"})
	case packer.GCP:
		arch := "X86_64"
		if image.Arch == "arm64" {
			arch = "ARM64"
		}
		return []field{
			{"image_architecture", fmt.Sprintf("  image_architecture      = %q\n", arch)},
			{"image_guest_os_features", "  image_guest_os_features = [\"UEFI_COMPATIBLE\", \"GVNIC\", \"VIRTIO_SCSI_MULTIQUEUE\"]\n"},
		}
	case packer.QEMU:
		if image.Arch == "arm64" {
			return []field{{"efi_boot", "  efi_boot = true\n"}}
		}
	}
	return nil
}

// fields is the text that takes the place of the template's mark.
func fields(image packer.Image, t packer.Target, newer bool) string {
	if !newer {
		return ""
	}
	var b strings.Builder
	for _, f := range newerFields(image, t) {
		b.WriteString(f.text)
	}
	if b.Len() > 0 {
		b.WriteString("\n")
	}
	return b.String()
}

// missing names the fields that an old packer has to do without.
func missing(image packer.Image, targets []packer.Target, newer, allowIMDSv1 bool) ([]string, error) {
	if newer {
		return nil, nil
	}
	if slices.Contains(targets, packer.AWS) && !allowIMDSv1 {
		return nil, fmt.Errorf("%w (imds_support and metadata_options are not in packer before 1.7): take a newer packer, or allow IMDSv1 (--allow-imdsv1)", ErrIMDSv1)
	}
	var warnings []string
	for _, t := range targets {
		for _, f := range newerFields(image, t) {
			warnings = append(warnings, fmt.Sprintf("%s: packer is too old for %s (needs 1.7 with plugins)", t, f.name))
		}
	}
	return warnings, nil
}

// atLeast compares a version of packer.
func atLeast(version string, major, minor int) (bool, error) {
	if version == "" {
		return false, nil
	}
	parts := strings.Split(strings.TrimPrefix(version, "v"), ".")
	if len(parts) < 2 {
		return false, fmt.Errorf("packer's version %q is none", version)
	}
	have, err := strconv.Atoi(parts[0])
	if err != nil {
		return false, fmt.Errorf("packer's version %q is none", version)
	}
	haveMinor, err := strconv.Atoi(parts[1])
	if err != nil {
		return false, fmt.Errorf("packer's version %q is none", version)
	}
	return have > major || have == major && haveMinor >= minor, nil
}

// plugins is the block that packer before 1.7 takes for an error.
func plugins(targets []packer.Target) string {
	var b strings.Builder
	b.WriteString("packer {\n  required_plugins {\n")
	for _, t := range targets {
		name, version := plugin(t)
		fmt.Fprintf(&b, "    %s = {\n      source  = \"github.com/hashicorp/%s\"\n      version = \"~> %s\"\n    }\n", name, name, version)
	}
	b.WriteString("  }\n}\n")
	return b.String()
}

// plugin returns the name and the version from which on a target's plugin knows our fields.
func plugin(t packer.Target) (name, version string) {
	switch t {
	case packer.AWS:
		return "amazon", "1.3"
	case packer.GCP:
		return "googlecompute", "1.1"
	case packer.Azure:
		return "azure", "1.4"
	case packer.QEMU:
		return "qemu", "1.0"
	}
	return string(t), "1.0"
}
