package measure

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"time"
)

// Row prints a row of the table: what, the figure, and how it varied or what to compare.
func Row(what, figure, note string) { fmt.Printf("%-54s %10s   %s\n", what, figure, note) }

// Spread prints a row with the median of values and their 10th and 90th percentile.
func Spread[T cmp.Ordered](what string, values []T, show func(T) string) {
	sorted := slices.Sorted(slices.Values(values))
	if len(sorted) == 0 {
		Row(what, "-", "nothing measured")
		return
	}
	at := func(percent int) string { return show(sorted[(len(sorted)-1)*percent/100]) }
	Row(what, at(50), fmt.Sprintf("%s to %s, n=%d", at(10), at(90), len(sorted)))
}

// Target prints a row with the median of values, their 95th percentile, and what the median is
// meant to be; "" when nobody has said.
func Target[T cmp.Ordered](what string, values []T, target string, show func(T) string) {
	sorted := slices.Sorted(slices.Values(values))
	if len(sorted) == 0 {
		Row(what, "-", "nothing measured")
		return
	}
	at := func(percent int) string { return show(sorted[(len(sorted)-1)*percent/100]) }
	note := fmt.Sprintf("p95 %s, n=%d", at(95), len(sorted))
	if target != "" {
		note += "; target " + target
	}
	Row(what, at(50), note)
}

// Percentile prints a row with one percentile of values.
func Percentile[T cmp.Ordered](what string, values []T, percent int, show func(T) string) {
	sorted := slices.Sorted(slices.Values(values))
	if len(sorted) > 0 {
		Row(what, show(sorted[(len(sorted)-1)*percent/100]), fmt.Sprintf("worst %s, n=%d", show(sorted[len(sorted)-1]), len(sorted)))
	}
}

// Spans prints the three rows of spans, with what their own time is meant to be, "" for nothing.
func Spans(what string, spans []Span, target string) {
	var wall, own []time.Duration
	var calls []int
	for _, s := range spans {
		wall, own, calls = append(wall, s.Wall), append(own, s.Own), append(calls, s.Calls)
	}
	Spread(what+": wall", wall, Milliseconds)
	Target(what+": own (no call in flight)", own, target, Milliseconds)
	Spread(what+": calls", calls, Number)
}

// Number shows a number.
func Number(n int) string { return fmt.Sprint(n) }

// Milliseconds shows a duration.
func Milliseconds(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1e3) }

// Mebibytes shows a size.
func Mebibytes(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }

// Exit ends a benchmark that failed.
func Exit(err error) {
	fmt.Fprintln(os.Stderr, "bench:", err)
	os.Exit(1)
}
