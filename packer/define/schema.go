package define

import (
	"slices"

	"github.com/workerkit/workerkit/packer"
)

// kind is the type of an attribute.
type kind int

const (
	text     kind = iota // a text; no number, or 0644 would lose its octal meaning
	whole                // a whole number above zero
	flag                 // true or false
	texts                // a list of texts
	textMap              // a map of texts; numbers and flags become texts
	envMap               // a textMap that takes secrets
	object               // a map of anything
	anything             // whatever the language has
)

func (k kind) String() string {
	return [...]string{
		"a text", "a whole number above zero", "true or false", "a list of texts", "a map of texts",
		"a map of texts", "a map", "a value",
	}[k]
}

// attribute is what the schema says of one attribute.
type attribute struct {
	kind     kind
	required bool
	check    func(string) error // of a text, of each text of a list, of each key of a map; may be nil
	value    func(string) error // of each text of a map; may be nil
}

// block is what the schema says of one type of block.
type block struct {
	label  string             // what its label says; "" when it has none
	check  func(string) error // of the label; may be nil
	body   *schema
	bodies map[string]*schema // by label, where the label decides; then body is nil
}

// schema is what may stand in a body.
type schema struct {
	attributes map[string]attribute
	blocks     map[string]block
	// either and or exclude each other: an image that sets one of them drops the inherited others.
	either, or []string
	each       *schema // of every field whatever its key; only while trees are merged
}

func fileSchema() *schema {
	variable := &schema{attributes: map[string]attribute{
		"default": {kind: anything}, "description": {kind: text}, "sensitive": {kind: flag},
	}}
	return &schema{blocks: map[string]block{
		"image":    {label: "name", check: checkName, body: imageSchema()},
		"locals":   {body: nil}, // any attributes
		"variable": {label: "name", check: checkIdentifier, body: variable},
	}}
}

func imageSchema() *schema {
	return &schema{
		attributes: map[string]attribute{
			"name":        {kind: text, check: checkName},
			"extends":     {kind: text},
			"abstract":    {kind: flag},
			"replace":     {kind: texts},
			"description": {kind: text},
			"os":          {kind: text, required: true, check: oneOf("an operating system", packer.OSes())},
			"arch":        {kind: text, required: true, check: oneOf("an architecture", packer.Arches())},
			"size":        {kind: whole},
			"packages":    {kind: texts, check: checkPackage},
			"environment": {kind: textMap, check: checkVariable},
			"tags":        {kind: textMap, check: checkTag, value: checkTagValue},
			"targets":     {kind: texts, check: oneOf("a target", targetNames())},
		},
		blocks: map[string]block{
			"matrix":    {body: nil},
			"base":      {label: "target", check: oneOf("a target", targetNames()), bodies: baseSchemas()},
			"publish":   {label: "cloud", check: oneOf("a cloud", cloudNames()), bodies: publishSchemas()},
			"worker":    {body: workerSchema()},
			"file":      {label: "path", body: fileBlockSchema()},
			"download":  {label: "path", body: downloadSchema()},
			"script":    {label: "name", check: checkLabel, body: scriptSchema()},
			"service":   {label: "name", check: checkLabel, body: serviceSchema()},
			"storage":   {body: storageSchema()},
			"hardening": {body: hardeningSchema()},
			"test":      {label: "name", check: checkNotEmpty, body: testSchema()},
		},
	}
}

func workerSchema() *schema {
	return &schema{attributes: map[string]attribute{
		"engine":  {kind: text, check: oneOf("an engine", engines())},
		"version": {kind: text, check: checkVersion},
		"config":  {kind: object},
		"runner":  {kind: object},
	}}
}

// engines are those of generic-worker.
func engines() []string { return []string{"container", "insecure", "mock", "multiuser"} }

func fileBlockSchema() *schema {
	return &schema{
		attributes: map[string]attribute{
			"owner": {kind: text, check: checkLabel}, "group": {kind: text, check: checkLabel}, "mode": {kind: text, check: checkMode},
			"content": {kind: text}, "source": {kind: text, check: checkSource},
		},
		either: []string{"content"}, or: []string{"source"},
	}
}

