package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"time"

	"github.com/taskcluster/slugid-go/slugid"

	"github.com/workerkit/workerkit/bench/measure"
	"github.com/workerkit/workerkit/local/tasks"
)

// warmUp is how many are not counted.
const warmUp = 2

// noop measures by turns a task whose image has a name, one whose image is an artifact that is there,
// and docker run, or podman run with the same service.
func (b *bench) noop(ctx context.Context) error {
	if err := os.Setenv("DOCKER_HOST", b.Host); err != nil { // for the worker
		return err
	}
	return measure.On(ctx, "container", b.bin, []string{"--delay", b.delay.String()}, func(ctx context.Context, s *measure.Stand) error {
		if _, err := s.MachineIn(ctx, measure.Pool, 1, nil); err != nil {
			return err
		}
		t := turns{stand: s}
		maker, _, err := t.task(ctx, makerName, object{"artifacts": object{"public/" + artifact: object{"type": "file", "path": "/" + artifact}}})
		if err != nil {
			return err
		}
		var named, warm []measure.Span
		var plain []time.Duration
		for i := range b.n + warmUp {
			_, one, err := t.task(ctx, imageName, nil)
			if err != nil {
				return err
			}
			_, other, err := t.task(ctx, object{"type": "task-image", "taskId": maker, "path": "public/" + artifact}, nil, maker)
			if err != nil {
				return err
			}
			took, err := b.run(ctx)
			if err != nil {
				return err
			}
			if i >= warmUp {
				named, warm, plain = append(named, one), append(warm, other), append(plain, took)
			}
		}
		b.compare(named, warm, plain)
		return nil
	})
}

// compare prints the rows.
func (b *bench) compare(named, warm []measure.Span, plain []time.Duration) {
	what := "no-op container task, " + b.label
	measure.Spans(what, warm, "")
	measure.Spread(what+": "+b.client()+" run --rm -t", plain, measure.Milliseconds)
	measure.Row(what+": own / run", fmt.Sprintf("%.2f", median(own(warm)).Seconds()/median(plain).Seconds()), "target 1.15")
	measure.Spread(what+", image by name: own", own(named), measure.Milliseconds)
}

func own(spans []measure.Span) (all []time.Duration) {
	for _, s := range spans {
		all = append(all, s.Own)
	}
	return all
}

func median(times []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(times))[(len(times)-1)/2]
}

// object is one of JSON.
type object = map[string]any

// turns has one task run after another.
type turns struct {
	stand *measure.Stand
	done  int
}

// task runs a task that does nothing, and measures from its claim to its resolution.
func (t *turns) task(ctx context.Context, image any, more object, dependencies ...string) (id string, span measure.Span, err error) {
	payload := object{"image": image, "command": []string{"true"}, "maxRunTime": 60}
	maps.Copy(payload, more)
	text, err := json.Marshal(payload)
	if err != nil {
		return "", span, err
	}
	needs, err := json.Marshal(dependencies)
	if err != nil {
		return "", span, err
	}
	definition := tasks.Definition{"payload": text}
	if len(dependencies) > 0 {
		definition["dependencies"] = needs
	}
	if err := definition.Fill(tasks.Defaults{Queue: measure.Pool, Name: "bench", Now: time.Now()}); err != nil {
		return "", span, err
	}
	id = slugid.Nice()
	if err := t.stand.Tasks().Create(ctx, id, definition.JSON()); err != nil {
		return "", span, err
	}
	t.done++
	calls, err := t.stand.Await(ctx, "queue", "reportCompleted", t.done)
	if err != nil {
		return "", span, err
	}
	end := last(measure.Of(calls, "queue", "reportCompleted"), time.Now())
	claim := last(measure.Of(calls, "queue", "claimWork"), end)
	if end.IsZero() || claim.IsZero() {
		return "", span, errors.New("no claim was recorded")
	}
	return id, measure.Between(claim, end, calls), nil
}

// last is the end of the last call that ended before a moment.
func last(calls []measure.Call, before time.Time) (end time.Time) {
	for _, c := range calls {
		if c.End.Before(before) && c.End.After(end) {
			end = c.End
		}
	}
	return end
}

// client is the name of the engine's command line.
func (b *bench) client() string {
	if b.Podman {
		return "podman --remote"
	}
	return "docker"
}

// run has the engine's own command line run a container of the same image.
func (b *bench) run(ctx context.Context) (time.Duration, error) {
	args := []string{"docker", "-H", b.Host}
	if b.Podman {
		args = []string{"podman", "--remote", "--url", b.Host}
	}
	args = append(args, "run", "--rm", "-t", "--pull", "never", b.image, "true")
	begin := time.Now()
	out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput() //nolint:gosec // one of two programs
	if err != nil {
		return 0, fmt.Errorf("%s run: %w: %s", b.client(), err, out)
	}
	return time.Since(begin), nil
}
