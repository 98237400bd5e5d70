package lock

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/clouds"
)

// atOnce is how many questions and downloads run at once.
const atOnce = 4

// Wanted says what an update is to look at.
type Wanted struct {
	Images    []packer.Image // as define.Load gives them, or fewer, or with fewer targets
	Bases     bool           // which image is newest
	Downloads bool           // digests of what has none
	Again     bool           // and of what has one
	Worker    string         // the version to pin; none when empty
	// All are all images there are: what none of them uses loses its pin. None does when it is
	// empty.
	All []packer.Image
}

// Change is a pin that becomes another.
type Change struct {
	Pin  string `json:"pin"`            // as the block in the lock file begins: base "aws" "…"
	Old  string `json:"old,omitempty"`  // empty when there was none
	New  string `json:"new,omitempty"`  // empty when no definition uses it any more
	Name string `json:"name,omitempty"` // of the image that the base is, for people
}

// Updater finds out what is newest.
type Updater struct {
	// Cloud returns what resolves the bases of a target. It is called once for each target, but
	// for several targets at once. Its error names the cloud.
	Cloud func(ctx context.Context, target packer.Target) (clouds.Resolver, error)
	// Fetch fetches for digests; nil will do when no download is wanted.
	Fetch *Fetcher
}

// Update returns the lock as it would be today, and what that changes, in the order of the lock
// file. All that fails is said at once, each with what it was for, and then nothing is returned.
func (u Updater) Update(ctx context.Context, was Lock, w Wanted) (Lock, []Change, error) {
	now := Lock{Worker: was.Worker, Bases: maps.Clone(was.Bases), Downloads: maps.Clone(was.Downloads)}
	if now.Bases == nil {
		now.Bases = map[BaseKey]string{}
	}
	if now.Downloads == nil {
		now.Downloads = map[string]string{}
	}
	if w.Worker != "" {
		now.Worker = w.Worker
	}
	var jobs []job
	names := map[BaseKey]string{}
	if w.Bases {
		jobs = append(jobs, u.baseJobs(ctx, w.Images, &now, names)...)
	}
	if w.Downloads {
		for _, d := range openDownloads(w.Images, w.Again) {
			jobs = append(jobs, u.downloadJob(d, &now))
		}
	}
	if err := do(ctx, jobs); err != nil {
		return Lock{}, nil, err
	}
	if len(w.All) > 0 {
		drop(&now, w)
	}
	return now, changes(was, now, names), nil
}

// job is one question. run asks it, and keep, which is called by one goroutine, notes the answer.
type job struct {
	run  func(ctx context.Context) error
	keep func() error
}

