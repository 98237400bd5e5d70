package main

import (
	"math/rand/v2"
	"strconv"
)

const (
	minLine = 60
	maxLine = 200

	dwell      = 120 // lines before the log wanders on
	dwellStep  = 5   // list elements to wander
	dwellWidth = 60  // list elements around which it dwells
)

// text makes lines. The clock and the step counter run on from line to line, as in a real log.
type text struct {
	vocabulary
	random  *rand.Rand
	sources []string // paths, each of which many lines name
	tests   []string
	buf     []byte
	ms      int64 // since midnight
	step    int64
	lines   int64
	kinds   []kind
	burst   int  // lines of the present kind that are still to come
	kind    kind // what the present burst is about
}

// kind is what a run of lines is about.
type kind struct {
	weight int // of all weights
	most   int // lines in a row
	line   func(*text)
}

func kinds() []kind {
	return []kind{
		{weight: 30, most: 12, line: (*text).compile},
		{weight: 26, most: 20, line: (*text).test},
		{weight: 16, most: 8, line: (*text).service},
		{weight: 8, most: 6, line: (*text).warning},
		{weight: 6, most: 14, line: (*text).frame},
		{weight: 8, most: 10, line: (*text).fetch},
		{weight: 6, most: 4, line: (*text).metrics},
	}
}

func newText(seed uint64) *text {
	t := &text{vocabulary: newVocabulary(), kinds: kinds(), random: rand.New(rand.NewPCG(seed, 0x6c6f6767656e)), ms: 3 * 3600_000}
	for range 400 {
		folder := t.folder()
		for range 4 + t.random.IntN(12) {
			t.sources = append(t.sources, folder+"/"+t.file())
		}
	}
	for range 2000 {
		t.tests = append(t.tests, "test_"+t.pick(t.words)+"_"+t.pick(t.words)+"_"+t.pick(t.words))
	}
	return t
}

// fill returns lines of at most n bytes in all, or a part of one line when n is that small.
func (t *text) fill(n int) []byte {
	t.buf = make([]byte, 0, n+maxLine)
	for len(t.buf) < n {
		t.next()
	}
	whole := n
	for whole > 0 && t.buf[whole-1] != '\n' {
		whole--
	}
	if whole == 0 {
		whole = n
	}
	return t.buf[:whole]
}

// next appends one line of minLine to maxLine bytes.
func (t *text) next() {
	if t.burst == 0 {
		t.begin()
	}
	t.burst--
	t.lines++
	start := len(t.buf)
	t.ms += t.random.Int64N(40)
	t.kind.line(t)
	for len(t.buf)-start < minLine-1 {
		t.add(" (", strconv.Itoa(t.random.IntN(90000)), " µs)")
	}
	if len(t.buf)-start > maxLine-1 {
		t.buf = t.buf[:start+maxLine-1]
	}
	t.buf = append(t.buf, '\n')
}

// begin chooses the next kind of lines.
func (t *text) begin() {
	total := 0
	for _, k := range t.kinds {
		total += k.weight
	}
	at := t.random.IntN(total)
	for _, k := range t.kinds {
		if at < k.weight {
			t.kind = k
			break
		}
		at -= k.weight
	}
	t.burst = 1 + t.random.IntN(t.kind.most)
}

func (t *text) add(parts ...string) {
	for _, p := range parts {
		t.buf = append(t.buf, p...)
	}
}

func (t *text) number(n int) { t.buf = strconv.AppendInt(t.buf, int64(t.random.IntN(n)), 10) }

func (t *text) padded(n, digits int64) {
	for at := int64(1); at < digits; at++ {
		limit := int64(1)
		for range digits - at {
			limit *= 10
		}
		if n < limit {
			t.buf = append(t.buf, '0')
		}
	}
	t.buf = strconv.AppendInt(t.buf, n, 10)
}

func (t *text) hex(digits int) {
	const set = "0123456789abcdef"
	for digits > 0 {
		v := t.random.Uint64()
		for range min(digits, 16) {
			t.buf = append(t.buf, set[v&15])
			v >>= 4
		}
		digits -= 16
	}
}

func (t *text) pick(from []string) string { return from[t.random.IntN(len(from))] }

// near picks mostly from the part of the list that the log is about at present: a build and
// its tests dwell on neighbouring files and wander on.
func (t *text) near(from []string) string {
	if t.random.IntN(6) == 0 {
		return t.pick(from)
	}
	at := int(t.lines/dwell)*dwellStep + t.random.IntN(dwellWidth)
	return from[at%len(from)]
}

// clock appends the time of day.
func (t *text) clock() {
	ms := t.ms % 86400_000
	t.padded(ms/3600_000, 2)
	t.buf = append(t.buf, ':')
	t.padded(ms/60_000%60, 2)
	t.buf = append(t.buf, ':')
	t.padded(ms/1000%60, 2)
	t.buf = append(t.buf, '.')
	t.padded(ms%1000, 3)
}
