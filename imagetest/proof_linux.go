package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/taskcluster/slugid-go/slugid"

	"github.com/workerkit/workerkit/local/clouds"
	"github.com/workerkit/workerkit/local/tasks"
)

// brokenPatience is how long a machine that will never claim is given to do so.
const brokenPatience = 90 * time.Second

// errNeverClaimed is what the proof is for.
var errNeverClaimed = errors.New("the image boots but never claims a task") //nolint:gochecknoglobals // a constant

// proof is one boot of the disk.
type proof struct {
	boot
	*place
	options
	guest *guest
	dir   string
	key   clouds.Key // of the machine, in a cloud
}

// proveBoot boots the disk and has it do all that a worker does.
func proveBoot(ctx context.Context, b boot, o options, disk, dir string) (err error) {
	began := time.Now()
	p := &proof{boot: b, options: o, dir: filepath.Join(dir, b.name)}
	if err := errors.Join(os.RemoveAll(p.dir), os.MkdirAll(p.dir, 0o700)); err != nil { // of an earlier run with --keep
		return err
	}
	if p.place, err = openPlace(ctx, p.dir); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	if err := p.addPool(ctx, b); err != nil {
		return err
	}
	switch {
	case b.broken:
		p.patience = min(p.patience, brokenPatience)
		if disk, err = p.edited(ctx, disk, "rm /usr/local/bin/generic-worker"); err != nil {
			return err
		}
	case b.launch == nil:
		if disk, err = p.staticDisk(ctx, disk); err != nil {
			return err
		}
	}
	if err := p.prove(ctx, disk); err != nil {
		return err
	}
	step(b.name+": proven", began)
	return nil
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
	if p.guest, err = switchOn(ctx, p.accelerator, disk, p.dir, p.firmware); err != nil {
		return err
	}
	defer p.guest.cut()
	say("%s: power on", p.name)
	if err := p.claims(ctx, first); p.broken || err != nil {
		return p.judge(err)
	}
	if err := p.uploads(ctx, first); err != nil {
		return err
	}
	if err := p.obeys(ctx); err != nil {
		return err
	}
	return p.goes(ctx)
}

// judge turns the result of a disk that lacks the worker round: it must be found out.
func (p *proof) judge(err error) error {
	switch {
	case !p.broken:
		return err
	case errors.Is(err, errNeverClaimed):
		say("%s: found out, as it must be: %v", p.name, err)
		return nil
	case err == nil:
		return errors.New("a disk that lacks the worker passed")
	default:
		return err
	}
}

// task creates a task that runs a line of shell, once.
func (p *proof) task(ctx context.Context, line string) (string, error) {
	payload, err := json.Marshal(map[string]any{
		"command": [][]string{{"/bin/sh", "-c", line}}, "maxRunTime": 1200,
		"artifacts": []any{map[string]string{"type": "file", "name": "public/note.txt", "path": "note.txt"}},
	})
	if err != nil {
		return "", err
	}
	definition := tasks.Definition{"payload": payload, "retries": json.RawMessage("0")}
	if err := definition.Fill(tasks.Defaults{Queue: p.pool(), Name: "proof", Now: time.Now()}); err != nil {
		return "", err
	}
	id := slugid.Nice()
	return id, p.tasks.Create(ctx, id, definition.JSON())
}

// ordered waits until worker-manager has ordered a machine, in a cloud, and makes its metadata
// service reachable.
func (p *proof) ordered(ctx context.Context) error {
	if p.launch == nil {
		return nil
	}
	return p.await(ctx, "worker-manager ordered no machine", func() (bool, error) {
		for _, m := range p.server.Machines().Machines() {
			p.key = clouds.Key{WorkerPoolID: m.WorkerPoolID, WorkerGroup: m.WorkerGroup, WorkerID: m.WorkerID}
			p.lead(m.Endpoint[len("http://"):])
			say("%s: worker-manager ordered %s", p.name, p.key)
			return true, nil
		}
		return false, nil
	})
}
