// Package proof boots the disk of a finished image in QEMU, with the clouds and Taskcluster
// around it emulated, and looks from outside whether it becomes a worker.
package proof

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/workerkit/workerkit/internal/qemu"
	"github.com/workerkit/workerkit/local/clouds"
)

// Options say what is booted, and where. Disk, As and Dir are required.
type Options struct {
	Disk string // any format that qemu-img knows; nothing in it changes
	As   string // one of Places
	Dir  string // for consoles and logs; made when absent; the files of an earlier boot in it are replaced
	// Patience is how long the machine may take for each step; four minutes when zero.
	Patience time.Duration
	// Accelerator is QEMU's: "kvm" or "tcg". When empty, Probe finds it out.
	Accelerator string
	// Progress, when not nil, is told each step when it is done, and no two at once.
	Progress func(Step)
}

// Step is something that the machine did, or that was done to it.
type Step struct {
	Name   string  `json:"name"`
	At     float64 `json:"at"` // seconds since the power-on
	Detail string  `json:"detail,omitempty"`
}

// Result is what came of a boot. Times are in seconds.
type Result struct {
	Disk        string  `json:"disk"`
	As          string  `json:"as"`
	Accelerator string  `json:"accelerator"`
	Verdict     Verdict `json:"verdict"`
	Error       string  `json:"error,omitempty"`
	Steps       []Step  `json:"steps"`
	// Network and FirstClaim are since the power-on: when the guest said that its network is up,
	// and when it asked for work for the first time. They are 0 when that was not seen.
	Network    float64 `json:"network,omitempty"`
	FirstClaim float64 `json:"firstClaim,omitempty"`
	// ClaimAfterNetwork is what the worker added to the guest's own boot; below 0 for one that
	// asked before the guest said that its network is up.
	ClaimAfterNetwork float64  `json:"claimAfterNetwork,omitempty"`
	Took              float64  `json:"took"`
	Console           []string `json:"console,omitempty"` // its last lines, unless the image is proven
	Files             string   `json:"files"`             // the folder with console and logs
}

// Verdict is the result in two words.
type Verdict string

// The verdicts.
const (
	Proven       Verdict = "proven"
	NeverClaimed Verdict = "never claimed" // it boots, and never becomes a worker
	Failed       Verdict = "failed"
)

// ErrNeverClaimed is what the proof is for.
var ErrNeverClaimed = errors.New("the image boots but never claims a task") //nolint:gochecknoglobals // a constant

// proof is one boot of the disk.
type proof struct {
	Options
	boot
	*place
	guest *qemu.Guest
	key   clouds.Key // of the machine, in a cloud
	steps []Step
}

// Run boots the disk and has it do all that a worker does: register, claim a task, run it,
// upload, obey the announcement that it goes away, and switch itself off. The machine is off
// when Run returns. It must run in a network of its own, see Isolate. The result says how far
// the machine came, also with an error; one that wraps ErrNeverClaimed if it booted and asked
// for no work.
func Run(ctx context.Context, o Options) (Result, error) {
	began := time.Now()
	p := &proof{Options: o}
	err := p.run(ctx)
	r := Result{Disk: o.Disk, As: o.As, Accelerator: p.Accelerator, Verdict: Proven, Steps: p.steps, Took: seconds(time.Since(began)), Files: p.Dir}
	if p.guest != nil {
		p.times(&r)
	}
	if err == nil {
		return r, nil
	}
	err = fmt.Errorf("boot as %s: %w", o.As, err)
	r.Verdict, r.Error = Failed, err.Error()
	if errors.Is(err, ErrNeverClaimed) {
		r.Verdict = NeverClaimed
	}
	if p.guest != nil {
		r.Console = tail(p.guest.Console)
	}
	return r, err
}

// run prepares what the machine finds, and proves the disk.
func (p *proof) run(ctx context.Context) (err error) {
	i := slices.IndexFunc(boots(), func(b boot) bool { return b.name == p.As })
	if i < 0 {
		return fmt.Errorf("there is no such place, only %s", strings.Join(Places(), ", "))
	}
	p.boot, p.Patience = boots()[i], cmp.Or(p.Patience, 4*time.Minute)
	if err := errors.Join(programs("qemu-system-x86_64", "qemu-img"), isolated()); err != nil {
		return err
	}
	if p.Dir, err = filepath.Abs(p.Dir); err != nil {
		return err
	}
	if err := clean(p.Dir); err != nil {
		return err
	}
	if p.Accelerator == "" {
		if p.Accelerator, err = Probe(ctx, p.Disk, filepath.Join(p.Dir, "probe")); err != nil {
			return err
		}
	}
	if p.place, err = openPlace(ctx, p.Dir); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	if err := p.addPool(ctx, p.boot); err != nil {
		return err
	}
	disk := p.Disk
	if p.launch == nil {
		if disk, err = p.staticDisk(ctx); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(disk)) }()
	}
	return p.prove(ctx, disk)
}

// clean makes the folder and removes what an earlier boot left in it, and nothing else.
func clean(dir string) error {
	err := os.MkdirAll(dir, 0o700)
	for _, name := range []string{"console", "monitor", "services.log", "services", "artifacts", "probe"} {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, name)))
	}
	return err
}

// prove switches the machine on; it is off in any case when prove returns.
func (p *proof) prove(ctx context.Context, disk string) error {
	first, err := p.task(ctx, `echo made by $TASK_ID >note.txt; cat /sys/class/dmi/id/sys_vendor /sys/class/dmi/id/chassis_asset_tag; true`)
	if err != nil {
		return err
	}
	if err := p.ordered(ctx); err != nil {
		return err
	}
	if p.guest, err = switchOn(ctx, machine{accelerator: p.Accelerator, disk: disk, dir: p.Dir, firmware: p.firmware}); err != nil {
		return err
	}
	defer p.guest.Cut()
	for _, step := range []func() error{
		func() error { return p.claims(ctx, first) },
		func() error { return p.uploads(ctx, first) },
		func() error { return p.obeys(ctx) },
		func() error { return p.goes(ctx) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// done notes a step that was done at that time.
func (p *proof) done(name string, at time.Duration, format string, args ...any) {
	step := Step{Name: name, At: seconds(at), Detail: fmt.Sprintf(format, args...)}
	p.steps = append(p.steps, step)
	if p.Progress != nil {
		p.Progress(step)
	}
}

// times adds to the result when what happened.
func (p *proof) times(r *Result) {
	network, online := p.guest.After("network")
	claim, claimed := p.called("queue.claimWork")
	if online {
		r.Network = seconds(network)
	}
	if claimed {
		r.FirstClaim = seconds(claim.Sub(p.guest.Began))
	}
	if online && claimed {
		r.ClaimAfterNetwork = seconds(claim.Sub(p.guest.Began) - network)
	}
}

// seconds has a resolution of a hundredth.
func seconds(d time.Duration) float64 { return math.Round(d.Seconds()*100) / 100 }

// tail returns the last lines of a console, without colours; none where it cannot be read.
func tail(path string) []string {
	const enough = 20
	data, _ := os.ReadFile(path) //nolint:gosec // made by this package
	data = regexp.MustCompile(`\x1b\[[0-9;]*[A-Za-z]`).ReplaceAll(data, nil)
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return lines[max(0, len(lines)-enough):]
}