// do does the jobs, some at once, and says all that failed in the order of the jobs.
func do(ctx context.Context, jobs []job) error {
	errs := make([]error, len(jobs))
	places := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	for i, j := range jobs {
		wg.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			if errs[i] = ctx.Err(); errs[i] == nil {
				errs[i] = j.run(ctx)
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return fmt.Errorf("update: %w", context.Cause(ctx))
	}
	for i, j := range jobs {
		if errs[i] == nil {
			errs[i] = j.keep()
		}
	}
	return errors.Join(unique(errs)...)
}

// unique leaves out errors with a text that was there: a cloud without credentials is said once.
func unique(errs []error) []error {
	var all []error
	for _, err := range errs {
		if err != nil && !slices.ContainsFunc(all, func(e error) bool { return e.Error() == err.Error() }) {
			all = append(all, err)
		}
	}
	return all
}

// openBase is a base whose image is to be found.
type openBase struct {
	key  BaseKey
	base packer.Base
	arch string
	uses []string // "IMAGE (file:line)"
}

// openBases lists what the definitions do not pin themselves: each once for each architecture.
func openBases(images []packer.Image) []*openBase {
	var all []*openBase
	for _, image := range images {
		for _, t := range image.Targets {
			b := image.Bases[t]
			key := KeyOf(t, b)
			if key.Query == "" || b.ID != "" && image.From[packer.Key("base", string(t), "id")] != origin {
				continue
			}
			b.ID = ""
			use := useOf(image, originOf(image, packer.Key("base", string(t))))
			i := slices.IndexFunc(all, func(o *openBase) bool { return o.key == key && o.arch == image.Arch })
			if i >= 0 {
				all[i].uses = append(all[i].uses, use)
				continue
			}
			all = append(all, &openBase{key, b, image.Arch, []string{use}})
		}
	}
	return all
}

// useOf says what a pin is for: the image, and the place in its definition where that is known.
func useOf(image packer.Image, at string) string {
	if at == "" {
		return image.Name
	}
	return fmt.Sprintf("%s (%s)", image.Name, at)
}

func (u Updater) baseJobs(ctx context.Context, images []packer.Image, now *Lock, names map[BaseKey]string) []job {
	resolvers := map[packer.Target]func() (clouds.Resolver, error){}
	asked := map[BaseKey]*openBase{}
	var jobs []job
	for _, o := range openBases(images) {
		t := o.key.Target
		if resolvers[t] == nil {
			resolvers[t] = sync.OnceValues(func() (clouds.Resolver, error) { return u.Cloud(ctx, t) })
		}
		var found clouds.Found
		jobs = append(jobs, job{
			run: func(ctx context.Context) error {
				cloud, err := resolvers[t]()
				if err != nil {
					return fmt.Errorf("update: %w", err)
				}
				if found, err = cloud.Newest(ctx, o.base, o.arch); err != nil {
					return fmt.Errorf("update: %s for %s: %w", o.key, strings.Join(o.uses, ", "), err)
				}
				return nil
			},
			keep: func() error {
				if first := asked[o.key]; first != nil && now.Bases[o.key] != found.ID {
					return fmt.Errorf("update: %s is %s for %s, and %s for %s: a lock file pins one: let the query name the architecture",
						o.key, now.Bases[o.key], strings.Join(first.uses, ", "), found.ID, strings.Join(o.uses, ", "))
				}
				asked[o.key], now.Bases[o.key], names[o.key] = o, found.ID, found.Name
				return nil
			},
		})
	}
	return jobs
}

// String is how the block of the pin begins in the lock file.
func (k BaseKey) String() string { return fmt.Sprintf("base %q %q", k.Target, k.Query) }

// drop takes out what no definition uses.
func drop(now *Lock, w Wanted) {
	bases, urls := map[BaseKey]bool{}, map[string]bool{}
	for _, image := range w.All {
		for t, b := range image.Bases {
			bases[KeyOf(t, b)], urls[b.Disk] = true, true
		}
		for _, d := range image.Downloads {
			urls[d.URL] = true
		}
	}
	if w.Bases {
		maps.DeleteFunc(now.Bases, func(k BaseKey, _ string) bool { return !bases[k] })
	}
	if w.Downloads {
		maps.DeleteFunc(now.Downloads, func(url, _ string) bool { return !urls[url] })
	}
}

// changes compares two locks.
func changes(was, now Lock, names map[BaseKey]string) []Change {
	var all []Change
	if was.Worker != now.Worker {
		all = append(all, Change{Pin: "worker", Old: was.Worker, New: now.Worker})
	}
	var pins []Change
	for _, keys := range []map[BaseKey]string{was.Bases, now.Bases} {
		for key := range keys {
			pins = append(pins, Change{Pin: key.String(), Old: was.Bases[key], New: now.Bases[key], Name: names[key]})
		}
	}
	for _, urls := range []map[string]string{was.Downloads, now.Downloads} {
		for url := range urls {
			pins = append(pins, Change{Pin: fmt.Sprintf("download %q", packer.PublicURL(url)), Old: was.Downloads[url], New: now.Downloads[url]})
		}
	}
	pins = slices.DeleteFunc(pins, func(c Change) bool { return c.Old == c.New })
	slices.SortFunc(pins, func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.Pin, b.Pin), cmp.Compare(a.Old, b.Old), cmp.Compare(a.New, b.New))
	})
	return append(all, slices.Compact(pins)...)
}
