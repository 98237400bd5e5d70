// Package packer turns image definitions into worker images: it holds what a definition says
// once everything in it is resolved. Folders below it read definitions, render what packer
// needs, run packer, and keep the record.
package packer

import "strings"

// Target is where an image can be built.
type Target string

// The targets.
const (
	AWS   Target = "aws"
	GCP   Target = "gcp"
	Azure Target = "azure"
	QEMU  Target = "qemu" // a local disk
)

// Targets lists all targets, in the order in which they are shown.
func Targets() []Target { return []Target{AWS, GCP, Azure, QEMU} }

// Image is one image, with extends, matrix, locals and variables resolved. It holds no secrets:
// only scripts may use them, and name them. In JSON the members have the names that they have in
// the language of the definitions.
type Image struct {
	Name        string             `json:"name"` // valid as an image's name in every cloud, with room for a date
	Description string             `json:"description,omitempty"`
	OS          string             `json:"os"`                // one of OSes
	Arch        string             `json:"arch"`              // one of Arches
	Bases       map[Target]Base    `json:"bases"`             // one for each of Targets
	Publish     map[Target]Publish `json:"publish,omitempty"` // of some of Targets
	Size        int                `json:"size"`              // of the disk, in GiB
	Worker      Worker             `json:"worker"`
	Packages    []string           `json:"packages,omitempty"` // of the system's package manager, in their order
	Files       []File             `json:"files,omitempty"`
	Downloads   []Download         `json:"downloads,omitempty"`
	Scripts     []Script           `json:"scripts,omitempty"`
	Services    []Service          `json:"services,omitempty"`
	Environment map[string]string  `json:"environment,omitempty"` // of the worker's service
	Storage     Storage            `json:"storage"`
	Hardening   Hardening          `json:"hardening"`
	Tests       []Test             `json:"tests,omitempty"`
	Tags        map[string]string  `json:"tags,omitempty"`
	Targets     []Target           `json:"targets"` // in the order of the function Targets

	// From says for each value where it comes from: "images/linux.hcl:12", "default", "lock". Its
	// keys are the paths that the definition's language has for them: "worker.engine",
	// "packages[2]", "base.aws.filter", "file[\"/etc/motd\"].mode".
	From map[string]string `json:"from,omitempty"`
}

// OSes lists the operating systems that an image can have.
func OSes() []string {
	return []string{"debian-12", "debian-13", "ubuntu-22.04", "ubuntu-24.04", "windows-2022", "windows-2025"}
}

// Arches lists the processor architectures that an image can be for.
func Arches() []string { return []string{"amd64", "arm64"} }

// Windows tells whether the image runs Windows; else it runs a Linux.
func (i Image) Windows() bool { return strings.HasPrefix(i.OS, "windows-") }

// For returns the image as it is in some of its targets: without what it says of the others.
func (i Image) For(targets ...Target) Image {
	bases := map[Target]Base{}
	var publish map[Target]Publish
	for _, t := range targets {
		bases[t] = i.Bases[t]
		if p, ok := i.Publish[t]; ok {
			if publish == nil {
				publish = map[Target]Publish{}
			}
			publish[t] = p
		}
	}
	i.Targets, i.Bases, i.Publish = targets, bases, publish
	return i
}

// Base is what an image is built upon, in one target. Which members count depends on it.
type Base struct {
	// AWS
	Owner  string `json:"owner,omitempty"`  // of the AMI: an account, "amazon", "self"
	Filter string `json:"filter,omitempty"` // for its name: "debian-12-amd64-*"
	// GCP
	Project string `json:"project,omitempty"`
	Family  string `json:"family,omitempty"`
	// Azure: an image of the marketplace, or the id of one in a gallery
	Publisher string `json:"publisher,omitempty"`
	Offer     string `json:"offer,omitempty"`
	SKU       string `json:"sku,omitempty"`
	Version   string `json:"version,omitempty"`
	Gallery   string `json:"gallery,omitempty"`
	// QEMU: a disk image by URL or path, with its digest
	Disk   string `json:"disk,omitempty"`
	SHA256 string `json:"sha256,omitempty"`

	// ID pins the base exactly: an AMI, an image's name, a version. It comes from the lock file.
	ID string `json:"id,omitempty"`

	// Where and on what the build runs.
	Region      string `json:"region,omitempty"`
	Zone        string `json:"zone,omitempty"`
	MachineType string `json:"machine_type,omitempty"`

	// Variables sets variables of the templates that nothing else here sets, such as aws_subnet.
	// Values are texts, numbers, flags, and lists and maps of them, as JSON has them.
	Variables map[string]any `json:"variables,omitempty"`
}

