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
	Compiled Level = "compiled only"
)

// Seen is what was executed: files by name.
type Seen struct{ Linux, Wine map[string]bool }

// Level is the best that was seen of a leaf. A run on a system that does not build the leaf counts for
// nothing, whatever a profile says.
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

// Page writes the two tables of docs/platforms.md: how many leaves each system has, and all leaves.
func Page(leaves []Leaf, seen Seen) string {
	var b strings.Builder
	b.WriteString("## How many\n\n| system | leaves | run, on Linux | run under Wine | compiled only |\n|---|---|---|---|---|\n")
	for _, system := range Systems() {
		count := map[Level]int{}
		total := 0
		for _, l := range leaves {
			if l.On(system) {
				count[seen.Level(l)]++
				total++
			}
		}
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d |\n", system, total, count[Run], count[Wine], count[Compiled])
	}
	b.WriteString("\nWhat windows, darwin and freebsd have in the column of Linux are files that they share with it.\n")
	b.WriteString("\n## All\n\n| file | built for | level |\n|---|---|---|\n")
	for _, l := range leaves {
		b.WriteString(row(l, seen.Level(l)))
	}
	return b.String()
}

func row(l Leaf, level Level) string {
	return fmt.Sprintf("| `%s` | %s | %s |\n", l.Name, strings.Join(l.Systems, " "), level)
}

// Claims reads the second table of the page: the level of each leaf.
func Claims(page string) (map[string]Level, error) {
	claims := map[string]Level{}
	for line := range strings.Lines(page) {
		cells := strings.Split(strings.TrimSpace(line), " | ")
		name, is := strings.CutPrefix(cells[0], "| `")
		if !is || len(cells) != 3 {
			continue
		}
		name = strings.TrimSuffix(name, "`")
		if _, twice := claims[name]; twice {
			return nil, fmt.Errorf("%s is there twice", name)
		}
		claims[name] = Level(strings.TrimSuffix(cells[2], " |"))
	}
	return claims, nil
}
