package resourcecharts

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"sort"
	"strconv"
	"strings"
	"time"
)

//go:embed page.html
var pageText string

// The charts' own coordinates; the page stretches them.
const (
	width  = 1000
	height = 100
)

// page is what the template shows.
type page struct {
	report
	Took   string
	Begun  string
	Bands  []band
	Charts []chart
	Middle string // of the time axis
}

// band is a phase in the background of each chart.
type band struct {
	Name, Took string
	X, Width   string
}

// chart is a figure with one or two lines.
type chart struct {
	Title, Note, Top, Half string
	Lines                  []line
}

// line is drawn from point to point.
type line struct {
	Name, Summary string
	Points        string
	Area          string // "" for none
}

// draw writes the page.
func draw(w io.Writer, r report) error {
	t, err := template.New("page").Parse(pageText)
	if err != nil {
		return fmt.Errorf("resourcecharts: %w", err)
	}
	p := page{
		report: r, Took: took(r.Seconds), Begun: r.Begun.Format("2006-01-02 15:04:05 UTC"),
		Middle: took(r.Seconds / 2), Charts: charts(r), //nolint:mnd // the middle
	}
	for _, f := range r.Phases {
		if f.To > f.From {
			p.Bands = append(p.Bands, band{f.Name, took(f.To - f.From), number(width * f.From / r.Seconds), number(width * (f.To - f.From) / r.Seconds)})
		}
	}
	return t.Execute(w, p) //nolint:wrapcheck // of a buffer
}

// charts are what the page shows: of the task while its commands ran, and of the machine's network to
// the end, where that is known.
func charts(r report) []chart {
	task := r.Samples[:sort.Search(len(r.Samples), func(i int) bool { return r.Samples[i].At > r.Phases[1].To })]
	all := []chart{
		newChart(r, "Processor", fmt.Sprintf("of the task; the machine has %d", r.Processors), cores,
			series{"used", "", rates(task, func(p point) float64 { return p.CPU })}),
		newChart(r, "Memory", "of the task", size,
			series{"used", "", levels(task, func(p point) float64 { return float64(p.Memory) })}),
		newChart(r, "Disk", "read and written by the task, a second", size,
			series{"read", "/s", rates(task, func(p point) float64 { return float64(p.Read) })},
			series{"written", "/s", rates(task, func(p point) float64 { return float64(p.Written) })}),
	}
	if last := r.Samples[len(r.Samples)-1]; last.Received+last.Sent > 0 {
		all = append(all, newChart(r, "Network", "of the whole machine, a second", size,
			series{"received", "/s", rates(r.Samples, func(p point) float64 { return float64(p.Received) })},
			series{"sent", "/s", rates(r.Samples, func(p point) float64 { return float64(p.Sent) })}))
	}
	return all
}

// value is one of a series.
type value struct{ at, is float64 }

// series are the values of a line.
type series struct {
	name, unit string
	values     []value
}

// levels are what samples say.
func levels(samples []point, of func(point) float64) []value {
	all := make([]value, len(samples))
	for i, p := range samples {
		all[i] = value{p.At, of(p)}
	}
	return all
}

// rates are how fast what samples say has grown, a second, since the sample before.
func rates(samples []point, of func(point) float64) []value {
	var all []value
	for i := 1; i < len(samples); i++ {
		before, p := samples[i-1], samples[i]
		if p.At > before.At {
			all = append(all, value{p.At, (of(p) - of(before)) / (p.At - before.At)})
		}
	}
	return all
}

// newChart draws series to one scale.
func newChart(r report, title, note string, format func(float64) string, all ...series) chart {
	top := 0.0
	for _, s := range all {
		for _, v := range s.values {
			top = max(top, v.is)
		}
	}
	top = ceiling(top)
	c := chart{Title: title, Note: note, Top: format(top), Half: format(top / 2)} //nolint:mnd // the middle
	for i, s := range all {
		var points strings.Builder
		sum, most := 0.0, 0.0
		for _, v := range s.values {
			fmt.Fprintf(&points, "%s,%s ", number(width*v.at/r.Seconds), number(height-height*v.is/top))
			sum, most = sum+v.is, max(most, v.is)
		}
		l := line{Name: s.name, Points: strings.TrimSpace(points.String())}
		if n := len(s.values); n > 0 {
			l.Summary = fmt.Sprintf("%s%s on average, %s%s at most", format(sum/float64(n)), s.unit, format(most), s.unit)
			if i == 0 {
				l.Area = fmt.Sprintf("%s,%d %s %s,%d", number(width*s.values[0].at/r.Seconds), height, l.Points, number(width*s.values[n-1].at/r.Seconds), height)
			}
		}
		c.Lines = append(c.Lines, l)
	}
	return c
}

// ceiling is a power of two not below v, so that it and its half are round numbers of bytes too.
func ceiling(v float64) float64 {
	top := 1.0
	for top < v && !math.IsInf(top, 0) {
		top *= 2
	}
	return top
}

// cores writes a number of processors.
func cores(v float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0") + " cores" }

// size writes a number of bytes.
func size(v float64) string {
	unit := "B"
	for _, next := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if v < 1024 {
			break
		}
		v, unit = v/1024, next
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0") + " " + unit
}

// took writes a number of seconds.
func took(s float64) string {
	const tenth = 100 * time.Millisecond
	return time.Duration(s * float64(time.Second)).Round(tenth).String()
}

// number writes a coordinate.
func number(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }
