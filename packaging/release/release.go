package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/workerkit/workerkit/packaging/release/archive"
	"github.com/workerkit/workerkit/packaging/release/licence"
	"github.com/workerkit/workerkit/packaging/release/sbom"
	"github.com/workerkit/workerkit/packaging/release/signing"
)

// listFile is the list of licences, in the release and in each archive.
const listFile = "THIRD-PARTY.txt"

// order says what release is wanted.
type order struct {
	repository string // a folder in the checkout
	out        string // the folder to make; it must not be there; dist/VERSION when empty
	version    string
	dirty      bool
	platforms  []platform
	nfpm       string // the program that makes packages; none when empty
	key        string // the file of the signing key; unsigned when empty
	hooks      map[string]signing.Hook
	progress   io.Writer
}

// release is one that is being made.
type release struct {
	order
	source
	toolchain
	dist        string // where it grows, beside out
	scratch     string
	programs    []string // the folders of cmd/
	licences    []licence.Module
	list        string // the same as text
	completions []archive.File
	manuals     []archive.File // their names are NAME.1
}

// make makes a release, top to bottom. Nothing is at out before all of it is. It returns out.
func (o order) make(ctx context.Context) (out string, err error) {
	s, err := openSource(ctx, o.repository, o.version, o.dirty)
	if err != nil {
		return "", err
	}
	if o.out == "" {
		o.out = filepath.Join(s.dir, "dist", s.version)
	}
	if o.out, err = filepath.Abs(o.out); err != nil {
		return "", err
	}
	if _, err := os.Lstat(o.out); !errors.Is(err, fs.ErrNotExist) {
		return "", errors.Join(err, fmt.Errorf("%s is there already: remove it, or choose another folder with -out", o.out))
	}
	if err := o.checkKey(); err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(o.out), 0o755); err != nil {
		return "", err
	}
	scratch, err := os.MkdirTemp(filepath.Dir(o.out), ".release-*")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	r := &release{order: o, source: s, dist: filepath.Join(scratch, "dist"), scratch: scratch}
	if err := r.fill(ctx); err != nil {
		return "", err
	}
	if err := os.Rename(r.dist, o.out); err != nil {
		return "", err
	}
	return o.out, nil
}

// checkKey finds out before all the work whether the signing key can be used.
func (o order) checkKey() error {
	if o.key == "" {
		return nil
	}
	_, err := signing.LoadKey(o.key)
	return err
}

// fill makes everything in the folder dist.
func (r *release) fill(ctx context.Context) error {
	if err := r.prepare(ctx); err != nil {
		return err
	}
	for _, p := range r.platforms {
		fmt.Fprintf(r.progress, "%s: %s\n", r.source.version, p)
		if err := r.platform(ctx, p); err != nil {
			return err
		}
	}
	for _, f := range []archive.File{r.file("LICENSE"), {Name: listFile, Data: []byte(r.list)}} {
		if err := r.put(f); err != nil {
			return err
		}
	}
	sums, err := signing.Sums(r.dist)
	if err != nil {
		return err
	}
	if err := r.put(archive.File{Name: signing.SumsFile, Data: []byte(sums)}); err != nil {
		return err
	}
	return errors.Join(r.sign(), r.open())
}

// prepare copies the source and finds out what is the same for all platforms.
func (r *release) prepare(ctx context.Context) error {
	src := filepath.Join(r.scratch, "src")
	err := errors.Join(os.Mkdir(r.dist, 0o755), os.Mkdir(src, 0o755))
	if err == nil {
		err = r.export(ctx, src)
	}
	if err != nil {
		return err
	}
	if r.toolchain, err = openToolchain(ctx, src); err != nil {
		return err
	}
	entries, err := filepath.Glob(filepath.Join(src, "cmd", "*", "main.go"))
	if err != nil {
		return err
	}
	for _, e := range entries {
		r.programs = append(r.programs, filepath.Base(filepath.Dir(e)))
	}
	packages, err := r.packages(ctx, r.order.platforms, r.programs)
	if err != nil {
		return err
	}
	if r.licences, err = licence.Collect(packages); err != nil {
		return err
	}
	r.list = licence.List(r.licences)
	return r.ask(ctx)
}

