package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/taskcluster/slugid-go/slugid"
	"golang.org/x/sync/errgroup"

	"github.com/workerkit/workerkit/bench/measure"
	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/local/tasks"
)

const smallSize = 10 << 10

// small compares many small files with bare calls, so many in flight as are best.
func small(ctx context.Context, s *measure.Stand, o options) error {
	if err := s.NewPool(ctx, "bench/small"); err != nil {
		return err
	}
	machine, err := s.MachineIn(ctx, "bench/small", 1, nil)
	if err != nil {
		return err
	}
	var ours []time.Duration
	for range o.n {
		took, err := smallTask(ctx, s, o.small)
		if err != nil {
			return err
		}
		ours = append(ours, took)
	}
	if err := machine.Stop(); err != nil {
		return err
	}
	best, most := []time.Duration(nil), 0
	for _, inFlight := range []int{4, 8, 16, 24, 32, 48, 64} {
		var all []time.Duration
		for range o.n {
			took, err := bare(ctx, s, o.small, inFlight)
			if err != nil {
				return err
			}
			all = append(all, took)
		}
		measure.Row(fmt.Sprintf("  bare calls, %d in flight", inFlight), fmt.Sprintf("%.0f/s", float64(o.small)/median(all).Seconds()), "")
		if best == nil || median(all) < median(best) {
			best, most = all, inFlight
		}
	}
	compare(fmt.Sprintf("%d files of 10 KiB, %s", o.small, s.Engine), ours, fmt.Sprintf("bare calls, %d in flight", most), best)
	return nil
}

// smallTask runs a task that leaves small files, and tells the time from its first createArtifact to
// the end of its last PUT before the log's.
func smallTask(ctx context.Context, s *measure.Stand, n int) (time.Duration, error) {
	ctx, done := context.WithTimeoutCause(ctx, taskTime, errors.New("the task was not completed"))
	defer done()
	script := fmt.Sprintf("mkdir out && head -c %d /dev/urandom | split -b %d -a 5 - out/f && sync -f out", n*smallSize, smallSize)
	payload, err := json.Marshal(map[string]any{
		"command": [][]string{{"/bin/sh", "-c", script}}, "maxRunTime": 3600, "features": map[string]bool{"backingLog": false, "liveLog": false},
		"artifacts": []any{map[string]any{"type": "directory", "path": "out", "name": "public/out"}},
	})
	if err != nil {
		return 0, err
	}
	definition := tasks.Definition{"payload": payload}
	if err := definition.Fill(tasks.Defaults{Queue: "bench/small", Name: "bench", Now: time.Now()}); err != nil {
		return 0, err
	}
	before, err := s.Await(ctx, "queue", "reportCompleted", 0)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if err := s.Tasks().Create(ctx, slugid.Nice(), definition.JSON()); err != nil {
		return 0, err
	}
	calls, err := s.Await(ctx, "queue", "reportCompleted", len(measure.Of(before, "queue", "reportCompleted"))+1)
	if err != nil {
		return 0, err
	}
	var first, last time.Time
	count := 0
	for _, c := range calls {
		if c.Start.Before(began) {
			continue
		}
		if c.Method == "createArtifact" && first.IsZero() {
			first = c.Start
		}
		if c.Service == "blob" && c.Method == http.MethodPut {
			last, count = c.End, count+1
		}
	}
	if count != n {
		return 0, fmt.Errorf("%d files were uploaded, not %d", count, n)
	}
	return last.Sub(first), nil
}

// bare makes as many artifacts as a task would, with so many calls in flight.
func bare(ctx context.Context, s *measure.Stand, n, inFlight int) (time.Duration, error) {
	const pool = "bench/bare"
	definition := tasks.Definition{"payload": []byte("{}")}
	if err := definition.Fill(tasks.Defaults{Queue: pool, Name: "bench", Now: time.Now()}); err != nil {
		return 0, err
	}
	if err := s.Tasks().Create(ctx, slugid.Nice(), definition.JSON()); err != nil {
		return 0, err
	}
	client := tc.NewHTTP()
	client.Transport.(*http.Transport).MaxIdleConnsPerHost = inFlight
	defer client.CloseIdleConnections()
	calls := tc.New(s.RootURL, client, retry.API())
	claims, err := calls.Work(s.Credentials(), tc.WorkerName{Pool: pool, Group: "bench", ID: "bare"}).Claim(ctx, 1)
	if err != nil {
		return 0, err
	}
	if len(claims) != 1 {
		return 0, fmt.Errorf("%d claims", len(claims))
	}
	queue := calls.Run(tc.Fixed(claims[0].Credentials), claims[0].TaskID, claims[0].RunID)
	data := strings.Repeat("x", smallSize)
	began := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(inFlight)
	for i := range n {
		group.Go(func() error { return bareOne(ctx, client, queue, "public/out/"+strconv.Itoa(i), data) })
	}
	err = group.Wait()
	return time.Since(began), err
}

func bareOne(ctx context.Context, client *http.Client, queue tc.TaskQueue, name, data string) error {
	length := int64(len(data))
	up, err := queue.CreateArtifact(ctx, name, tc.Artifact{StorageType: "s3", Expires: time.Now().Add(time.Hour), ContentType: "text/plain", ContentLength: &length})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, up.PutURL, strings.NewReader(data))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", up.ContentType)
	reply, err := client.Do(request)
	if err != nil {
		return err
	}
	if reply.StatusCode != http.StatusOK {
		err = fmt.Errorf("PUT: %s", reply.Status)
	}
	return errors.Join(err, reply.Body.Close())
}
