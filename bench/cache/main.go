// Command cache measures how long a warm writable cache takes to be mounted and to be put back,
// whatever its size: bench/mkcache makes one of a million files. The worker moves that into its caches,
// so everything is done beside it, on its file system, and it is moved back at the end.
//
// Mounted is from the log's line that says so to the one before it; put back is from the line that
// announces it to the next call, which uploads the log, less what passes there without a cache.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/taskcluster/slugid-go/slugid"

	"github.com/workerkit/workerkit/bench/measure"
	"github.com/workerkit/workerkit/local/session"
	"github.com/workerkit/workerkit/local/tasks"
)

const cacheName = "bench"

func main() {
	n := flag.Int("n", 5, "how many `tasks` with the cache, after one that is not counted, and as many without")
	dir := flag.String("dir", "", "the `folder` that bench/mkcache made")
	measure.Main(func(ctx context.Context, s *measure.Stand) error {
		path, err := filepath.Abs(*dir)
		if *dir == "" || err != nil {
			return errors.Join(errors.New("name the folder that bench/mkcache made with -dir"), err)
		}
		return cache(ctx, s, path, *n)
	})
}

func cache(ctx context.Context, s *measure.Stand, dir string, n int) (err error) {
	beside, err := os.MkdirTemp(filepath.Dir(dir), "bench-cache-")
	if err != nil {
		return err
	}
	caches := filepath.Join(beside, "caches")
	machine, err := boot(ctx, s, dir, beside, caches)
	if err != nil {
		return errors.Join(err, os.RemoveAll(beside))
	}
	defer func() {
		err = errors.Join(err, machine.Stop(), bringBack(caches, dir))
		if err == nil {
			err = os.RemoveAll(beside)
		}
	}()
	var with, without []lines
	for i := range 2 * (n + 1) {
		mounted := i%2 == 0
		seen, err := one(ctx, s, mounted, i+1)
		if err != nil {
			return err
		}
		switch {
		case i < 2: // the first one adopts the cache and makes the files the task user's
		case mounted:
			with = append(with, seen)
		default:
			without = append(without, seen)
		}
	}
	var mounts, puts, gaps []time.Duration
	for _, seen := range without {
		gaps = append(gaps, seen.uploaded.Sub(seen.last))
	}
	slices.Sort(gaps)
	for _, seen := range with {
		mounts = append(mounts, seen.mounted.Sub(seen.moving))
		puts = append(puts, seen.uploaded.Sub(seen.last)-gaps[len(gaps)/2])
	}
	measure.Target("warm cache, "+s.Engine+": mount", mounts, "10 ms", measure.Milliseconds)
	measure.Target("warm cache, "+s.Engine+": put back", puts, "10 ms", measure.Milliseconds)
	return nil
}

// boot boots a machine whose worker adopts the cache.
func boot(ctx context.Context, s *measure.Stand, dir, beside, caches string) (*session.Machine, error) {
	config := map[string]any{
		"cachesDir": caches, "tasksDir": filepath.Join(beside, "tasks"),
		"workerkit": map[string]any{"engine": s.Engine, "preloadedCaches": []any{map[string]any{"cacheName": cacheName, "directory": dir}}},
	}
	if s.Engine != "insecure" {
		maps.Copy(config, map[string]any{"headlessTasks": true, "tasksDir": "/home"})
	}
	return s.Boot(ctx, session.Spec{Pool: measure.Pool, Group: "bench", ID: "machine-1", Config: config})
}

// bringBack moves the cache to where it was.
func bringBack(caches, dir string) error {
	found, err := filepath.Glob(filepath.Join(caches, "[^.]*"))
	if err != nil {
		return err
	}
	if len(found) != 1 {
		return fmt.Errorf("there are %d caches in %s, not the one that was given", len(found), caches)
	}
	return os.Rename(found[0], dir)
}

// lines are moments of a task.
type lines struct{ moving, mounted, last, uploaded time.Time }

// one runs a task, with the cache or without, and tells when what happened.
func one(ctx context.Context, s *measure.Stand, mounted bool, nth int) (lines, error) {
	payload := map[string]any{"command": [][]string{{"/bin/true"}}, "maxRunTime": 3600}
	definition := tasks.Definition{}
	if mounted {
		payload["command"] = [][]string{{"/bin/sh", "-c", "echo more >> cache/0000/00/07 && touch cache/0000/00/new && rm cache/0000/00/new"}}
		payload["mounts"] = []any{map[string]any{"directory": "cache", "cacheName": cacheName}}
		definition["scopes"] = json.RawMessage(`["generic-worker:cache:` + cacheName + `"]`)
	}
	text, err := json.Marshal(payload)
	if err != nil {
		return lines{}, err
	}
	definition["payload"] = text
	if err := definition.Fill(tasks.Defaults{Queue: measure.Pool, Name: "bench", Now: time.Now()}); err != nil {
		return lines{}, err
	}
	taskID := slugid.Nice()
	if err := s.Tasks().Create(ctx, taskID, definition.JSON()); err != nil {
		return lines{}, err
	}
	calls, err := s.Await(ctx, "queue", "reportCompleted", nth)
	if err != nil {
		return lines{}, err
	}
	seen, err := read(ctx, s, taskID)
	if err != nil {
		return lines{}, err
	}
	for _, c := range measure.Of(calls, "queue", "createArtifact") {
		if seen.uploaded.IsZero() && c.Start.After(seen.last) {
			seen.uploaded = c.Start
		}
	}
	if mounted && seen.mounted.IsZero() {
		return lines{}, errors.New("the task's log does not say that the cache was mounted")
	}
	return seen, nil
}

// read reads a task's log.
func read(ctx context.Context, s *measure.Stand, taskID string) (seen lines, err error) {
	url, err := s.Tasks().ArtifactURL(taskID, 0, "public/logs/live_backing.log", time.Minute)
	if err != nil {
		return seen, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return seen, err
	}
	reply, err := session.HTTP().Do(request)
	if err != nil {
		return seen, err
	}
	defer func() { err = errors.Join(err, reply.Body.Close()) }()
	if reply.StatusCode != http.StatusOK {
		return seen, fmt.Errorf("the task's log: %s", reply.Status)
	}
	return parse(reply.Body)
}

func parse(log io.Reader) (seen lines, err error) {
	stamped := regexp.MustCompile(`^\[taskcluster (\S+)\] (.*)`)
	scanner := bufio.NewScanner(log)
	for scanner.Scan() {
		match := stamped.FindStringSubmatch(scanner.Text())
		if match == nil {
			continue
		}
		at, err := time.Parse(time.RFC3339, match[1])
		if err != nil {
			return seen, err
		}
		seen.last = at
		switch {
		case strings.HasPrefix(match[2], "[mounts] Moving existing"):
			seen.moving = at
		case strings.HasPrefix(match[2], "[mounts] Successfully mounted"):
			seen.mounted = at
		}
	}
	return seen, scanner.Err()
}
