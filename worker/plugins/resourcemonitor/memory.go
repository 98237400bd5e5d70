package resourcemonitor

import "fmt"

// memory is the machine's memory at one time, in bytes.
type memory struct{ total, available uint64 }

func (m memory) used() uint64 { return m.total - min(m.available, m.total) }

func (m memory) usedPercent() float64 {
	if m.total == 0 {
		return 0
	}
	return 100 * float64(m.used()) / float64(m.total)
}

// usage sums samples up.
type usage struct {
	samples         uint64
	available, used float64 // sums
	peak, total     uint64
}

func (u *usage) add(m memory) {
	u.samples++
	u.available += float64(m.available)
	u.used += float64(m.used())
	u.peak = max(u.peak, m.used())
	u.total = m.total
}

// tell writes the lines for the task's log, if there was a sample.
func (u *usage) tell(info func(format string, args ...any)) {
	if u.samples == 0 {
		return
	}
	n := float64(u.samples)
	const line = "%32s: %s"
	info(line+"\n"+line+"\n"+line+"\n"+line,
		"Average Available System Memory", size(uint64(u.available/n)),
		"Average System Memory Used", size(uint64(u.used/n)),
		"Peak System Memory Used", size(u.peak),
		"Total System Memory", size(u.total))
}

// size writes a number of bytes for people.
func size(bytes uint64) string {
	value, unit := float64(bytes), "B"
	for _, next := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if value < 1024 {
			break
		}
		value, unit = value/1024, next
	}
	return fmt.Sprintf("%.2f %s", value, unit)
}
