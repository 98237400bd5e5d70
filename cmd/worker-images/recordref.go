package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/workerkit/workerkit/internal/nearest"
	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/ledger"
	"github.com/workerkit/workerkit/packer/record"
)

// recordHelp explains how commands name records.
const recordHelp = "A record is named NAME/VERSION/TARGET, or NAME@CHANNEL/TARGET for the version that a channel of the\n" +
	"ledger has now, or by its folder."

// maxListed is how many records an error names.
const maxListed = 8

// choice is one record or several of one version: a folder, or what is known of their name.
type choice struct {
	word    string
	dirs    map[packer.Target]string // the folders
	targets []packer.Target          // their keys, in the order of all targets
}

// choose finds the records that a word names.
func (p *program) choose(word string) (choice, error) {
	if _, err := os.Stat(filepath.Join(word, record.ManifestFile)); err == nil {
		r, _, err := record.Read(word)
		if err != nil {
			return choice{}, err
		}
		return choice{word, map[packer.Target]string{r.Target: word}, []packer.Target{r.Target}}, nil
	}
	all, err := record.List(p.records)
	if err != nil {
		return choice{}, err
	}
	ref, err := p.refOf(word)
	if err != nil {
		return choice{}, err
	}
	c := choice{word: word, dirs: map[packer.Target]string{}}
	for _, one := range all {
		if one.Image == ref.Image && one.Version == ref.Version && (ref.Target == "" || one.Target == ref.Target) {
			c.dirs[one.Target] = one.Dir(p.records)
		}
	}
	for _, t := range packer.Targets() {
		if c.dirs[t] != "" {
			c.targets = append(c.targets, t)
		}
	}
	if len(c.targets) == 0 {
		return c, p.noRecord(ref, all)
	}
	return c, nil
}

// refOf reads NAME/VERSION[/TARGET] and NAME@CHANNEL[/TARGET].
func (p *program) refOf(word string) (record.Ref, error) {
	parts := strings.Split(word, "/")
	if name, channel, ok := strings.Cut(parts[0], "@"); ok {
		path := filepath.Join(p.folder, ledger.FileName)
		l, err := ledger.Load(path)
		if err != nil {
			return record.Ref{}, err
		}
		version := l.Current(name, channel)
		if version == "" {
			return record.Ref{}, &misuse{text: fmt.Sprintf("the channel %s of %s has no version", channel, name), hint: "worker-images ledger shows the channels."}
		}
		parts = slices.Concat([]string{name, version}, parts[1:])
	}
	if len(parts) < 2 || len(parts) > 3 || slices.Contains(parts, "") {
		return record.Ref{}, &misuse{text: fmt.Sprintf("%q names no record", word), hint: recordHelp}
	}
	ref := record.Ref{Image: parts[0], Version: parts[1]}
	if len(parts) == 3 {
		targets, err := targetsOf(parts[2:])
		if err != nil {
			return ref, err
		}
		ref.Target = targets[0]
	}
	return ref, nil
}

// noRecord says which records there are: of the image, else of all.
func (p *program) noRecord(ref record.Ref, all []record.Ref) error {
	name := strings.TrimSuffix(ref.String(), "/")
	var of, names []string
	for _, one := range all {
		if names = append(names, one.String()); one.Image == ref.Image {
			of = append(of, one.String())
		}
	}
	var near []string
	if one, ok := nearest.Name(name, names); ok {
		near = []string{one}
	}
	if len(of) > 0 {
		names = of
	}
	hint := fmt.Sprintf("There are no records in %s; --records names another folder.", p.records)
	if len(names) > 0 {
		names = names[max(0, len(names)-maxListed):] // the last ones are the newest
		hint = "There are " + strings.Join(names, ", ") + "."
	}
	return unknown("record", name, near, hint)
}

// pair finds the two records to compare. What one word says of the target, the other need not.
func (p *program) pair(a, b string) (from, to string, err error) {
	x, err := p.choose(a)
	if err != nil {
		return "", "", err
	}
	y, err := p.choose(b)
	if err != nil {
		return "", "", err
	}
	if len(x.targets) == 1 && len(y.targets) == 1 {
		return x.dirs[x.targets[0]], y.dirs[y.targets[0]], nil
	}
	common := slices.DeleteFunc(slices.Clone(x.targets), func(t packer.Target) bool { return y.dirs[t] == "" })
	switch len(common) {
	case 0:
		return "", "", &misuse{text: fmt.Sprintf("%s and %s have no target in common", a, b), hint: fmt.Sprintf("The targets are %s and %s.", join(x.targets), join(y.targets))}
	case 1:
		return x.dirs[common[0]], y.dirs[common[0]], nil
	}
	return "", "", &misuse{text: fmt.Sprintf("%s and %s have the targets %s in common: which one?", a, b, join(common)), hint: fmt.Sprintf("Say %s/%s.", a, common[0])}
}
