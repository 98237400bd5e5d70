package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/workerkit/workerkit/internal/nearest"
	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/define"
)

// load reads the definitions.
func (p *program) load() ([]packer.Image, error) {
	if _, err := os.Stat(p.folder); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no folder %s of definitions; --images names another", p.folder)
	}
	return define.Load(p.folder, p.options)
}

// loadSome reads the definitions and takes the images that are named, in the order of the names;
// all when none is.
func (p *program) loadSome(names []string) ([]packer.Image, error) {
	all, err := p.load()
	if err != nil || len(names) == 0 {
		return all, err
	}
	var some []packer.Image
	for _, name := range names {
		image, err := find(all, name)
		if err != nil {
			return nil, err
		}
		some = append(some, image)
	}
	return some, nil
}

// find takes the image of a name.
func find(all []packer.Image, name string) (packer.Image, error) {
	var names []string
	for _, image := range all {
		if image.Name == name {
			return image, nil
		}
		names = append(names, image.Name)
	}
	near := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !strings.HasPrefix(n, name+"-") })
	if one, ok := nearest.Name(name, names); ok && len(near) == 0 {
		near = []string{one}
	}
	return packer.Image{}, unknown("image", name, near, "worker-images list shows all images.")
}

func unknown(what, name string, near []string, hint string) error {
	m := &misuse{text: fmt.Sprintf("there is no %s %q", what, name), hint: hint}
	if len(near) > 0 {
		m.text += "; perhaps you meant " + strings.Join(near, " or ")
	}
	return m
}

// narrow leaves of each image only the targets that are named; all when none is. Of an image that
// was asked for by its name, each target must be there.
func narrow(images []packer.Image, names []string, byName bool) ([]packer.Image, error) {
	targets, err := targetsOf(names)
	if err != nil || len(targets) == 0 {
		return images, err
	}
	var narrowed []packer.Image
	for _, image := range images {
		var left []packer.Target
		for _, t := range targets {
			switch {
			case slices.Contains(image.Targets, t):
				left = append(left, t)
			case byName:
				return nil, &misuse{text: fmt.Sprintf("the image %s has no target %s", image.Name, t), hint: fmt.Sprintf("It has %s.", join(image.Targets))}
			}
		}
		if len(left) > 0 {
			narrowed = append(narrowed, image.For(left...))
		}
	}
	if len(narrowed) == 0 {
		return nil, &misuse{text: "no image has the target " + join(targets)}
	}
	return narrowed, nil
}

// targetsOf turns the words of --target into targets.
func targetsOf(words []string) ([]packer.Target, error) {
	var targets []packer.Target
	for _, word := range words {
		t := packer.Target(word)
		if !slices.Contains(packer.Targets(), t) {
			var names []string
			for _, known := range packer.Targets() {
				names = append(names, string(known))
			}
			var near []string
			if one, ok := nearest.Name(word, names); ok {
				near = []string{one}
			}
			return nil, unknown("target", word, near, "There are "+strings.Join(names, ", ")+".")
		}
		if !slices.Contains(targets, t) {
			targets = append(targets, t)
		}
	}
	return targets, nil
}

// join writes targets as a list.
func join(targets []packer.Target) string {
	var names []string
	for _, t := range targets {
		names = append(names, string(t))
	}
	return strings.Join(names, ", ")
}
