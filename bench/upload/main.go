// Command upload measures how fast a task's artifacts are uploaded: one large file as it is, compressed
// and to the object service, each into a server that swallows it, and many small ones into
// taskcluster-local. Beside each is what other programs, or bare calls, reach in the same run.
package main

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/workerkit/workerkit/bench/measure"
)

// options are what can be chosen.
type options struct {
	n      int
	size   int64 // of a large file
	small  int   // how many small files
	source string
	only   string
}

func main() {
	var o options
	if runSink() {
		return
	}
	flag.IntVar(&o.n, "n", 5, "how `often` each is measured")
	mib := flag.Int64("mib", 1024, "the `size` of the large file in MiB")
	flag.IntVar(&o.small, "small", 2000, "how `many` small files")
	flag.StringVar(&o.source, "source", "", "a `folder` of source text to compress; the one of Go's library when empty")
	flag.StringVar(&o.only, "only", "", "measure only these, with commas between them: identity, gzip, object, small")
	measure.Main(func(ctx context.Context, s *measure.Stand) error {
		o.size = *mib << 20
		return upload(ctx, s, o)
	})
}

func upload(ctx context.Context, s *measure.Stand, o options) error {
	wanted := func(name string) bool { return o.only == "" || slices.Contains(strings.Split(o.only, ","), name) }
	if wanted("small") { // before the root URL is another one
		if err := small(ctx, s, o); err != nil {
			return err
		}
	}
	b, err := newBench(ctx, s, o)
	if err != nil {
		return err
	}
	defer b.close()
	if wanted("identity") {
		if err := b.identity(ctx); err != nil {
			return err
		}
	}
	if wanted("gzip") {
		if err := b.gzip(ctx); err != nil {
			return err
		}
	}
	if wanted("object") {
		return b.object(ctx)
	}
	return nil
}

// compare prints our times and those of something else, and how much of its speed we reach.
func compare(what string, ours []time.Duration, than string, theirs []time.Duration) {
	seconds := func(d time.Duration) string { return fmt.Sprintf("%.3f s", d.Seconds()) }
	measure.Spread(what, ours, seconds)
	measure.Spread("  "+than, theirs, seconds)
	measure.Row("  of its speed", fmt.Sprintf("%.0f %%", 100*median(theirs).Seconds()/median(ours).Seconds()), "target 90 %")
}

func median(all []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[(len(sorted)-1)/2]
}
