package service

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestServe: a service is asked to end, reports that it is still at it, and ends with its own code.
func TestServe(t *testing.T) {
	for name, c := range map[string]struct {
		ask  request
		want error
	}{"stop": {stop, ErrStop}, "shutdown": {shutdown, ErrShutdown}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var told []progress
				var why error
				requests := make(chan request)
				ended := make(chan int)
				go func() {
					ended <- serve(requests, func(p progress) { told = append(told, p) }, func(ctx context.Context) int {
						<-ctx.Done()
						why = context.Cause(ctx)
						time.Sleep(90*time.Second + time.Millisecond) // as a drain may
						return 72
					})
				}()
				requests <- interrogate
				requests <- c.ask
				requests <- c.ask // again changes nothing
				if code := <-ended; code != 72 || !errors.Is(why, c.want) {
					t.Errorf("code %d, cause %v", code, why)
				}
				states := map[State]int{}
				last := uint32(0)
				for i, p := range told {
					states[p.state]++
					if p.state == StopPending && (p.hint <= stillStopping || p.checkpoint < last) {
						t.Errorf("report %d: %+v", i, p)
					}
					last = p.checkpoint
				}
				if told[0].state != StartPending || states[Running] != 2 || last != 90 || states[StopPending] != 92 {
					t.Errorf("reported %v, the last checkpoint is %d", states, last)
				}
			})
		})
	}
}

// TestServeAProgramThatEndsByItself.
func TestServeAProgramThatEndsByItself(t *testing.T) {
	var told []State
	code := serve(make(chan request), func(p progress) { told = append(told, p.state) }, func(context.Context) int { return 67 })
	if code != 67 || len(told) != 2 || told[1] != Running {
		t.Errorf("code %d, told %v", code, told)
	}
}
