// Package render writes what packer needs to build an image: templates, variables, scripts and
// the image's own files, in a folder that packer also understands without us.
package render

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/templates"
)

// ErrIMDSv1 is what Render returns for an image of AWS that would let its machines be asked for
// their credentials without a session token (IMDSv1), when that was not allowed.
var ErrIMDSv1 = errors.New("this packer cannot make an AWS image that requires IMDSv2")

// Options are what is not in the definition of an image.
type Options struct {
	// PackerVersion is the version of the packer that will build, such as "1.6.6"; the oldest
	// that will do when empty.
	PackerVersion string
	// AllowIMDSv1 has AWS images made by a packer that is too old to require IMDSv2.
	AllowIMDSv1 bool
	// Folder is the folder of the definitions, for the files that they name. It may be nil when
	// they name none.
	Folder fs.FS
	// Version ends the name of what is built. When empty, the time of the build does.
	Version string
	// Definition is the hash of the definition, for tags and manifest.
	Definition string
	// Programs is the folder with start-worker and generic-worker for the image's system. When
	// empty it is "programs" in packer's working directory.
	Programs string
	// Variables sets further variables of the templates, and wins over what the definition says.
	// Values are strings, integers, booleans, []string, [][]string and map[string]string.
	Variables map[string]any
}

// Render writes the image for the targets into dir, and replaces what an earlier Render wrote
// there. What else is in such a folder stays; one that is not empty and was not rendered is an
// error. The same arguments give the same bytes. Either all of it is written or nothing. The warnings name what the packer of that version
// cannot do.
func Render(dir string, image packer.Image, targets []packer.Target, o Options) (warnings []string, err error) {
	files, warnings, err := Files(image, targets, o)
	if err != nil {
		return nil, err
	}
	if err := write(dir, files); err != nil {
		return nil, fmt.Errorf("render %s: %w", image.Name, err)
	}
	return warnings, nil
}

// Files returns what Render writes: the content of each file, by its path in the folder, with
// slashes.
func Files(image packer.Image, targets []packer.Target, o Options) (files map[string]string, warnings []string, err error) {
	files, warnings, err = compose(image, targets, o)
	if err != nil {
		return nil, nil, fmt.Errorf("render %s: %w", image.Name, err)
	}
	return files, warnings, nil
}

func compose(image packer.Image, targets []packer.Target, o Options) (map[string]string, []string, error) {
	targets, err := check(image, targets)
	if err != nil {
		return nil, nil, err
	}
	newer, err := atLeast(o.PackerVersion, 1, 7)
	if err != nil {
		return nil, nil, err
	}
	warnings, err := missing(image, targets, newer, o.AllowIMDSv1)
	if err != nil {
		return nil, nil, err
	}
	files := map[string]string{}
	if err := copyTemplates(files, image, targets, newer); err != nil {
		return nil, nil, err
	}
	if newer {
		files["plugins.pkr.hcl"] = plugins(targets)
	}
	variables, err := variables(image, targets, o)
	if err != nil {
		return nil, nil, err
	}
	files[VariablesFile] = variables
	if err := content(files, image, targets, o.Folder); err != nil {
		return nil, nil, err
	}
	return files, warnings, nil
}

// Names of files in a rendered folder that the build uses.
const (
	VariablesFile = "image.pkrvars.hcl"
	SecretsFile   = "secrets.json" // variable in PKR_VAR_secrets -> packer.Secret; absent without secrets
)

// Source is what -only names to build the image in a target.
func Source(image packer.Image, t packer.Target) string {
	system := "linux"
	if image.Windows() {
		system = "windows"
	}
	return system + "." + Builder(t) + ".image"
}

// Builder is packer's name of the builder for a target.
func Builder(t packer.Target) string {
	switch t {
	case packer.AWS:
		return "amazon-ebs"
	case packer.GCP:
		return "googlecompute"
	case packer.Azure:
		return "azure-arm"
	case packer.QEMU:
		return "qemu"
	}
	return string(t)
}

// check returns the targets without repetition, in their usual order.
func check(image packer.Image, targets []packer.Target) ([]packer.Target, error) {
	if len(targets) == 0 {
		return nil, errors.New("no target")
	}
	var sorted []packer.Target
	for _, t := range packer.Targets() {
		if slices.Contains(targets, t) {
			sorted = append(sorted, t)
		}
	}
	for _, t := range targets {
		if !slices.Contains(sorted, t) {
			return nil, fmt.Errorf("no target %q", t)
		}
		if _, ok := image.Bases[t]; !ok {
			return nil, fmt.Errorf("the definition has no base for %s", t)
		}
	}
	if image.Windows() && slices.Contains(sorted, packer.QEMU) {
		return nil, errors.New("there is no base for Windows on qemu")
	}
	return sorted, nil
}

// copyTemplates takes from the templates what the image's system and targets need.
func copyTemplates(files map[string]string, image packer.Image, targets []packer.Target, newer bool) error {
	system, other := "linux", "windows"
	if image.Windows() {
		system, other = other, system
	}
	skip := func(name string) bool {
		if name == other+".pkr.hcl" || strings.HasPrefix(name, "scripts/"+other+"/") {
			return true
		}
		return image.Windows() && strings.HasPrefix(name, "root/") || slices.ContainsFunc(packer.Targets(), func(t packer.Target) bool {
			return name == string(t)+".pkr.hcl" && !slices.Contains(targets, t)
		})
	}
	all, err := committed()
	if err != nil {
		return err
	}
	for name, text := range all {
		if skip(name) {
			continue
		}
		switch t := packer.Target(strings.TrimSuffix(name, ".pkr.hcl")); {
		case name == system+".pkr.hcl":
			text = onlySources(text, targets)
		case slices.Contains(targets, t):
			text = strings.Replace(text, "  # More for newer packers: "+string(t)+"\n\n", fields(image, t, newer), 1)
		}
		files[name] = text
	}
	return nil
}

// committed reads the templates.
func committed() (map[string]string, error) {
	all := map[string]string{}
	files := templates.Files()
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, name)
		all[name] = string(data)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read templates: %w", err)
	}
	return all, nil
}

// onlySources takes the sources of other targets out of a build: a newer packer would ask for
// their plugins.
func onlySources(text string, targets []packer.Target) string {
	for _, t := range packer.Targets() {
		if !slices.Contains(targets, t) {
			text = strings.Replace(text, "    \"source."+Builder(t)+".image\",\n", "", 1)
		}
	}
	return text
}
