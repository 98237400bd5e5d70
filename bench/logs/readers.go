package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/workerkit/workerkit/bench/measure"
	"github.com/workerkit/workerkit/local/session"
)

// readers are viewers of a live log: some take 1 MB/s, some take nothing.
type readers struct{ slow, stuck int }

// String is what the rows say.
func (r readers) String() string {
	if r == (readers{}) {
		return ""
	}
	return fmt.Sprintf(", %d readers and %d stuck", r.slow, r.stuck)
}

// watch has the log of a task read until the task ends or the function that it returns is called.
// The log has been reached by all when it returns.
func (r readers) watch(ctx context.Context, s *measure.Stand, task string) (stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	stop = func() {
		cancel()
		wg.Wait()
	}
	if r.slow+r.stuck == 0 {
		return stop, nil
	}
	url, err := liveURL(ctx, s, task)
	for i := range r.slow + r.stuck {
		var reply *http.Response
		if err == nil {
			reply, err = view(ctx, url, "")
		}
		if err != nil {
			stop()
			return nil, err
		}
		wg.Go(func() {
			defer reply.Body.Close()
			if i < r.slow {
				sip(ctx, reply.Body)
			}
			<-ctx.Done()
		})
	}
	return stop, nil
}

// sip reads 1 MB/s.
func sip(ctx context.Context, r io.Reader) {
	const each = 50 * time.Millisecond
	tick := time.NewTicker(each)
	defer tick.Stop()
	buf := make([]byte, int(1e6*each.Seconds()))
	for {
		if _, err := io.ReadFull(r, buf); err != nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// liveURL waits for the artifact of the live log and returns where it leads.
func liveURL(ctx context.Context, s *measure.Stand, task string) (string, error) {
	artifact, err := s.Tasks().ArtifactURL(task, 0, "public/logs/live.log", time.Minute)
	if err != nil {
		return "", err
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, artifact, nil)
		if err != nil {
			return "", err
		}
		reply, err := client.Do(request)
		if err != nil {
			return "", err
		}
		_ = reply.Body.Close()
		if location := reply.Header.Get("Location"); location != "" {
			return location, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
}

// view asks for a log, or a range of it, not compressed.
func view(ctx context.Context, url, span string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept-Encoding", "identity")
	if span != "" {
		request.Header.Set("Range", span)
	}
	reply, err := session.HTTP().Do(request)
	if err != nil {
		return nil, err
	}
	if reply.StatusCode/100 != 2 {
		_ = reply.Body.Close()
		return nil, fmt.Errorf("the live log: %s", reply.Status)
	}
	return reply, nil
}
