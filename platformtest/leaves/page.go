package leaves

import (
	"fmt"
	"strings"
)

// Level says how a leaf was seen to work.
type Level string

// The levels, as the page has them.
const (
	Run      Level = "run"
	Wine     Level = "run under Wine"
	Emulated Level = "run under emulation"
	Compiled Level = "compiled only"
)

// Seen is what was executed: files by name, in programs for amd64, and in those for arm64 under
// emulation.
type Seen struct{ Linux, Wine, ARM64 map[string]bool }

// Level is the best that was seen of a leaf on amd64. A run on a system that does not build the leaf
// counts for nothing, whatever a profile says.
func (s Seen) Level(l Leaf) Level {
	switch {
	case s.Linux[l.Name] && l.On("linux"):
		return Run
	case s.Wine[l.Name] && l.On("windows"):
		return Wine
	default:
		return Compiled
	}
}

// LevelOnARM64 is what was seen of a leaf on arm64, which is Linux alone.
func (s Seen) LevelOnARM64(l Leaf) Level {
	if s.ARM64[l.Name] && l.On("linux") {
		return Emulated
	}
	return Compiled
}

// Page writes the two tables of docs/platforms.md that are about leaves: how many each system has, and
// all of them.
func Page(leaves []Leaf, seen Seen) string {
	var b strings.Builder
	b.WriteString("## How many\n\n| system | leaves | run, on Linux | run under Wine | compiled only | for arm64, run under emulation, on Linux |\n|---|---|---|---|---|---|\n")
	for _, system := range Systems() {
		count := map[Level]int{}
		total, emulated := 0, 0
		for _, l := range leaves {
			if !l.On(system) {
				continue
			}
			total++
			count[seen.Level(l)]++
			if seen.LevelOnARM64(l) == Emulated {
				emulated++
			}
		}
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d |\n", system, total, count[Run], count[Wine], count[Compiled], emulated)
	}
	b.WriteString("\nWhat windows, darwin and freebsd have in the columns of Linux are files that they share with it.\n")
	b.WriteString("\n## All\n\n| file | built for | on amd64 | on arm64 |\n|---|---|---|---|\n")
	for _, l := range leaves {
		b.WriteString(row(l, Claim{seen.Level(l), seen.LevelOnARM64(l)}))
	}
	return b.String()
}

// Claim is what the page says of a leaf.
type Claim struct{ AMD64, ARM64 Level }

func row(l Leaf, c Claim) string {
	return fmt.Sprintf("| `%s` | %s | %s | %s |\n", l.Name, strings.Join(l.Systems, " "), c.AMD64, c.ARM64)
}

// Claims reads the table of all leaves.
func Claims(page string) (map[string]Claim, error) {
	claims := map[string]Claim{}
	for line := range strings.Lines(page) {
		cells := strings.Split(strings.TrimSpace(line), " | ")
		name, is := strings.CutPrefix(cells[0], "| `")
		if !is || len(cells) != 4 {
			continue
		}
		name = strings.TrimSuffix(name, "`")
		if _, twice := claims[name]; twice {
			return nil, fmt.Errorf("%s is there twice", name)
		}
		claims[name] = Claim{Level(cells[2]), Level(strings.TrimSuffix(cells[3], " |"))}
	}
	return claims, nil
}
