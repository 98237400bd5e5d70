package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/workerkit/workerkit/packaging/release/archive"
	"github.com/workerkit/workerkit/packaging/release/manual"
)

// name is what the files for a platform are called.
func (r *release) name(p platform) string { return "workerkit-" + r.source.version + "-" + p.dashed() }

func (p platform) archive() string {
	if p.os == "windows" {
		return ".zip"
	}
	return ".tar.gz"
}

// file is a file of the source.
func (r *release) file(name string) archive.File {
	return archive.File{Name: name, Path: filepath.Join(r.src, filepath.FromSlash(name))}
}

// contents lists what is in the archive for a platform: the programs, the licences, and what
// packaging/ has for the system.
func (r *release) contents(p platform, bin string) []archive.File {
	read := r.file("packaging/release/README.txt")
	read.Name = "README.txt"
	files := []archive.File{r.file("LICENSE"), read, {Name: listFile, Data: []byte(r.list)}}
	for _, name := range r.programs {
		files = append(files, archive.File{Name: p.program(name), Path: filepath.Join(bin, p.program(name)), Executable: true})
	}
	files = append(files, r.completions...)
	if p.os != "windows" {
		files = append(files, r.manualsIn("man/man1")...)
	}
	return append(files, r.units(p)...)
}

// units are the files of packaging/ for a system: units, services, examples.
func (r *release) units(p platform) []archive.File {
	folder := map[string]string{"darwin": "macos"}[p.os]
	if folder == "" {
		folder = p.os
	}
	files := r.folder("packaging/"+folder, "packaging/")
	if p.os != "linux" {
		return files
	}
	// The scripts are those of packages; the units are what images have as well.
	files = slices.DeleteFunc(files, func(f archive.File) bool { return strings.HasSuffix(f.Name, ".sh") })
	for _, name := range []string{"start-worker.service", "workerkit-key.service"} {
		unit := r.file("packer/templates/root/" + name)
		unit.Name = "packaging/" + name
		files = append(files, unit)
	}
	return files
}

// folder lists the files below a folder of the source under their names with prefix in front;
// none where there is no such folder. Go's own files are no part of a release.
func (r *release) folder(name, prefix string) []archive.File {
	root := filepath.Join(r.src, filepath.FromSlash(name))
	var files []archive.File
	_ = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error { // what cannot be read fails in the archive
		if err != nil || !e.Type().IsRegular() || strings.HasSuffix(path, ".go") || slices.Contains(strings.Split(path, string(filepath.Separator)), "testdata") {
			return nil //nolint:nilerr // the folder is not there
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		rest := strings.TrimPrefix(filepath.ToSlash(strings.TrimPrefix(path, root)), "/")
		files = append(files, archive.File{Name: prefix + rest, Path: path, Executable: info.Mode()&0o100 != 0})
		return nil
	})
	return files
}

// ask builds the programs for the system that this runs on, and asks them what is made of what they say.
func (r *release) ask(ctx context.Context) error {
	here := platform{runtime.GOOS, runtime.GOARCH}
	bin := filepath.Join(r.scratch, "here")
	if err := r.build(ctx, here, bin, r.source, r.programs); err != nil {
		return err
	}
	if err := errors.Join(r.complete(ctx, here, bin), r.describe(ctx, here, bin)); err != nil {
		return err
	}
	return os.RemoveAll(bin)
}