// platform makes what there is for one platform.
func (r *release) platform(ctx context.Context, p platform) error {
	bin := filepath.Join(r.scratch, "bin", p.dashed())
	if err := r.build(ctx, p, bin, r.source, r.programs); err != nil {
		return err
	}
	var paths []string
	for _, name := range r.programs {
		path := filepath.Join(bin, p.program(name))
		if err := r.finish(ctx, p, path); err != nil {
			return err
		}
		paths = append(paths, path)
	}
	workers, err := r.bare(ctx, p, bin)
	if err != nil {
		return err
	}
	name := r.name(p)
	if err := archive.Write(filepath.Join(r.dist, name+p.archive()), name, r.when, r.contents(p, bin)); err != nil {
		return err
	}
	if p.os == "darwin" {
		if err := r.macOS(p, bin); err != nil {
			return err
		}
	}
	if p.os == "linux" && r.nfpm != "" {
		if err := r.linux(ctx, p, bin); err != nil {
			return err
		}
	}
	bill, err := sbom.Make(sbom.Release{
		Name: "workerkit", Version: r.source.version, Revision: r.commit, Platform: p.String(), Time: r.when,
		Programs: append(paths, workers...), Licences: r.licences, Standard: standard, Module: module,
	})
	if err != nil {
		return err
	}
	if err := r.put(archive.File{Name: name + ".cdx.json", Data: bill}); err != nil {
		return err
	}
	return os.RemoveAll(bin) // the disk holds one platform's at a time
}

// finish has a program signed, and gives it the time of the release.
func (r *release) finish(ctx context.Context, p platform, path string) error {
	if err := r.hooks[p.os].Sign(ctx, path); err != nil {
		return err
	}
	if err := os.Chmod(path, 0o755); err != nil { // the command may have made another file
		return err
	}
	return r.age(path)
}

// bare puts the programs of the public releases under their names, for those who download them
// by these: without an archive, without .exe. As there, a worker keeps the engine that it was built
// for, whatever it is called on the machine. It returns where these workers are.
func (r *release) bare(ctx context.Context, p platform, bin string) (workers []string, err error) {
	const runner, worker = "start-worker", "generic-worker"
	for _, program := range []string{runner, worker} {
		if !slices.Contains(r.programs, program) {
			return nil, fmt.Errorf("there is no program %s in cmd/", program)
		}
	}
	if err := r.put(archive.File{Name: runner + "-" + p.dashed(), Path: filepath.Join(bin, p.program(runner))}); err != nil {
		return nil, err
	}
	for _, engine := range []string{"insecure", "multiuser"} {
		dir, name := filepath.Join(bin, engine), worker+"-"+engine
		if err := r.build(ctx, p, dir, r.source, []string{worker}, builtFor(engine)); err != nil {
			return nil, err
		}
		// Signed as generic-worker: some signatures have the name of the file in them, and grants go by it.
		built, path := filepath.Join(dir, p.program(worker)), filepath.Join(dir, p.program(name))
		if err := r.finish(ctx, p, built); err != nil {
			return nil, err
		}
		if err := os.Rename(built, path); err != nil {
			return nil, err
		}
		if err := r.put(archive.File{Name: name + "-" + p.dashed(), Path: path}); err != nil {
			return nil, err
		}
		workers = append(workers, path)
	}
	return workers, nil
}

// builtFor is the variable of generic-worker that names its engine.
func builtFor(engine string) string { return "main.builtEngine=" + engine }

// put puts a file into the release.
func (r *release) put(f archive.File) error {
	to := filepath.Join(r.dist, f.Name)
	if f.Path != "" {
		return copyFile(to, f.Path)
	}
	return os.WriteFile(to, f.Data, 0o644)
}

// open gives everything the modes that it should have, whatever the umask: a release is for
// everybody.
func (r *release) open() error {
	entries, err := os.ReadDir(r.dist)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if info.Mode()&0o100 != 0 {
			mode = 0o755
		}
		if err := os.Chmod(filepath.Join(r.dist, e.Name()), mode); err != nil {
			return err
		}
	}
	return os.Chmod(r.dist, 0o755)
}

// sign signs the checksums, or says that nobody did.
func (r *release) sign() error {
	if r.key == "" {
		fmt.Fprintln(r.progress, "SIGN_KEY is not set: the release is not signed")
		return nil
	}
	return signWith(r.key, r.dist, r.progress)
}