func downloadSchema() *schema {
	return &schema{attributes: map[string]attribute{
		"url": {kind: text, required: true, check: checkURL}, "sha256": {kind: text, check: checkSHA256},
		"mode": {kind: text, check: checkMode}, "unpack": {kind: flag},
	}}
}

func scriptSchema() *schema {
	return &schema{
		attributes: map[string]attribute{
			"content": {kind: text, check: checkNotEmpty}, "source": {kind: text, check: checkSource},
			"environment": {kind: envMap, check: checkVariable},
		},
		either: []string{"content"}, or: []string{"source"},
	}
}

func serviceSchema() *schema {
	return &schema{attributes: map[string]attribute{"enabled": {kind: flag}, "unit": {kind: text}}}
}

func storageSchema() *schema {
	return &schema{attributes: map[string]attribute{
		"use": {kind: flag}, "file_system": {kind: text, check: oneOf("a file system", []string{"ext4", "xfs", "ntfs"})},
		"mount": {kind: text}, "for": {kind: texts, check: oneOf("a use of storage", []string{"tasks", "caches", "downloads"})},
	}}
}

func hardeningSchema() *schema {
	return &schema{attributes: map[string]attribute{"block_metadata": {kind: flag}, "ssh": {kind: flag}, "time_sync": {kind: flag}}}
}

func testSchema() *schema {
	return &schema{attributes: map[string]attribute{"command": {kind: text, required: true, check: checkNotEmpty}}}
}

func baseSchemas() map[string]*schema {
	must, may := attribute{kind: text, required: true, check: checkNotEmpty}, attribute{kind: text, check: checkNotEmpty}
	more := attribute{kind: object} // see settings.go
	return map[string]*schema{
		string(packer.AWS): {attributes: map[string]attribute{
			"owner": may, "filter": may, "id": may, "region": must, "machine_type": may, "variables": more,
		}},
		string(packer.GCP): {attributes: map[string]attribute{
			"project": must, "family": may, "id": may, "zone": must, "machine_type": may, "variables": more,
		}},
		string(packer.Azure): {
			attributes: map[string]attribute{
				"publisher": may, "offer": may, "sku": may, "version": may, "gallery": may, "id": may, "region": must, "machine_type": may,
				"variables": more,
			},
			either: []string{"gallery"}, or: []string{"publisher", "offer", "sku", "version"},
		},
		string(packer.QEMU): {attributes: map[string]attribute{
			"disk": {kind: text, required: true, check: checkDisk}, "sha256": {kind: text, check: checkSHA256}, "machine_type": may,
			"variables": more,
		}},
	}
}

// publishSchemas are those of the blocks that say where an image goes; publish.go checks the rest.
func publishSchemas() map[string]*schema {
	resource := attribute{kind: text, check: checkResource}
	return map[string]*schema{
		string(packer.AWS): {attributes: map[string]attribute{
			"regions": {kind: texts, check: checkAWSRegion}, "accounts": {kind: texts, check: checkAccount}, "encrypt": {kind: flag},
			"kms_key": {kind: text, check: checkAWSKey}, "region_kms_keys": {kind: textMap, check: checkAWSRegion, value: checkAWSKey},
		}},
		string(packer.GCP): {attributes: map[string]attribute{
			"locations": {kind: texts, check: checkLocation}, "kms_key": {kind: text, check: checkGCPKey},
		}},
		string(packer.Azure): {attributes: map[string]attribute{
			"resource_group": resource, "gallery": resource, "gallery_resource_group": resource, "image": resource,
			"regions": {kind: texts, check: checkAzureRegion},
		}},
	}
}

func targetNames() []string {
	var names []string
	for _, t := range packer.Targets() {
		names = append(names, string(t))
	}
	return names
}

// cloudNames are the targets that are clouds: a local disk is published by copying it.
func cloudNames() []string {
	return slices.DeleteFunc(targetNames(), func(name string) bool { return name == string(packer.QEMU) })
}