// describe makes the manual pages.
func (r *release) describe(ctx context.Context, here platform, bin string) error {
	abouts := map[string]string{
		"start-worker":      "turn this machine into a worker of a Taskcluster worker pool",
		"generic-worker":    "claim tasks of a Taskcluster worker pool and run them",
		"taskcluster-local": "the Taskcluster services of one machine, on loopback",
		"worker-images":     "worker images from one definition for every cloud",
	}
	for _, name := range r.programs {
		program := func(ctx context.Context, args ...string) ([]byte, error) {
			return exec.CommandContext(ctx, filepath.Join(bin, here.program(name)), args...).Output()
		}
		text, err := manual.Ask(ctx, program, name)
		if err != nil {
			return err //nolint:wrapcheck // names the command
		}
		reference, err := os.ReadFile(filepath.Join(r.src, "docs", "reference", name+".md"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		page := manual.Page(text, manual.About{Does: abouts[name], Version: r.source.version, When: r.when, Others: r.programs, Reference: string(reference)})
		r.manuals = append(r.manuals, archive.File{Name: name + "." + manual.Section, Data: page})
	}
	return nil
}

// manualsIn are the manual pages in a folder.
func (r *release) manualsIn(folder string) []archive.File {
	files := slices.Clone(r.manuals)
	for i := range files {
		files[i].Name = folder + "/" + files[i].Name
	}
	return files
}

// complete has those programs that can, say what shells complete their command lines with.
func (r *release) complete(ctx context.Context, here platform, bin string) error {
	for _, name := range []string{"worker-images", "taskcluster-local"} {
		// The names are those under which each shell looks for them.
		for shell, file := range map[string]string{"bash": name + ".bash", "zsh": "_" + name, "fish": name + ".fish", "powershell": name + ".ps1"} {
			out, err := exec.CommandContext(ctx, filepath.Join(bin, here.program(name)), "completion", shell).Output()
			if err != nil {
				return fmt.Errorf("%s completion %s: %w", name, shell, err)
			}
			r.completions = append(r.completions, archive.File{Name: "completions/" + file, Data: out})
		}
	}
	return nil
}

// macOS makes the layout of an installer package: what pkgbuild and productbuild, which are only
// on a Mac, make one of with the script in it.
func (r *release) macOS(p platform, bin string) error {
	var files []archive.File
	for _, name := range []string{"start-worker", "generic-worker"} {
		files = append(files, archive.File{Name: "root/usr/local/bin/" + name, Path: filepath.Join(bin, name), Executable: true})
	}
	for _, f := range r.manuals {
		if name := strings.TrimSuffix(f.Name, "."+manual.Section); name == "start-worker" || name == "generic-worker" {
			f.Name = "root/usr/local/share/man/man1/" + f.Name
			files = append(files, f)
		}
	}
	for _, name := range []string{"LICENSE", listFile} {
		f := archive.File{Name: "root/usr/local/share/workerkit/" + name, Data: []byte(r.list)}
		if name == "LICENSE" {
			f.Data, f.Path = nil, filepath.Join(r.src, name)
		}
		files = append(files, f)
	}
	for _, f := range r.folder("packaging/macos", "") {
		folder, name, deep := strings.Cut(f.Name, "/")
		switch {
		case !deep && strings.HasSuffix(f.Name, ".plist"):
			f.Name = "root/Library/LaunchDaemons/" + f.Name
		case folder == "LaunchAgents":
			f.Name = "root/Library/LaunchAgents/" + name
		case folder == "newsyslog.d":
			f.Name = "root/private/etc/newsyslog.d/" + name // /etc is a link, which no package should touch
		default:
			continue
		}
		files = append(files, f)
	}
	for _, f := range r.folder("packaging/release/macos", "") {
		text, err := os.ReadFile(f.Path)
		if err != nil {
			return err
		}
		replacer := strings.NewReplacer("@VERSION@", r.source.version, "@ARCH@", macArch(p))
		files = append(files, archive.File{Name: f.Name, Executable: f.Executable, Data: []byte(replacer.Replace(string(text)))})
	}
	name := r.name(p) + "-pkg"
	return archive.Write(filepath.Join(r.dist, name+".tar.gz"), name, r.when, files)
}

// macArch is Apple's name of an architecture.
func macArch(p platform) string {
	if p.arch == "amd64" {
		return "x86_64"
	}
	return p.arch
}

// linux makes the packages of packaging/nfpm.yaml.
func (r *release) linux(ctx context.Context, p platform, bin string) error {
	if err := errors.Join(r.licencesFor(bin), r.manualsFor(bin)); err != nil {
		return err
	}
	for _, kind := range []string{"deb", "rpm"} {
		c := exec.CommandContext(ctx, r.nfpm, "package", "--config", "packaging/nfpm.yaml", "--packager", kind, "--target", r.dist+string(filepath.Separator))
		c.Dir = r.src
		c.Env = append(os.Environ(), "GOARCH="+p.arch, "VERSION="+r.source.version, "BIN="+bin, fmt.Sprintf("SOURCE_DATE_EPOCH=%d", r.when.Unix()))
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("the .%s for %s: %w: %s", kind, p, err, bytes.TrimSpace(out))
		}
	}
	return nil
}

// licencesFor puts the list of licences beside the programs, for packages to take from there.
func (r *release) licencesFor(bin string) error {
	path := filepath.Join(bin, listFile)
	if err := os.WriteFile(path, []byte(r.list), 0o644); err != nil {
		return err
	}
	return r.age(path)
}

// manualsFor puts the manual pages beside the programs as well, as packages have them.
func (r *release) manualsFor(bin string) error {
	for _, f := range r.manuals {
		data, err := manual.Compress(f.Data)
		if err != nil {
			return fmt.Errorf("compress %s: %w", f.Name, err)
		}
		path := filepath.Join(bin, f.Name+".gz")
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return err
		}
		if err := r.age(path); err != nil {
			return err
		}
	}
	return nil
}