// Publish says where in a cloud the finished image goes besides the region that builds it, how it
// is encrypted, and who may use it. Which members count depends on the target.
type Publish struct {
	Regions []string `json:"regions,omitempty"` // AWS, Azure: get a copy; not that of the base
	KMSKey  string   `json:"kms_key,omitempty"` // AWS, GCP: encrypts; one's own, not the account's
	// AWS
	Accounts      []string          `json:"accounts,omitempty"` // may use the image and its copies
	Encrypt       bool              `json:"encrypt,omitempty"`
	RegionKMSKeys map[string]string `json:"region_kms_keys,omitempty"` // of the copies, by region: of all of them, or none
	// GCP
	Locations []string `json:"locations,omitempty"` // where it is stored
	// Azure
	ResourceGroup        string `json:"resource_group,omitempty"` // of the managed image
	Gallery              string `json:"gallery,omitempty"`        // gets a version of Image; none when empty
	GalleryResourceGroup string `json:"gallery_resource_group,omitempty"`
	Image                string `json:"image,omitempty"` // the image definition in the gallery
}

// Worker says which worker the image runs.
type Worker struct {
	Engine  string         `json:"engine,omitempty"` // workerkit.engine
	Version string         `json:"version"`          // of start-worker and generic-worker
	Config  map[string]any `json:"config,omitempty"` // the image's layer of the worker's configuration
	Runner  map[string]any `json:"runner,omitempty"` // the image's layer of the runner's configuration
}

// File is a file in the image.
type File struct {
	Path    string `json:"path"` // absolute
	Owner   string `json:"owner,omitempty"`
	Group   string `json:"group,omitempty"`
	Mode    string `json:"mode,omitempty"` // octal: "0644"
	Content string `json:"content,omitempty"`
	Source  string `json:"source,omitempty"` // a file in the folder of the definitions, instead of Content; with slashes
}

// Download is a file that is fetched during the build and checked.
type Download struct {
	URL    string `json:"url"`
	SHA256 string `json:"sha256,omitempty"` // in lower case; empty when neither definition nor lock file has it
	Path   string `json:"path"`             // absolute
	Mode   string `json:"mode,omitempty"`   // octal
	Unpack bool   `json:"unpack,omitempty"` // an archive, unpacked at Path
}

// Script is run during the build, in the order of the definition.
type Script struct {
	Name        string            `json:"name"`
	Source      string            `json:"source,omitempty"` // as File.Source
	Content     string            `json:"content,omitempty"`
	Environment map[string]string `json:"environment,omitempty"`
	// Secrets are variables of the script's environment whose values are read when it runs. No
	// name is in Environment as well.
	Secrets map[string]Secret `json:"secrets,omitempty"`
}

// Secret says where a secret is, and never holds it: "env:NAME" is a variable of the environment
// of whoever builds, "file:/path" a file there.
type Secret string

// Service is a unit of the system's service manager.
type Service struct {
	Name    string `json:"name"`
	Enabled bool   `json:"enabled"`
	Unit    string `json:"unit,omitempty"` // its text, for one that the image brings along
}

// Storage says what to do with the ephemeral disks that a machine has, at each boot.
type Storage struct {
	Use        bool     `json:"use"`
	FileSystem string   `json:"file_system,omitempty"` // "ext4", "xfs"; "ntfs" on Windows
	Mount      string   `json:"mount,omitempty"`       // where the volume is mounted
	For        []string `json:"for,omitempty"`         // "tasks", "caches", "downloads"
}

// Hardening closes what a worker does not need.
type Hardening struct {
	BlockMetadata bool `json:"block_metadata"` // the metadata service is closed to task users
	SSH           bool `json:"ssh"`            // leaves sshd running
	TimeSync      bool `json:"time_sync"`
}

// Test is a command that must succeed in the finished image.
type Test struct {
	Name    string `json:"name"`
	Command string `json:"command"`
}
