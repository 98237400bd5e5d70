package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/taskcluster/slugid-go/slugid"

	"github.com/workerkit/workerkit/bench/measure"
	"github.com/workerkit/workerkit/local/session"
	"github.com/workerkit/workerkit/local/tasks"
)

// taskTime is how long a task may take before something is wrong.
const taskTime = 5 * time.Minute

// bench uploads large files into the sink.
type bench struct {
	*measure.Stand
	options
	dir   string // readable by tasks
	sink  *sink
	front *httptest.Server
	done  int // tasks
	pools int
}

func newBench(ctx context.Context, s *measure.Stand, o options) (*bench, error) {
	b := &bench{Stand: s, options: o}
	var err error
	if b.dir, err = os.MkdirTemp("", "workerkit-bench-upload-"); err != nil {
		return nil, err
	}
	if b.sink, err = startSink(ctx); err != nil {
		return nil, err
	}
	if b.front, err = front(s.RootURL, b.sink.url); err != nil {
		return nil, err
	}
	s.RootURL = b.front.URL // for the machines to come
	calls, err := s.Await(ctx, "queue", "reportCompleted", 0)
	if err != nil {
		return nil, err
	}
	b.done = len(measure.Of(calls, "queue", "reportCompleted"))
	return b, os.Chmod(b.dir, 0o777) // tasks write there
}

func (b *bench) close() {
	b.front.Close()
	b.sink.close()
	_ = os.RemoveAll(b.dir)
}

// machine boots a machine of a pool of its own, with these keys of the configuration.
func (b *bench) machine(ctx context.Context, config map[string]any) (*session.Machine, string, error) {
	b.pools++
	pool := fmt.Sprintf("bench/upload-%d", b.pools)
	config["requiredDiskSpaceMegabytes"] = 100
	if err := b.AddPool(ctx, pool, config); err != nil {
		return nil, "", err
	}
	m, err := b.MachineIn(ctx, pool, 1, nil)
	return m, pool, err
}

// times uploads a file several times as an artifact, and with other each time too.
func (b *bench) times(ctx context.Context, pool, file string, artifact map[string]any, other func() error) (ours, theirs []time.Duration, err error) {
	for range b.n {
		began := time.Now()
		if err := other(); err != nil {
			return nil, nil, err
		}
		theirs = append(theirs, time.Since(began))
		took, err := b.task(ctx, pool, file, artifact)
		if err != nil {
			return nil, nil, err
		}
		ours = append(ours, took)
	}
	return ours, theirs, nil
}

// task runs a task that leaves a file, and tells the time from the end of its command to when the sink
// has all of the file.
func (b *bench) task(ctx context.Context, pool, file string, artifact map[string]any) (time.Duration, error) {
	ctx, done := context.WithTimeoutCause(ctx, taskTime, errors.New("the task was not completed"))
	defer done()
	name := "artifact-" + strconv.Itoa(b.done)
	artifact["type"], artifact["path"], artifact["name"] = "file", file, name
	// The last one may be another user's.
	payload, err := json.Marshal(map[string]any{
		"command": [][]string{{"/bin/sh", "-c", "rm -f " + b.began() + "; date +%s%N > " + b.began()}}, "maxRunTime": 3600, "artifacts": []any{artifact},
	})
	if err != nil {
		return 0, err
	}
	definition := tasks.Definition{"payload": payload}
	if err := definition.Fill(tasks.Defaults{Queue: pool, Name: "bench", Now: time.Now()}); err != nil {
		return 0, err
	}
	id := slugid.Nice()
	if err := b.Tasks().Create(ctx, id, definition.JSON()); err != nil {
		return 0, err
	}
	b.done++
	if _, err := b.Await(ctx, "queue", "reportCompleted", b.done); err != nil {
		return 0, err
	}
	ended, err := b.sink.ended(ctx, "/"+name)
	if err != nil {
		return 0, err
	}
	text, err := os.ReadFile(b.began())
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return ended.Sub(time.Unix(0, n)), err
}

// began is the file in which a command leaves the time.
func (b *bench) began() string { return filepath.Join(b.dir, "began") }

// identity compares with curl.
func (b *bench) identity(ctx context.Context) error {
	machine, pool, err := b.machine(ctx, map[string]any{})
	if err != nil {
		return err
	}
	file, err := b.file("random", random())
	if err != nil {
		return err
	}
	curl := func() error {
		return exec.CommandContext(ctx, "curl", "--silent", "--fail", "--output", "/dev/null", "--header", "Expect:", "--upload-file", file, b.sink.url+"/curl").Run()
	}
	ours, theirs, err := b.times(ctx, pool, file, map[string]any{"contentEncoding": "identity"}, curl)
	if err != nil {
		return err
	}
	compare(b.title("as it is"), ours, "curl -T", theirs)
	return b.end(machine)
}

// gzip compares with what pgzip does, into a file.
func (b *bench) gzip(ctx context.Context) error {
	machine, pool, err := b.machine(ctx, map[string]any{})
	if err != nil {
		return err
	}
	text, err := b.text()
	if err != nil {
		return err
	}
	for _, kind := range []string{"zeros", "random", "source text"} {
		from := map[string]io.Reader{"zeros": zeros(), "random": random(), "source text": text}[kind]
		file, err := b.file(strings.Fields(kind)[0], from)
		if err != nil {
			return err
		}
		ours, theirs, err := b.times(ctx, pool, file, map[string]any{"contentEncoding": "gzip"}, func() error { return pgzip(file, file+".gz") })
		if err != nil {
			return err
		}
		compare(b.title("gzip, "+kind), ours, "as pgzip -1, into a file, not sent", theirs)
		if err := os.Remove(file); err != nil {
			return err
		}
	}
	return b.end(machine)
}

// object compares with the two hashes that the object service wants.
func (b *bench) object(ctx context.Context) error {
	machine, pool, err := b.machine(ctx, map[string]any{"createObjectArtifacts": true})
	if err != nil {
		return err
	}
	file, err := b.file("random", random())
	if err != nil {
		return err
	}
	ours, theirs, err := b.times(ctx, pool, file, map[string]any{}, func() error { return sums(file) })
	if err != nil {
		return err
	}
	compare(b.title("object"), ours, "sha256 and sha512 side by side, not sent", theirs)
	return b.end(machine)
}

func (b *bench) title(what string) string {
	return fmt.Sprintf("%d MiB, %s, %s", b.size>>20, what, b.Engine)
}

// end tells the worker's memory and stops its machine.
func (b *bench) end(machine *session.Machine) error {
	worker, err := measure.Child(machine.PID(), "generic-worker")
	if err != nil {
		return err
	}
	memory, err := measure.Memory(worker)
	if err != nil {
		return err
	}
	measure.Row("  VmHWM of generic-worker", measure.Mebibytes(memory["VmHWM"]), "")
	return machine.Stop()
}

// file makes a file of the size from what a reader gives, again and again if need be.
func (b *bench) file(name string, from io.Reader) (string, error) {
	path := filepath.Join(b.dir, name)
	file, err := os.Create(path)
	if err != nil {
		return "", err
	}
	_, err = io.CopyN(file, from, b.size)
	return path, errors.Join(err, file.Chmod(0o644), file.Sync(), file.Close())
}
