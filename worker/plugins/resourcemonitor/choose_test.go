package resourcemonitor

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/plugins/plugintest"
)

// metered is a sandbox that uses so much memory.
type metered struct {
	engines.Sandbox
	used uint64
	err  error
}

func (m metered) Usage(context.Context) (engines.Usage, error) {
	return engines.Usage{Memory: m.used}, m.err
}

// Of several tasks one is ended for each time that memory was short: whoever uses the most then.
func TestTheGreediestIsEnded(t *testing.T) {
	for name, test := range map[string]struct {
		sandboxes []engines.Sandbox
		freed     bool // by the end of the first
		want      []int
	}{
		"the largest":             {[]engines.Sandbox{metered{used: 1}, metered{used: 3}, metered{used: 2}}, true, []int{1}},
		"one after another":       {[]engines.Sandbox{metered{used: 1}, metered{used: 3}, metered{used: 2}}, false, []int{1, 2, 0}},
		"nothing is known":        {[]engines.Sandbox{nil, nil}, true, nil},
		"one is known":            {[]engines.Sandbox{nil, metered{used: 5}}, true, []int{1}},
		"one cannot say":          {[]engines.Sandbox{metered{used: 1}, metered{err: errors.New("gone")}}, true, []int{0}},
		"one is alone on machine": {[]engines.Sandbox{metered{used: 0}}, true, []int{0}},
	} {
		t.Run(name, func(t *testing.T) {
			runs := make([]*plugintest.Run, len(test.sandboxes))
			for i := range runs {
				runs[i] = plugintest.NewRun(t, `{}`)
			}
			synctest.Test(t, func(t *testing.T) {
				var ended []int
				p := &Plugin{config: config()}
				p.read = func() (memory, error) {
					if test.freed && len(ended) > 0 {
						return memory{20 * gib, 10 * gib}, nil
					}
					return memory{20 * gib, 0}, nil
				}
				for i, s := range test.sandboxes {
					made, err := p.New(runs[i].Run)
					if err != nil {
						t.Fatal(err)
					}
					h := made.(*hooks)
					runs[i].Abort = func(error) {
						ended = append(ended, i)
						go h.stop() // as the end of the commands does
					}
					if err := h.Started(t.Context(), s); err != nil {
						t.Fatal(err)
					}
					defer h.stop()
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				if test.want == nil && len(ended) == 1 {
					return // whichever noticed it first
				}
				if !slices.Equal(ended, test.want) {
					t.Errorf("ended were %v, want %v", ended, test.want)
				}
			})
		})
	}
}
